// What Node programs use today to start a program: child_process, and by it unshare, bubblewrap, crun.
// Usage: spawn.mjs child_process|unshare|bwrap|crun plain|isolated.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';

const AGAIN = 50;
const [program, way] = process.argv.slice(2);
const isolated = {
  unshare: ['unshare', '--net', '--mount', '--pid', '--fork', '--uts', '--ipc', '/bin/true'],
  bwrap: [
    'bwrap',
    '--unshare-net',
    '--unshare-pid',
    '--unshare-uts',
    '--unshare-ipc',
    '--bind',
    '/',
    '/',
    '/bin/true',
  ],
};
if (program === 'crun' && way === 'isolated') isolated.crun = bundle();
const [file, ...args] = way === 'isolated' ? isolated[program] : ['/bin/true'];

/** An OCI bundle that shows this machine's programs. */
function bundle() {
  // Of the groups of both versions at once crun knows nothing; the mount is this benchmark's own.
  spawnSync('umount', ['/sys/fs/cgroup/unified']);
  const at = '/run/bundle';
  mkdirSync(`${at}/rootfs/dev`, { recursive: true });
  const shown = ['/usr', '/bin', '/lib', '/lib64'].map((path) => {
    mkdirSync(at + '/rootfs' + path);
    return { destination: path, type: 'bind', source: path, options: ['rbind'] };
  });
  const config = {
    ociVersion: '1.0.2',
    process: { user: { uid: 0, gid: 0 }, args: ['/bin/true'], env: ['PATH=/bin'], cwd: '/' },
    root: { path: `${at}/rootfs` },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }, ...shown],
    linux: { namespaces: ['network', 'mount', 'pid', 'uts', 'ipc'].map((type) => ({ type })) },
  };
  writeFileSync(`${at}/config.json`, JSON.stringify(config));
  const options = ['--root', '/run/crun', '--cgroup-manager=disabled'];
  return ['crun', ...options, 'run', '--bundle', at, 'measured'];
}

function once() {
  return new Promise((resolve, reject) => {
    const start = process.hrtime.bigint();
    spawn(file, args, { stdio: 'ignore' })
      .on('error', reject)
      .on('exit', (code) => {
        if (code === 0) resolve(Number(process.hrtime.bigint() - start));
        else reject(new Error(`${file} exited with ${code}`));
      });
  });
}

const samples = [];
for (let i = 0; i <= AGAIN; i++) samples.push(await once());
const [first, ...again] = samples;
console.log(JSON.stringify({ first, again: again.sort((a, b) => a - b)[AGAIN >> 1] }));
