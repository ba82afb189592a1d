// nginx in a container of podman's that has no network. All of it is in one directory, which is removed with it.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findTool } from '../../../scripts/support/find-tool.mjs';
import { run } from '../../support/witness.js';

export const PAGE = 'nginx in a container\n';

const CONFIGURATION = `
daemon off;
user root;
worker_processes 1;
error_log stderr;
pid /run/nginx.pid;
events { worker_connections 64; }
http {
  access_log off;
  server { listen 80; root /html; }
}
`;

/** Neither locks in /dev/shm, nor a journal: they would be the machine's. */
const ENGINE = `
[engine]
lock_type = "file"
events_logger = "none"
`;

/** The program, the libraries it is linked with, and the few files that it reads. */
async function fillRoot(root: string, program: string): Promise<void> {
  const linked = await run('ldd', [program]);
  const libraries = [...linked.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path as string);
  for (const path of [program, ...libraries, '/etc/passwd', '/etc/group']) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    cpSync(path, join(root, path), { dereference: true });
  }
  for (const path of ['html', 'run', 'var/log/nginx', 'var/lib/nginx', 'etc/nginx'])
    mkdirSync(join(root, path), { recursive: true });
  writeFileSync(join(root, 'etc/nginx/nginx.conf'), CONFIGURATION);
  writeFileSync(join(root, 'html/index.html'), PAGE);
}

/** The tools that are missing. */
export const missing = ['podman', 'runc', 'nginx'].filter((name) => !findTool(name));

/** One container that runs. */
export interface Container {
  readonly pid: number;
  remove(): Promise<void>;
}

export async function startNginx(): Promise<Container> {
  const directory = mkdtempSync(join(tmpdir(), 'nsnet-podman-'));
  const at = (name: string) => join(directory, name);
  const podman = (...args: string[]) =>
    run('env', [
      `CONTAINERS_CONF=${at('containers.conf')}`,
      'podman',
      ...['--storage-driver', 'vfs', '--root', at('root'), '--runroot', at('run'), '--tmpdir', at('tmp')],
      ...['--cgroup-manager', 'cgroupfs', '--runtime', 'runc'],
      ...args,
    ]);
  const remove = async () => {
    await podman('rm', '--all', '--force', '--time', '0').catch(() => '');
    await podman('rmi', '--all', '--force').catch(() => '');
    await run('sh', ['-c', `grep -o '${directory}[^ ]*' /proc/self/mounts | sort -r | xargs -r umount`]);
    rmSync(directory, { recursive: true });
  };
  try {
    writeFileSync(at('containers.conf'), ENGINE);
    await fillRoot(at('files'), findTool('nginx') as string);
    await run('tar', ['-C', at('files'), '-cf', at('image.tar'), '.']);
    await podman('import', '--quiet', at('image.tar'), 'localhost/nginx');
    const limits = ['nofile', 'nproc'].flatMap((name) => ['--ulimit', `${name}=1024:1024`]);
    const options = ['--detach', '--network', 'none', '--name', 'web', ...limits];
    await podman('run', ...options, 'localhost/nginx', '/usr/sbin/nginx', '-c', '/etc/nginx/nginx.conf');
    const pid = Number(await podman('inspect', '--format', '{{.State.Pid}}', 'web'));
    if (!(pid > 0)) throw new Error(`it does not run: ${await podman('logs', 'web')}`);
    return { pid, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
