// A shell in a container of its own, as root or as an ordinary user: npm run build && node build/examples/container.js
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'nsnet';

const base = mkdtempSync(join(tmpdir(), 'container-'));
const system = readdirSync('/')
  .filter((name) => /^(usr|bin|sbin|lib|lib64)$/.test(name))
  .map((name) => ({ source: `/${name}`, target: `/${name}`, readonly: true }));
const script = `
echo "host name: $(hostname)"
echo "user id:   $(id -u)"
echo "first:     $(cat /proc/1/comm)"
echo "network:   $(ls /sys/class/net)"
echo "in /dev:   $(echo /dev/*)"
touch /usr/x 2>/dev/null || echo "/usr:      read-only"
`;

const { stdout } = await run('sh', ['-c', script], {
  root: { base, mounts: system },
  namespaces: { user: 'new', pid: 'new', mnt: 'new', net: 'new', ipc: 'new', uts: 'new', cgroup: 'new' },
  hostname: 'container',
  env: { PATH: '/usr/bin:/bin' },
});
process.stdout.write(stdout);
rmSync(base, { recursive: true });
