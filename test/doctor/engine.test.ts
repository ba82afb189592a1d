// A real container engine around it, where there is one.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { scale } from '../support/scale.js';
import { cli, doctorIn } from './support/conditions.js';

function runs(...command: string[]): boolean {
  try {
    execFileSync('sh', ['-c', 'exec "$@"', 'sh', ...command], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const checkout = join(dirname(cli), '..');
let place: string;

/** What doctor says in a container of podman's, started with these options. */
function inPodman(...options: string[]) {
  const where = [
    '--root',
    join(place, 'root'),
    '--runroot',
    join(place, 'run'),
    '--tmpdir',
    join(place, 'tmp'),
  ];
  const engine = [
    '--storage-driver',
    'vfs',
    '--cgroup-manager',
    'cgroupfs',
    '--runtime',
    'runc',
    '--events-backend',
    'none',
  ];
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];
  const volumes = [...new Set(['/usr', checkout, dirname(process.execPath)])].flatMap((path) => [
    '-v',
    `${path}:${path}:ro`,
  ]);
  const run = [
    'run',
    '--rm',
    '--network',
    'none',
    ...limits,
    ...volumes,
    ...options,
    '--rootfs',
    join(place, 'rootfs'),
  ];
  return doctorIn('podman', ...where, ...engine, ...run);
}

describe.runIf(privileged && scale >= 1 && runs('podman', '--version') && runs('runc', '--version'))(
  'podman',
  () => {
    beforeAll(() => {
      place = mkdtempSync(join(tmpdir(), 'nsnet-podman-'));
      mkdirSync(join(place, 'rootfs'));
      for (const name of ['dev', 'etc', 'proc', 'run', 'sys', 'tmp']) mkdirSync(join(place, 'rootfs', name));
      for (const name of ['bin', 'lib', 'lib64', 'sbin'])
        symlinkSync(`usr/${name}`, join(place, 'rootfs', name));
    });

    afterAll(() => {
      rmSync(place, { recursive: true, force: true });
    });

    test('its own settings: rootless, with a masked /proc and without sysctls', async () => {
      const { ok, of } = await inPodman();
      expect(ok).toBe(true);
      expect(of('capabilities').found).toContain('rootless');
      expect(of('/proc').found).toContain('masked by mounts on /proc/');
      expect(of('/proc').cure).toBe('podman run --security-opt unmask=ALL …');
      expect(of('sysctls').found).toContain('/proc/sys is read-only');
    });

    test('the cure that is named there cures it', async () => {
      const { ok, of } = await inPodman('--security-opt', 'unmask=ALL');
      expect(ok).toBe(true);
      expect(of('/proc').ok).toBe(true);
      expect(of('sysctls').ok).toBe(true);
    });

    test('capabilities without CAP_NET_RAW', async () => {
      const { ok, of } = await inPodman('--cap-add', 'SYS_ADMIN', '--cap-add', 'NET_ADMIN');
      expect(ok).toBe(false);
      expect(of('capabilities').found).toContain('directly');
      expect(of('ping').found).toBe('socket: EPERM; CAP_NET_RAW is missing');
      expect(of('ping').cure).toBe('podman run --cap-add SYS_ADMIN --cap-add NET_ADMIN --cap-add NET_RAW …');
    });

    test('all capabilities dropped, root included: the cause is that root cannot be mapped', async () => {
      const { ok, of } = await inPodman('--cap-drop', 'ALL');
      expect(ok).toBe(false);
      expect(of('user namespaces').found).toContain('root without CAP_SETFCAP');
      expect((await inPodman('--cap-drop', 'ALL', '--user', '1000')).ok, 'its cure').toBe(true);
    });
  },
);
