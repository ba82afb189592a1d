// Each check with what can be wrong in it, on a machine that is otherwise healthy.
import { describe, expect, test } from 'vitest';
import { diagnose } from '../../lib/doctor.js';
import { ALL, type Faults, fake, refused } from './support/fake.js';

async function check(name: string, faults: Faults) {
  const { ok, checks } = await diagnose(fake(faults));
  const found = checks.find((each) => each.name === name);
  expect(found, `a check '${name}'`).toBeDefined();
  return { overall: ok, ...(found as NonNullable<typeof found>) };
}

describe('a healthy machine', () => {
  test.each([
    ['an ordinary user', {}],
    ['root', { capabilities: ALL, uid: 0 }],
  ])('%s', async (_, faults) => {
    const { ok, checks } = await diagnose(fake(faults));
    expect(checks.filter((each) => !each.ok || each.cure !== undefined)).toEqual([]);
    expect(ok).toBe(true);
    expect(new Set(checks.map(({ name }) => name)).size).toBe(checks.length);
  });
});

describe('what it runs on', () => {
  test('another platform: one failing check', async () => {
    const { ok, checks } = await diagnose(fake({ platform: 'darwin', addon: () => expect.fail() }));
    expect(ok).toBe(false);
    expect(checks).toHaveLength(1);
    expect(checks[0]).toMatchObject({ name: 'platform', ok: false, required: true });
    expect(checks[0]?.cure).toContain('Linux container or virtual machine');
  });

  test('an add-on that cannot be loaded ends it there', async () => {
    const addon = () => {
      throw Object.assign(new Error('it is broken\nTried: all. Install it again'), {
        hint: 'Install it again',
      });
    };
    const { ok, checks } = await diagnose(fake({ addon }));
    expect(ok).toBe(false);
    expect(checks.at(-1)).toEqual({
      name: 'add-on',
      ok: false,
      found: 'it is broken\nTried: all',
      cure: 'Install it again',
      required: true,
    });
  });

  test('kernels: what they lack, and whether they are too old', async () => {
    expect((await check('kernel', {})).found).toBe(
      'Linux 6.12.0-amd64; lacks overlays of detached mounts (6.15)',
    );
    const old = await check('kernel', {
      release: '5.10.0-30-amd64',
      calls: { statmount: 'ENOSYS', mount_setattr: 'ENOSYS' },
    });
    expect(old).toMatchObject({ ok: true, overall: true });
    expect(old.found).toContain('older than the oldest one tested, 6.1');
    expect(old.found).toContain('overlays without root (5.11), id-mapped mounts (5.12)');
    expect(old.found).not.toContain('alternative names');
    const older = await check('kernel', { release: '4.18.0-553.el8', calls: { statmount: 'ENOSYS' } });
    expect(older).toMatchObject({ ok: false, overall: true, required: false });
    expect(older.cure).toContain('Boot Linux 5.10 or newer');
    expect(older.found, 'what was brought to it from newer ones').not.toContain('mounts by descriptor');
  });

  test('what a filter hides is not laid to the kernel', async () => {
    const hidden = await check('kernel', { release: '6.18.0', calls: { statmount: 'ENOSYS' } });
    expect(hidden.found).toBe('Linux 6.18.0; a seccomp filter refuses statmount');
  });

  test('a runtime that is too old', async () => {
    const node = await check('runtime', { runtime: { name: 'Node.js', version: '20.18.1' } });
    expect(node).toMatchObject({ ok: false, cure: 'Install Node.js 20.19 or newer' });
    expect((await check('runtime', { runtime: { name: 'Bun', version: '1.2.0' } })).ok).toBe(true);
  });
});

describe('excursions', () => {
  test('clones that share no memory are a convenience less, unless there is no stub', async () => {
    const emulated = await check('shared memory', { memoryIsShared: false });
    expect(emulated).toMatchObject({ ok: false, overall: true, required: false });
    expect(emulated.cure).toContain('WSL 2');
    const stub = await check('stub', { memoryIsShared: false, stub: refused('execveat', 'EACCES') });
    expect(stub).toMatchObject({ ok: false, overall: false, required: true });
  });

  test('a stub that does not run, for whatever reason', async () => {
    const killed = await check('stub', { stub: refused('execveat', 'ECANCELED') });
    expect(killed.found).toContain('does not run: killed in execveat (SIGSYS); a seccomp filter');
    const memfd = await check('stub', {
      stub: refused('execveat', 'EACCES'),
      files: {
        '/proc/sys/vm/memfd_noexec': '2',
        '/proc/self/mountinfo':
          '27 1 8:1 / / rw - ext4 /dev/sda rw\n30 27 0:5 / /tmp rw,noexec - tmpfs none rw\n31 27 0:6 / /run\\040me rw,noexec - tmpfs none rw',
      },
      env: { XDG_RUNTIME_DIR: '/run me/1000' },
    });
    expect(memfd.found).toContain('vm.memfd_noexec is 2, and /run me/1000, /tmp cannot hold programs');
    expect(memfd.cure).toContain('sudo sysctl -w vm.memfd_noexec=1');
  });
});

describe('privileges', () => {
  const blocked = refused('unshare', 'EPERM');

  test('neither the capabilities nor a user namespace', async () => {
    const capabilities = await check('capabilities', { user: blocked, network: blocked });
    expect(capabilities).toMatchObject({ ok: false, overall: false, required: false });
    expect(capabilities.cure).toContain('Run it with sudo');
    const docker = await check('capabilities', { user: blocked, env: { container: 'docker' } });
    expect(docker.cure).toContain('docker run --cap-add SYS_ADMIN --cap-add NET_ADMIN');
  });

  test('user namespaces are required only of those who need one', async () => {
    const rootless = await check('user namespaces', { user: blocked, network: blocked });
    expect(rootless).toMatchObject({ ok: false, overall: false, required: true });
    const direct = await check('user namespaces', { user: blocked, capabilities: ALL });
    expect(direct).toMatchObject({ ok: false, overall: true, required: false });
  });

  test('not dumpable: the stub helps, if it runs', async () => {
    expect(await check('dumpable', { dumpable: false })).toMatchObject({ ok: true, overall: true });
    const without = await check('dumpable', {
      dumpable: false,
      stub: refused('execveat', 'EACCES'),
      user: refused('openat', 'EACCES'),
    });
    expect(without).toMatchObject({ ok: false, overall: false });
    expect(without.cure).toContain('setpriv --reuid=USER');
  });
});

describe('the network', () => {
  test('without a namespace nothing is tried in it', async () => {
    const { ok, checks } = await diagnose(fake({ network: refused('unshare', 'EINVAL'), capabilities: ALL }));
    expect(ok).toBe(false);
    expect(checks.find(({ name }) => name === 'network namespaces')?.cure).toContain('CONFIG_NET_NS=y');
    const untried = checks.filter(({ found }) => found.startsWith('not tried'));
    expect(untried.map(({ name }) => name)).toEqual(['veth', 'bridge', 'ping', 'ping over IPv6', 'sysctls']);
  });

  test('those that are allowed are used up', async () => {
    const { found, cure } = await check('network namespaces', { network: refused('unshare', 'ENOSPC') });
    expect(found).toContain('those that user.max_net_namespaces allows (15000) are used up');
    expect(cure).toContain('user.max_net_namespaces=30000');
  });

  test("Ubuntu's restriction, where it lets the maps be written", async () => {
    const { overall, found, cure } = await check('network namespaces', {
      files: { '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1' },
      inside: { netlink: refused('RTM_NEWLINK', 'EPERM') },
    });
    expect(overall).toBe(false);
    expect(found).toContain('made one, but it is of no use: RTM_NEWLINK: EPERM; AppArmor');
    expect(cure).toContain('userns,');
  });

  test('it is entered by a stub that does not run: no more than that is said', async () => {
    const noStub = {
      stub: refused('execveat', 'EACCES'),
      inside: { entered: refused('clone', 'EACCES'), sysctl: refused('clone', 'EACCES') },
    };
    expect(await check('network namespaces', noStub)).toMatchObject({ ok: true, overall: true });
    expect((await check('sysctls', noStub)).found).toContain('the stub');
  });

  test.each(['veth', 'bridge'] as const)('no links of the kind %s', async (kind) => {
    const missing = await check(kind, { inside: { [kind]: refused('RTM_NEWLINK', 'EOPNOTSUPP') } });
    expect(missing).toMatchObject({ ok: false, overall: false, required: true });
    expect(missing.cure).toMatch(new RegExp(`^sudo modprobe ${kind}; .*linux-modules-extra`));
  });

  test('no raw sockets', async () => {
    const missing = await check('ping', {
      capabilities: ['SYS_ADMIN', 'NET_ADMIN'],
      inside: { icmp: refused('socket', 'EPERM') },
    });
    expect(missing).toMatchObject({
      ok: false,
      overall: false,
      found: 'socket: EPERM; CAP_NET_RAW is missing',
    });
    const denied = await check('ping', {
      inside: { icmp: refused('socket', 'EACCES') },
      files: { '/sys/fs/selinux/enforce': '1', '/proc/self/attr/current': 'u:r:node_t:s0' },
    });
    expect(denied.found).toContain('SELinux denies socket to the domain node_t');
  });

  test('no IPv6 costs only that', async () => {
    const missing = await check('ping over IPv6', { inside: { icmp6: refused('socket', 'EAFNOSUPPORT') } });
    expect(missing).toMatchObject({ ok: false, overall: true, required: false });
    expect(missing.cure).toContain('ipv6.disable=1');
  });
});

describe('/proc and its sysctls', () => {
  const masked = [
    '27 1 0:50 / / rw - overlay overlay rw',
    '30 27 0:51 / /proc rw - proc proc rw',
    ...['/proc/bus', '/proc/kcore', '/proc/keys', '/proc/sys', '/proc/sys/fs/binfmt_misc'].map(
      (point, i) => `${31 + i} 30 0:52 / ${point} ro - tmpfs tmpfs ro`,
    ),
  ].join('\n');

  test.each([
    [{ container: 'docker' }, 'docker run --security-opt systempaths=unconfined …'],
    [{ container: 'podman' }, 'podman run --security-opt unmask=ALL …'],
    [{ KUBERNETES_SERVICE_HOST: '10.0.0.1' }, 'procMount: Unmasked'],
    [{ SYSTEMD_EXEC_PID: '1' }, 'ProtectKernelTunables=no'],
    [{}, 'mount -t proc proc /proc'],
  ])('masked and read-only: %o', async (env, cure) => {
    const faults: Faults = {
      env,
      files: { '/proc/self/mountinfo': masked },
      inside: { sysctl: refused('openat', 'EROFS') },
    };
    const proc = await check('/proc', faults);
    expect(proc).toMatchObject({ ok: false, overall: true, required: false });
    expect(proc.found).toContain('masked by mounts on /proc/bus, /proc/kcore, /proc/keys and 1 more');
    expect(proc.cure).toContain(cure);
    const sysctls = await check('sysctls', faults);
    expect(sysctls).toMatchObject({ ok: false, overall: true, required: false });
    expect(sysctls.cure).toContain(cure);
  });

  test("an engine's AppArmor profile forbids sysctls", async () => {
    const { found, cure } = await check('sysctls', {
      env: { container: 'docker' },
      files: { '/proc/self/attr/current': 'docker-default (enforce)' },
      inside: { sysctl: refused('openat', 'EACCES') },
    });
    expect(found).toContain('the AppArmor profile docker-default');
    expect(cure).toBe('docker run --security-opt apparmor=unconfined …');
  });

  test('the names of options: hidepid by number or word, only for who cannot see past it', async () => {
    const files = { '/proc/self/mountinfo': '30 27 0:51 / /proc rw - proc proc rw,hidepid=invisible' };
    const hidden = await check('/proc', { files });
    expect(hidden).toMatchObject({ ok: false, overall: true });
    expect(hidden.cure).toContain('remount,hidepid=0');
    expect((await check('/proc', { files, capabilities: ALL })).ok).toBe(true);
  });
});

describe('names', () => {
  const root = { capabilities: ALL, uid: 0 };

  test('mounts are forbidden', async () => {
    const { found, cure, overall } = await check('names', {
      ...root,
      mount: refused('mount', 'EACCES'),
      files: { '/proc/self/attr/current': 'docker-default (enforce)' },
    });
    expect(overall).toBe(true);
    expect(found).toContain('nothing can be mounted: mount: EACCES; the AppArmor profile docker-default');
    expect(cure).toContain('AppArmor');
  });

  test.each([
    [{ '/run/netns': 'EROFS' }, '/run/netns is read-only'],
    [{ '/run/netns': 'ENOENT', '/run': 'EROFS' }, '/run is read-only'],
    [{ '/run/netns': 'ENOENT', '/run': 'ENOENT' }, '/run is missing'],
    [{ '/run/netns': 'EACCES' }, '/run/netns cannot be written to (EACCES)'],
  ])('%o', async (unwritable, found) => {
    const names = await check('names', { ...root, unwritable, env: { container: 'docker' } });
    expect(names).toMatchObject({ ok: false, overall: true, found });
    expect(names.cure).toBe('docker run --tmpfs /run …');
  });

  test('a mount namespace of its own, unless what it mounts is passed on', async () => {
    const identities = { '/proc/1/ns/mnt': 'the first one' };
    const own = (tags: string) => `42 27 8:1 /netns /run/netns rw ${tags} - ext4 /dev/sda rw`;
    const outside = {
      '/proc/1/mountinfo':
        '27 1 8:1 / / rw - ext4 /dev/sda rw\n42 27 8:1 /netns /run/netns rw shared:7 - ext4 /dev/sda rw',
    };
    const seen = async (tags: string) =>
      check('names', { ...root, identities, files: { ...outside, '/proc/self/mountinfo': own(tags) } });
    expect((await seen('shared:7')).ok).toBe(true);
    expect((await seen('shared:9')).ok).toBe(false);
    expect((await seen('master:7')).ok).toBe(false);
    expect((await seen('')).cure).toContain('nsenter --mount=/proc/1/ns/mnt node …; in a systemd unit');
  });

  test('where the first process may not be looked at, the ones between count', async () => {
    const files = {
      '/proc/self/stat': '100 (a) b) (c) S 90 1 1 0',
      '/proc/90/stat': '90 (sh) S 80 1 1 0',
      '/proc/80/stat': '80 (sh) S 1 1 1 0',
    };
    const identities = {
      '/proc/1/ns/mnt': null,
      '/proc/90/ns/mnt': '/proc/self/ns/mnt',
      '/proc/80/ns/mnt': 'x',
    };
    const { ok, cure } = await check('names', { ...root, files, identities });
    expect(ok).toBe(false);
    expect(cure).toContain('/proc/80/ns/mnt');
  });
});

describe('descriptors', () => {
  const files = (soft: string) => ({ '/proc/self/limits': `Max open files            ${soft}  4096  files` });

  test.each([
    [{ container: 'podman' }, 'podman run --ulimit nofile=65536:65536 …'],
    [{ SYSTEMD_EXEC_PID: '1' }, 'LimitNOFILE=65536'],
    [{}, 'ulimit -n 65536'],
  ])('few: %o', async (env, cure) => {
    const few = await check('descriptors', { env, files: files('64') });
    expect(few).toMatchObject({ ok: false, overall: true, required: false });
    expect(few.cure).toContain(cure);
  });

  test('enough, no limit, and nobody to tell', async () => {
    expect((await check('descriptors', { files: files('1024') })).ok).toBe(true);
    expect((await check('descriptors', { files: files('unlimited') })).ok).toBe(true);
    const unknown = await check('descriptors', { files: { '/proc/self/limits': null } });
    expect(unknown).toMatchObject({ ok: true, found: 'unknown without /proc' });
  });
});

describe('a check that fails itself', () => {
  test('does not take the others with it', async () => {
    const probe = { ...fake(), mount: () => Promise.reject(new Error('a mistake')), capable: () => true };
    const { ok, checks } = await diagnose(probe);
    expect(ok).toBe(true);
    expect(checks.find(({ name }) => name === 'doctor')).toMatchObject({
      ok: false,
      found: 'could not be found out: a mistake',
      required: false,
    });
    expect(checks.length).toBeGreaterThan(10);
  });
});

describe('cgroups', () => {
  const scope = '/sys/fs/cgroup/user.slice/session-3.scope';
  const v2 = {
    '/proc/self/cgroup': '0::/user.slice/session-3.scope',
    [`${scope}/cgroup.controllers`]: 'memory pids',
  };
  const refuse = (code: string) => ({ [scope]: code, '/sys/fs/cgroup/user.slice': code });

  test('delegated, with which controllers', async () => {
    expect(await check('cgroups', {})).toMatchObject({
      ok: true,
      found: 'v2: groups with cpu, memory, pids',
    });
    const few = await check('cgroups', { files: v2 });
    expect(few).toMatchObject({ ok: false, overall: true, required: false, found: 'v2: groups without cpu' });
    expect(few.cure).toContain('Delegate=cpu cpuset io memory pids');
  });

  test.each([
    ['EACCES', 'systemd-run --user --scope -p Delegate=yes'],
    ['EROFS', 'docker run --privileged'],
  ])('not delegated: %s', async (code, cure) => {
    const none = await check('cgroups', { files: v2, unwritable: refuse(code) });
    expect(none).toMatchObject({ ok: false, overall: true, found: `v2: none can be made here (${code})` });
    expect(none.cure).toContain(cure);
  });

  test('v1 for an ordinary user, and none at all', async () => {
    const files = {
      '/proc/self/cgroup': '9:memory:/user.slice',
      '/proc/self/mountinfo': '30 27 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
    };
    const unwritable = { '/sys/fs/cgroup/memory/user.slice': 'EACCES' };
    expect((await check('cgroups', { files, unwritable })).cure).toContain('cgroup v1 is for root');
    const none = await check('cgroups', { files: { '/proc/self/cgroup': null } });
    expect(none).toMatchObject({
      ok: false,
      overall: true,
      found: 'none are mounted that show this process',
    });
  });
});
