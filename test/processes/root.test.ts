// What a process sees as its root.
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { BindMount, type ContainerRoot, OverlayMount, run, spawn } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { patience } from '../fixtures/native/child.js';
import { privileged } from '../support/privileges.js';
import { scale } from '../support/scale.js';

const SYSTEM = ['usr', 'bin', 'sbin', 'lib', 'lib64'];
const all = { pid: 'new', mnt: 'new', net: 'new', ipc: 'new', uts: 'new', user: 'new' } as const;
const env = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin' };

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'nsnet-root-'));
});
afterEach(() => rmSync(base, { recursive: true }));

const system = SYSTEM.filter((name) => readdirSync('/').includes(name));
const mounts = system.map((name) => ({ source: `/${name}`, target: `/${name}`, readonly: true }));

/** What a shell prints that has this machine's programs, in the root. */
async function inRoot(script: string, root: Partial<ContainerRoot> = {}, namespaces: object = all) {
  const given = [...mounts, ...(root.mounts ?? [])];
  return run('sh', ['-c', script], {
    root: { base, ...root, mounts: given },
    namespaces,
    env,
    reject: false,
  });
}

const lines = (text: string) => text.trim().split('\n');

test('has the usual layout, and nothing of the machine’s', async () => {
  const { stdout } = await inRoot('ls /; ls /dev; ls /proc/1/exe; cut -d" " -f5 /proc/self/mountinfo');
  expect(lines(stdout)).toEqual(
    expect.arrayContaining(['dev', 'proc', 'sys', 'null', 'pts', 'shm', '/proc/1/exe', '/dev/pts']),
  );
  expect(lines(stdout)).not.toContain('home');
  expect(lines(stdout)).not.toContain('kmsg');
});

test('its devices are the kernel’s, and work', async () => {
  const { stdout } = await inRoot(
    'echo x >/dev/null && head -c 4 /dev/zero | od -An -tx1; stat -c "%t %T" /dev/null /dev/urandom',
  );
  expect(lines(stdout).map((line) => line.trim())).toEqual(['00 00 00 00', '1 3', '1 9']);
});

test('what tells of the machine, or changes it, is hidden or read-only', async () => {
  const { stdout, stderr } = await inRoot(
    'cat /proc/kcore /proc/keys 2>/dev/null | wc -c; ls /sys/firmware | wc -l; echo x > /proc/sys/kernel/hostname; touch /sys/x',
  );
  expect(lines(stdout)).toEqual(['0', '0']);
  expect(stderr.match(/Read-only file system/g)).toHaveLength(2);
});

test('read-only, with places that can be written', async () => {
  const { stdout, stderr } = await inRoot('touch /x; touch /scratch/x /dev/shm/x && echo done', {
    readonly: true,
    mounts: [{ type: 'tmpfs', target: '/scratch', size: '1M' }],
  });
  expect(stderr).toContain('Read-only file system');
  expect(stdout).toBe('done\n');
  expect(readdirSync(join(base, 'scratch'))).toEqual([]);
});

test('a file mounted in it', async () => {
  const hosts = join(base, 'hosts-of-this-test');
  writeFileSync(hosts, '10.0.0.1 other\n');
  const { stdout } = await inRoot('cat /etc/hosts', { mounts: [{ source: hosts, target: '/etc/hosts' }] });
  expect(stdout).toBe('10.0.0.1 other\n');
});

test.each(['proc', 'sys', 'dev'])('a base in which /%s is a link is refused', async (name) => {
  mkdirSync(join(base, 'elsewhere'));
  symlinkSync('/elsewhere', join(base, name));
  await expect(inRoot('true')).rejects.toMatchObject({ code: 'ELOOP', syscall: 'openat2' });
});

test('a target that leads over links stays in it', async () => {
  symlinkSync('/../../../../tmp', join(base, 'out'));
  mkdirSync(join(base, 'tmp'));
  const { stdout } = await inRoot('ls /tmp', { mounts: [{ type: 'tmpfs', target: '/out/nsnet-escaped' }] });
  expect(stdout).toBe('nsnet-escaped\n');
  expect(readdirSync('/tmp')).not.toContain('nsnet-escaped');
});

// CVE-2024-21626: runc left a descriptor of the host's open while it looked up what the image had made.
test.each(['cwd', 'file'])(
  'through no link to a descriptor does a %s lead out of it',
  async (what) => {
    const marker = join(base, 'outside');
    writeFileSync(marker, '');
    const inside = join(base, 'inside');
    mkdirSync(inside);
    for (let fd = 3; fd < 120; fd++) {
      const link = join(inside, `link${fd}`);
      symlinkSync(
        what === 'cwd' ? `/proc/self/fd/${fd}/..` : `/proc/self/fd/${fd}/../../../../../../usr/bin/true`,
        link,
      );
    }
    for (let fd = 3; fd < 120; fd += scale < 1 ? 10 : 1) {
      const root = { base: inside, mounts };
      const options = { root, namespaces: all, env, stdio: 'ignore' } as const;
      const started = await (what === 'cwd'
        ? spawn('test', ['-e', 'outside'], { ...options, cwd: `/link${fd}` })
        : spawn(`/link${fd}`, [], options)
      ).catch((error) => error.code);
      if (typeof started === 'string')
        expect(['ENOENT', 'EXDEV', 'EACCES', 'ENOTDIR', 'ELOOP']).toContain(started);
      else expect((await started.exited).code).not.toBe(0);
    }
  },
  120_000,
);

test(
  'a mount point is made by no link to a descriptor',
  async () => {
    const inside = join(base, 'inside');
    mkdirSync(inside);
    for (let fd = 3; fd < 100; fd += scale < 1 ? 10 : 3) {
      symlinkSync(`/proc/self/fd/${fd}/..`, join(inside, `link${fd}`));
      const root = { base: inside, mounts: [{ type: 'tmpfs', target: `/link${fd}/nsnet-made` }] } as const;
      await run('true', [], { root, namespaces: all, reject: false }).catch(() => {});
    }
    expect(readdirSync(base)).toEqual(['inside']);
  },
  patience(60_000),
);

test('what is mounted below /sys, and below a read-only base, is read-only, too', async () => {
  const script =
    'while read -r _ _ _ _ at options _; do case $at in /sys*) echo $options;; esac; done < /proc/self/mountinfo';
  const { net: _, ...namespaces } = all;
  const { stdout } = await inRoot(script, {}, namespaces);
  for (const options of lines(stdout))
    expect(options.split(',')).toEqual(expect.arrayContaining(['ro', 'nosuid', 'nodev']));
});

describe.runIf(privileged)('as root, without a user namespace', () => {
  const { user: _, ...namespaces } = all;

  test('the same layout; an overlay as its base', async () => {
    mkdirSync(join(base, 'upper'));
    mkdirSync(join(base, 'work'));
    mkdirSync(join(base, 'lower'));
    await using overlay = await OverlayMount.create({
      lower: [join(base, 'lower')],
      upper: join(base, 'upper'),
      work: join(base, 'work'),
      target: join(base, 'lower'),
    });
    const { stdout } = await inRoot('echo changed > /changed; ls /dev/null', { base: overlay }, namespaces);
    expect(stdout).toBe('/dev/null\n');
    expect(readFileSync(join(base, 'upper/changed'), 'utf8')).toBe('changed\n');
  });

  test('a detached bind as the base, and in it', async () => {
    const [major = 0, minor = 0] = release().split('.').map(Number);
    if (major < 6 || (major === 6 && minor < 15)) return;
    await using bind = await BindMount.create({ source: base });
    await using usr = await BindMount.create({ source: '/usr', readonly: true });
    const root = { base: bind, mounts: [...mounts, { source: usr, target: '/mnt' }] };
    const { stdout } = await run('ls', ['/mnt/bin/env'], { root, namespaces, env });
    expect(stdout).toBe('/mnt/bin/env\n');
  });

  test('a plain directory as the root has what it has', async () => {
    const { stdout } = await run('ls', ['/'], { root: '/usr', env: { PATH: '/bin' } });
    expect(lines(stdout)).toEqual(readdirSync('/usr').sort());
  });
});

test('nothing of it is seen here', async () => {
  const before = readFileSync('/proc/self/mountinfo', 'utf8');
  await inRoot('true');
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(before);
});
