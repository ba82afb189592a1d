// doctor() itself, on this machine as it is. test/support/leaks.ts sees to it that nothing is left behind.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { requestOutcome } from '../../lib/doctor/attempt.js';
import { systemProbes } from '../../lib/doctor/system.js';
import { type Check, doctor, Netns } from '../../lib/index.js';
import { internals } from '../../lib/namespaces/network.js';
import { link } from '../../lib/rtnetlink/link.js';
import { privileged } from '../support/privileges.js';
import { scale } from '../support/scale.js';

const namespaces = () =>
  readdirSync('/proc/self/task').flatMap((thread) =>
    ['net', 'mnt', 'user', 'uts', 'ipc'].flatMap((type) => {
      try {
        return [readlinkSync(`/proc/self/task/${thread}/ns/${type}`)];
      } catch {
        return []; // the thread has ended
      }
    }),
  );

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('doctor()', () => {
  test('finds that all that is required works here', async () => {
    const { ok, checks } = await doctor();
    expect(checks.filter((check) => !check.ok && check.required)).toEqual([]);
    expect(ok).toBe(true);
    expect(checks.find(({ name }) => name === 'capabilities')?.found).toContain(
      privileged ? 'directly' : 'rootless',
    );
    for (const check of checks) {
      expect(check satisfies Check).toEqual({
        name: expect.any(String),
        ok: expect.any(Boolean),
        found: expect.stringMatching(/./),
        required: expect.any(Boolean),
        ...(!check.ok && { cure: expect.any(String) }),
      });
    }
    expect(JSON.parse(JSON.stringify({ ok, checks }))).toEqual({ ok, checks });
  });

  test.runIf(scale >= 1)('takes less than a second', async () => {
    const start = performance.now();
    await doctor();
    expect(performance.now() - start).toBeLessThan(1000);
  });

  test('opens and closes: many at once, no descriptor more, every thread at home', async () => {
    await doctor();
    const before = readdirSync('/proc/self/fd').length;
    const home = new Set(namespaces());
    const seen = new Set<string>();
    const watch = setInterval(() => {
      for (const id of namespaces()) seen.add(id);
    }, 1);
    try {
      await Promise.all(Array.from({ length: 8 }, () => doctor()));
    } finally {
      clearInterval(watch);
    }
    expect(readdirSync('/proc/self/fd').length).toBe(before);
    expect([...seen].filter((id) => !home.has(id))).toEqual([]);
  });

  test('leaves the mounts and the event loop alone', async () => {
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    const server = createServer((_, response) => response.end('here'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as { port: number };
      const [, answer] = await Promise.all([doctor(), fetch(`http://127.0.0.1:${port}`)]);
      expect(await answer.text()).toBe('here');
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(mounts);
  });

  test('on another platform it says so, and does not reject', async () => {
    const { platform } = process;
    Object.defineProperty(process, 'platform', { value: 'darwin' });
    try {
      const { ok, checks } = await doctor();
      expect(ok).toBe(false);
      expect(checks.map(({ name }) => name)).toEqual(['platform']);
    } finally {
      Object.defineProperty(process, 'platform', { value: platform });
    }
  });
});

describe('what is found out by doing', () => {
  test('a healthy answer from every attempt', async () => {
    const probe = systemProbes();
    expect(await probe.stub()).toEqual({ ok: true });
    expect(await probe.memoryIsShared()).toBe(true);
    expect(await probe.userNamespace()).toEqual({ ok: true });
    const { made, inside } = await probe.network();
    expect({ made, ...inside }).toEqual({
      made: { ok: true },
      netlink: { ok: true },
      entered: { ok: true },
      veth: { ok: true },
      bridge: { ok: true },
      icmp: { ok: true },
      icmp6: { ok: true },
      sysctl: { ok: true },
    });
    expect(await probe.mount()).toEqual(
      privileged ? { ok: true } : { ok: false, call: 'unshare', code: 'EPERM' },
    );
  });

  test('the answer to a kind of link that is not there is the one that is taken for it', async () => {
    await using netns = await Netns.create();
    const body = {
      family: 0,
      type: 0,
      index: 0,
      flags: 0,
      change: 0,
      attributes: { ifname: 'x', linkinfo: { kind: 'none' } },
    };
    const request = { name: 'RTM_NEWLINK', type: 16, flags: 0x600, codec: link, body };
    const outcome = await requestOutcome(internals(netns).route.request(request));
    expect(outcome).toMatchObject({ ok: false, call: 'RTM_NEWLINK', code: 'EOPNOTSUPP' });
  });

  test('system calls answer as the kernel does', async () => {
    const calls = await systemProbes().calls();
    expect(calls.get('unshare')).toBe('');
    expect(calls.get('setns')).toBe('EBADF');
    expect(calls.get('pidfd_open')).toBe('EINVAL');
    expect(calls.get('fsopen')).toBe(privileged ? 'EINVAL' : 'EPERM');
  });

  test('files that are not there, and what may not be written to', async () => {
    const probe = systemProbes();
    expect(await probe.text('/proc/self/nothing')).toBeUndefined();
    expect(await probe.names('/proc/self/nothing')).toBeUndefined();
    expect(await probe.identity('/proc/self/nothing')).toBeUndefined();
    expect(await probe.unwritable('/nothing')).toBe('ENOENT');
    expect(await probe.unwritable('/tmp')).toBeUndefined();
    expect(await probe.identity('/proc/self/ns/net')).toBe(
      await probe.identity(`/proc/${process.pid}/ns/net`),
    );
  });
});
