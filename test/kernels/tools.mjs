// The programs that the matrix needs on this machine, and how they get there.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];

const tools = {
  qemu: { names: ['qemu-system-x86_64'], packages: ['qemu-system-x86'] },
  // Debian 12 ships it with QEMU, Debian 13 as a package of its own.
  virtiofsd: {
    names: ['/usr/lib/qemu/virtiofsd', '/usr/libexec/virtiofsd'],
    packages: ['virtiofsd', 'qemu-system-common'],
  },
  busybox: { names: ['busybox'], packages: ['busybox-static'] },
  xz: { names: ['xz'], packages: ['xz-utils'] },
  mkfs: { names: ['mkfs.ext4'], packages: ['e2fsprogs'] },
  setpriv: { names: ['setpriv'], packages: ['util-linux'] },
  ip: { names: ['ip'], packages: ['iproute2'] },
};

/** The path of every tool, by its key above; installs what is missing. */
export function needTools() {
  if (process.arch !== 'x64')
    throw new Error('the kernel matrix boots x86-64 kernels, and this is not such a machine');
  if (process.getuid() !== 0)
    throw new Error('the kernel matrix shares this root file system, so it must run as root');
  const missing = Object.values(tools).filter(({ names }) => !find(names));
  if (missing.length > 0) install(missing);
  return Object.fromEntries(Object.entries(tools).map(([key, { names }]) => [key, find(names)]));
}

function install(missing) {
  if (!find(['apt-get'])) throw new Error(`missing: ${missing.map(({ names }) => names[0]).join(', ')}`);
  run('apt-get', ['update']);
  for (const { names, packages } of missing) {
    const available = packages.find(
      (name) => spawnSync('apt-cache', ['show', name], { stdio: 'ignore' }).status === 0,
    );
    if (!available) throw new Error(`no package for ${names[0]} (looked for ${packages.join(', ')})`);
    run('apt-get', ['install', '-y', '--no-install-recommends', available]);
    if (!find(names))
      throw new Error(`package ${available} is installed, but ${names.join(' or ')} is not there`);
  }
}

/** Runs a program with its output visible, saying first what is run. */
export function run(command, args, options = {}) {
  console.log(`$ ${[command, ...args].join(' ')}`);
  const { status, error } = spawnSync(command, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    ...options,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args[0]} failed with exit code ${status}`);
}

function find(names) {
  const paths = names.flatMap((name) =>
    name.startsWith('/') ? [name] : directories.map((at) => join(at, name)),
  );
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
