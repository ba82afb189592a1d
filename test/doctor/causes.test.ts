// Causes that the kernel here cannot show, or only together with others.
import { describe, expect, test } from 'vitest';
import { profileFor } from '../../lib/doctor/causes/apparmor.js';
import { whyNoUsers, whyRefused } from '../../lib/doctor/causes/index.js';
import { filteredCalls } from '../../lib/doctor/causes/seccomp.js';
import { plain, render } from '../../lib/doctor/render.js';
import { run } from '../support/witness.js';
import { ALL, type Faults, fake, refused } from './support/fake.js';

const unshareDenied = refused('unshare', 'EPERM');
const unshareRefused = refused('unshare', 'EACCES');
const mapDenied = refused('write', 'EPERM');

const why = (refusal: ReturnType<typeof refused>, faults: Faults) => whyNoUsers(fake(faults), refusal);

describe("the kernel's own", () => {
  test('kernel.unprivileged_userns_clone', async () => {
    const files = { '/proc/sys/kernel/unprivileged_userns_clone': '0' };
    const cause = await why(unshareDenied, { files });
    expect(cause.why).toBe('kernel.unprivileged_userns_clone is 0');
    expect(cause.cure).toMatch(/^sudo sysctl -w kernel\.unprivileged_userns_clone=1; to keep it: echo /);
    expect((await why(unshareDenied, { files, capabilities: ALL })).why).toBe('no cause was found');
    expect((await why(mapDenied, { files })).why).toBe('no cause was found');
  });

  test('a kernel without user namespaces', async () => {
    const identities = { '/proc/self/ns/user': null };
    const cause = await why(refused('unshare', 'EINVAL'), { identities });
    expect(cause.why).toBe('this kernel was built without user namespaces');
    expect(cause.cure).toContain('CONFIG_USER_NS=y');
    const elsewhere = await why(refused('unshare', 'EINVAL'), {});
    expect(elsewhere.why).toBe('no cause was found');
  });

  test('limits: 0, used up, used up or nested too deep, only nested too deep', async () => {
    const limit = (most: string, count = '4294967295') =>
      why(refused('unshare', 'ENOSPC'), {
        files: {
          '/proc/sys/user/max_user_namespaces': most,
          '/proc/self/uid_map': `         0       1000 ${count}`,
        },
      });
    expect((await limit('0')).why).toBe('user.max_user_namespaces is 0');
    expect((await limit('500')).cure).toContain('sudo sysctl -w user.max_user_namespaces=1000');
    expect((await limit('500', '1')).why).toMatch(/^the 500 user namespaces .* are used up, or .* 33 deep/);
    expect((await limit('2147483647', '1')).why).not.toContain('2147483647');
  });

  test('a user or group that is not mapped', async () => {
    const files = { '/proc/self/uid_map': '0 1000 1\n', '/proc/self/gid_map': '0 1000 1\n' };
    expect((await why(unshareDenied, { files, uid: 65534 })).why).toContain(
      "this process's uid has no meaning",
    );
    expect((await why(unshareDenied, { files, uid: 0 })).why).toContain("this process's gid has no meaning");
  });

  test('a chroot: no root among the mounts, or another root than the first process', async () => {
    const hidden = await why(unshareDenied, {
      files: { '/proc/self/mountinfo': '22 27 0:21 / /proc rw - proc proc rw' },
    });
    expect(hidden.why).toContain('in a chroot');
    expect(hidden.cure).toContain('pivot_root(2)');
    const other = await why(unshareDenied, { identities: { '/proc/1/root/': 'the other one' } });
    expect(other.why).toContain('in a chroot');
    const container = await why(unshareDenied, {
      identities: { '/proc/1/root/': 'the other one', '/proc/1/ns/mnt': 'another one' },
    });
    expect(container.why).toBe('no cause was found');
    const direct = await why(unshareDenied, { identities: { '/proc/1/root/': 'x' }, capabilities: ALL });
    expect(direct.cure).toMatch(/^Nothing to do for namespaces, links and ping/);
  });

  test('maps that nobody can write', async () => {
    const cause = await why(refused('openat', 'EACCES'), { dumpable: false });
    expect(cause.why).toContain('changed its user');
    expect(cause.cure).toContain('setpriv --reuid=USER');
  });
});

describe('AppArmor', () => {
  const files = { '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1' };

  test("Ubuntu's restriction shows after the namespace was made", async () => {
    for (const refusal of [mapDenied, refused('openat', 'EACCES'), refused('socket', 'EPERM')]) {
      const cause = await why(refusal, { files });
      expect(cause.why).toContain('no capabilities in a user namespace, though it may make one');
      expect(cause.cure).toBe(
        [
          'Give this program a profile that allows them:',
          "printf '%s\\n' \\",
          "  'abi <abi/4.0>,' \\",
          "  'include <tunables/global>' \\",
          "  'profile nsnet-node /usr/bin/node flags=(unconfined) {' \\",
          "  '  userns,' \\",
          "  '  include if exists <local/nsnet-node>' \\",
          "  '}' \\",
          '  | sudo tee /etc/apparmor.d/nsnet-node',
          'sudo apparmor_parser -r /etc/apparmor.d/nsnet-node',
          "Or allow them to every program: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0; to keep it: echo 'kernel.apparmor_restrict_unprivileged_userns=0' | sudo tee /etc/sysctl.d/90-nsnet.conf",
        ].join('\n'),
      );
    }
  });

  test('its commands can be pasted as they are printed', async () => {
    const program = "/home/o'neill/bin/node";
    const { cure } = await why(mapDenied, { files, program });
    const check = { name: 'user namespaces', ok: false, found: 'none', cure, required: true };
    const printed = render({ ok: false, checks: [check] }, plain).split('\n');
    const from = printed.findIndex((line) => line.includes('printf'));
    const to = printed.findIndex((line) => line.includes('sudo tee'));
    const pasted = printed
      .slice(from, to + 1)
      .join('\n')
      .replace('sudo tee /etc/apparmor.d/nsnet-node', 'cat');
    expect(await run('sh', ['-c', pasted])).toBe(`${profileFor(program)}\n`);
  });

  test('or at once, where the profile for it is missing', async () => {
    const { why: text } = await why(unshareRefused, { files });
    expect(text).toContain('no capabilities in a user namespace (kernel.apparmor');
  });

  test('it does not apply to who has the capabilities, nor where it is off', async () => {
    expect((await why(unshareDenied, { files, capabilities: ALL })).why).toBe('no cause was found');
    const off = { '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '0' };
    expect((await why(mapDenied, { files: off })).why).toBe('no cause was found');
  });

  test("paths with characters of the profile language's own", () => {
    expect(profileFor('/home/a b/{node}')).toContain('profile nsnet-node "/home/a b/\\{node\\}" flags');
    expect(profileFor('/opt/node-20/bin/node')).toContain('profile nsnet-node /opt/node-20/bin/node flags');
  });

  test('the profile of an engine', async () => {
    const confined = { '/proc/self/attr/apparmor/current': 'docker-default (enforce)' };
    const identities = { '/.dockerenv': 'there' };
    const mountinfo = '27 1 0:5 / / rw - overlay overlay rw\n28 27 8:1 /h /etc/hosts rw - ext4 /dev/sda rw';
    const cause = await whyRefused(
      fake({ files: { ...confined, '/proc/self/mountinfo': mountinfo }, identities, capabilities: ALL }),
      refused('mount', 'EACCES'),
    );
    expect(cause.why).toBe('the AppArmor profile docker-default probably forbids it');
    expect(cause.cure).toBe('docker run --security-opt apparmor=unconfined …');
    const older = await why(mapDenied, { files: { '/proc/self/attr/current': 'tight (enforce)' } });
    expect(older.why).toContain('profile tight');
    const complaining = await why(mapDenied, { files: { '/proc/self/attr/current': 'tight (complain)' } });
    expect(complaining.why).toBe('no cause was found');
  });
});

describe('SELinux', () => {
  const enforcing = {
    '/sys/fs/selinux/enforce': '1',
    '/proc/self/attr/current': 'user_u:user_r:user_t:s0',
  };

  test('a domain that may make no user namespaces', async () => {
    const cause = await why(unshareRefused, { files: enforcing });
    expect(cause.why).toBe('SELinux denies making a namespace to the domain user_t');
    expect(cause.cure).toContain(
      "echo '(allow user_t self (user_namespace (create)))' > nsnet.cil\nsudo semodule -i",
    );
  });

  test('a boolean that is off', async () => {
    const cause = await why(unshareRefused, {
      files: { ...enforcing, '/sys/fs/selinux/booleans/user_userns_create': '0 0' },
      directories: { '/sys/fs/selinux/booleans': ['httpd_enable_cgi', 'user_userns_create'] },
    });
    expect(cause.why).toBe(
      'SELinux denies making a namespace to the domain user_t: the boolean user_userns_create is off',
    );
    expect(cause.cure).toBe('sudo setsebool -P user_userns_create on');
  });

  test('a container', async () => {
    const files = { ...enforcing, '/proc/self/attr/current': 'system_u:system_r:container_t:s0:c1,c2' };
    expect((await why(unshareRefused, { files })).cure).toBe(
      'Start the container with --security-opt label=disable',
    );
  });

  test('not while it is permissive, and not for EPERM, which is not what it answers', async () => {
    const permissive = { ...enforcing, '/sys/fs/selinux/enforce': '0' };
    expect((await why(unshareRefused, { files: permissive })).why).toBe('no cause was found');
    expect((await why(unshareDenied, { files: enforcing })).why).toBe('no cause was found');
  });
});

describe('seccomp', () => {
  const blocked: Faults = { calls: { unshare: 'EPERM', setns: 'EPERM', clone3: 'ENOSYS' } };

  test('clone3 tells of a filter only on kernels that have it', async () => {
    const calls = { clone3: 'ENOSYS', statmount: 'ENOSYS', mount_setattr: 'ENOSYS' };
    expect(await filteredCalls(fake({ calls, release: '6.1.0' }))).toEqual(['clone3', 'mount_setattr']);
    expect(await filteredCalls(fake({ calls, release: '4.18.0-553.el8' }))).toEqual([]);
    expect(await filteredCalls(fake({ calls: { fsopen: 'EPERM' } }))).toEqual([]);
  });

  const mountinfo = (point: string) =>
    `27 1 0:5 / / rw - overlay overlay rw\n28 27 8:1 / ${point} rw - ext4 /dev/sda rw`;

  test.each<[string, Faults, string]>([
    [
      'docker',
      {
        identities: { '/.dockerenv': 'there' },
        files: { '/proc/self/mountinfo': mountinfo('/etc/resolv.conf') },
      },
      'docker run --security-opt seccomp=unconfined …',
    ],
    ['podman', { env: { container: 'podman' } }, 'podman run --security-opt seccomp=unconfined …'],
    [
      'podman',
      { identities: { '/run/.containerenv': 'there' } },
      'podman run --security-opt seccomp=unconfined …',
    ],
    ['kubernetes', { env: { KUBERNETES_SERVICE_HOST: '10.0.0.1' } }, 'seccompProfile: {type: Unconfined}'],
    ['lxc', { files: { '/run/systemd/container': 'lxc' } }, 'lxc config set NAME security.nesting true'],
    ['flatpak', { identities: { '/.flatpak-info': 'there' } }, 'flatpak-spawn --host'],
    ['systemd', { env: { SYSTEMD_EXEC_PID: '100' } }, 'RestrictNamespaces=no'],
    ["a desktop's terminal", { env: { SYSTEMD_EXEC_PID: '100', TERM: 'xterm' } }, 'Allow unshare, setns'],
    ['a machine made out of an image', { identities: { '/.dockerenv': 'there' } }, 'Allow unshare, setns'],
    ['nothing known', {}, 'Allow unshare, setns'],
  ])('in %s', async (_, place, cure) => {
    const cause = await why(unshareDenied, { ...blocked, ...place });
    expect(cause.why).toContain('refuses unshare, setns, clone3');
    expect(cause.cure).toContain(cure);
  });

  test('a last guess, where only the real call shows it', async () => {
    const files = { '/proc/self/status': 'Seccomp:\t2' };
    expect((await why(unshareDenied, { files })).why).toContain('no cause but the seccomp filter');
    expect((await whyRefused(fake({ files }), refused('mount', 'EPERM'))).why).toContain('no cause but');
  });
});

describe('what cannot be explained', () => {
  test('says what else to look at', async () => {
    const files = { '/sys/kernel/security/lsm': 'capability,landlock,bpf' };
    const cause = await why(unshareDenied, { files });
    expect(cause.why).toBe('no cause was found');
    expect(cause.cure).toContain('a security module (capability,landlock,bpf)');
    expect((await why(refused('socket', 'EIO'), {})).cure).toContain('strace -f -e trace=socket');
    expect((await why(refused('clone', 'EAGAIN'), {})).cure).toContain('trace=clone,execveat');
  });
});
