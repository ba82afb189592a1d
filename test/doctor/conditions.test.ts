// What doctor says in conditions that are really there.
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { cli, diagnosisOf, doctorIn, filtered, powerless, shell, unshare } from './support/conditions.js';

const NEWUSER = '0x10000000';

describe('nothing in the way', () => {
  test('as this user', async () => {
    const { ok, code, checks } = await doctorIn('env');
    expect(checks.filter((check) => !check.ok && check.required)).toEqual([]);
    expect({ ok, code }).toEqual({ ok: true, code: 0 });
  });

  test.runIf(privileged)('as an ordinary user', async () => {
    const { ok, of } = await doctorIn('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups');
    expect(ok).toBe(true);
    expect(of('capabilities').found).toContain('rootless');
    expect(of('names').found).toContain('labels in this process');
  });

  test('as root of a user namespace', async () => {
    const { ok, of } = await doctorIn('unshare', '--map-root-user');
    expect(ok).toBe(true);
    expect(of('capabilities').found).toContain('directly');
  });
});

describe('user namespaces', () => {
  const inUserNamespace = (script: string) => ['unshare', '--map-root-user', ...shell(script), ...powerless];

  test('user.max_user_namespaces is 0', async () => {
    const { ok, code, of } = await doctorIn(
      ...inUserNamespace('echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"'),
    );
    expect({ ok, code }).toEqual({ ok: false, code: 1 });
    expect(of('user namespaces')).toMatchObject({ ok: false, required: true });
    expect(of('user namespaces').found).toMatch(/^none: unshare: ENOSPC; user\.max_user_namespaces is 0$/);
    expect(of('user namespaces').cure).toMatch(/^sudo sysctl -w user\.max_user_namespaces=15000; /);
    expect(of('capabilities').ok).toBe(false);
    expect(of('network namespaces').ok).toBe(false);
    expect(of('veth').found).toContain('not tried');
  });

  test('those that are allowed are used up', async () => {
    const { of } = await doctorIn(
      ...inUserNamespace(
        'echo 1 >/proc/sys/user/max_user_namespaces; unshare -U sleep 60 & trap "kill $!" EXIT; sleep 0.3; "$@"',
      ),
    );
    expect(of('user namespaces').found).toContain(
      'the 1 user namespaces that user.max_user_namespaces allows are used up',
    );
    expect(of('user namespaces').cure).toContain('user.max_user_namespaces=2');
  });

  test('nested 33 deep', async () => {
    const nested = Array.from({ length: 33 }, () => ['unshare', '--map-root-user']).flat();
    const { of } = await doctorIn(...nested, ...powerless);
    expect(of('user namespaces').found).toContain('nested 33 deep');
    expect(of('user namespaces').cure).toContain('Start this program further out');
  });

  test('this user is not mapped', async () => {
    const { of } = await doctorIn('unshare', '--user');
    expect(of('user namespaces').found).toContain("this process's uid has no meaning");
    expect(of('user namespaces').cure).toContain('unshare --map-root-user');
  });

  test('root without CAP_SETFCAP', async () => {
    const { of } = await doctorIn(
      'unshare',
      '--map-root-user',
      'setpriv',
      '--inh-caps=-all',
      '--bounding-set=-all',
    );
    expect(of('user namespaces').found).toContain(
      'made one, but no use of it: write: EPERM; root without CAP_SETFCAP',
    );
    expect(of('user namespaces').cure).toContain('--cap-add SETFCAP');
  });

  test('in a chroot', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'nsnet-chroot-'));
    try {
      const { of } = await doctorIn(
        ...unshare(
          '--mount',
          ...shell(`${populate(directory)}; exec "$@"`),
          'chroot',
          directory,
          ...powerless,
        ),
      );
      expect(of('user namespaces').found).toContain(
        'none: unshare: EPERM; this process was started in a chroot',
      );
      expect(of('user namespaces').cure).toContain('Use pivot_root(2) instead of chroot(2)');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

/** Commands that put what the doctor needs into a directory that is no mount point itself. */
function populate(directory: string): string {
  const commands: string[] = [];
  for (const name of ['bin', 'lib', 'lib64', 'sbin'])
    if (existsSync(`/${name}`)) symlinkSync(`usr/${name}`, join(directory, name));
  const checkout = join(cli, '..', '..');
  for (const path of ['/usr', '/proc', '/dev', checkout, join(process.execPath, '..')]) {
    mkdirSync(join(directory, path), { recursive: true });
    commands.push(`mount --rbind '${path}' '${directory}${path}'`);
  }
  return commands.join(' && ');
}

describe('seccomp filters', () => {
  test('one as container engines set', async () => {
    const { ok, of } = await doctorIn(...filtered('errno', 'unshare', 'setns', 'mount', '38=clone3'));
    expect(ok).toBe(false);
    const failed = of(privileged ? 'network namespaces' : 'user namespaces');
    expect(failed.found).toContain(
      'unshare: EPERM; a seccomp filter, such as container engines set, refuses unshare, setns, clone3',
    );
    expect(failed.cure).toContain('seccomp');
    expect(of('kernel').found).toContain('a seccomp filter refuses unshare, setns, clone3');
  });

  test('one that kills: only the process that tried', async () => {
    const { ok, of } = await doctorIn(...filtered('kill', 'unshare'));
    expect(ok).toBe(false);
    expect(of('user namespaces').found).toContain('killed in unshare (SIGSYS); a seccomp filter');
    expect(of('stub').ok).toBe(true);
  });

  test('one that looks at the arguments', async () => {
    const { of } = await doctorIn(...filtered('errno', `unshare:${NEWUSER}`));
    expect(of('user namespaces').found).toContain(
      'no cause but the seccomp filter that this process runs under',
    );
    expect(of('network namespaces').ok).toBe(privileged);
  });

  test('one that lets namespaces be made and not entered', async () => {
    const { ok, of } = await doctorIn(...filtered('errno', 'setns'));
    expect(ok).toBe(false);
    expect(of('network namespaces').found).toContain(
      'made one, but it is of no use: setns: EPERM; a seccomp filter',
    );
  });

  test('one that hides what is newer than it', async () => {
    const { ok, of } = await doctorIn(...filtered('errno', '38=clone3', '38=statmount'));
    expect(ok).toBe(true);
    // What an old kernel lacks by itself is not laid to a filter.
    expect(of('kernel').found).toMatch(/refuses (clone3|statmount|clone3, statmount)/);
  });
});

describe('the stub', () => {
  test('memfd_create is refused', async () => {
    const { ok, of } = await doctorIn(...filtered('errno', 'memfd_create'));
    expect(ok).toBe(true);
    expect(of('stub').found).toBe('runs, from a file without a name, since memfd_create is refused');
  });

  test.runIf(privileged && existsSync('/proc/sys/vm/memfd_noexec'))('vm.memfd_noexec is 2', async () => {
    const script = 'echo 2 >/proc/sys/vm/memfd_noexec; exec "$@"';
    const { ok, of } = await doctorIn('unshare', '--pid', '--fork', '--mount-proc', ...shell(script));
    expect(ok).toBe(true);
    expect(of('stub').found).toBe('runs, from a file without a name, since vm.memfd_noexec is 2');
  });

  test('and no directory can hold programs', async () => {
    const script =
      // The checkout may lie in one of them.
      'mount --bind "$PWD" "$PWD"; for d in /dev/shm /tmp /var/tmp; do mount --rbind $d $d; mount -o remount,bind,noexec $d; done; ' +
      'unset XDG_RUNTIME_DIR; exec "$@"';
    const { of } = await doctorIn(
      ...unshare('--mount', ...shell(script)),
      ...filtered('errno', 'memfd_create'),
    );
    expect(of('stub')).toMatchObject({ ok: false, required: false });
    expect(of('stub').found).toContain(
      'memfd_create is refused, and /dev/shm, /tmp, /var/tmp cannot hold programs',
    );
    expect(of('stub').cure).toContain('sudo mount -o remount,exec /var/tmp');
  });
});

describe('/proc', () => {
  test('/proc/sys is read-only', async () => {
    const { ok, of } = await doctorIn(
      ...unshare('--mount', ...shell('mount -o bind,ro /proc/sys /proc/sys; exec "$@"')),
    );
    expect(ok).toBe(true);
    expect(of('sysctls').found).toContain('openat: EROFS; /proc/sys is read-only');
    expect(of('/proc').found).toContain('masked by mounts on /proc/sys');
    expect(of('/proc')).toMatchObject({ ok: false, required: false });
  });

  test('it is not there', async () => {
    const { ok, of } = await doctorIn(
      ...unshare('--mount', ...shell('mount -t tmpfs none /proc; exec "$@"')),
    );
    expect(ok).toBe(false);
    expect(of('/proc')).toMatchObject({ ok: false, required: true, cure: 'mount -t proc proc /proc' });
    expect(of('network namespaces').found).toContain('openat: ENOENT; there is no /proc to find it in');
    if (privileged)
      expect(of('names').found).toContain('nothing can be mounted: openat: ENOENT; there is no /proc');
  });

  test("it hides others' processes, and everything but processes", async () => {
    const mount = (options: string) =>
      doctorIn(
        ...unshare(
          '--mount',
          '--pid',
          '--fork',
          ...shell(`mount -t proc -o ${options} proc /proc; exec "$@"`),
          ...powerless,
        ),
      );
    expect((await mount('hidepid=2')).of('/proc').found).toMatch(/hidepid=(2|invisible)/);
    const subset = await mount('subset=pid');
    expect(subset.of('/proc').found).toContain('subset=pid');
    expect(subset.of('sysctls').found).toContain('openat: ENOENT; /proc/sys is not there');
  });
});

describe('privileges', () => {
  test('CAP_NET_RAW is missing', async () => {
    const { ok, of } = await doctorIn(...unshare('setpriv', '--inh-caps=-all', '--bounding-set=-net_raw'));
    expect(ok).toBe(false);
    expect(of('ping').found).toBe('socket: EPERM; CAP_NET_RAW is missing');
    expect(of('ping').cure).toContain('net.ipv4.ping_group_range');
  });

  test('CAP_NET_ADMIN is missing: the rootless way', async () => {
    const { ok, of } = await doctorIn(...unshare('setpriv', '--inh-caps=-all', '--bounding-set=-net_admin'));
    expect(ok).toBe(true);
    expect(of('capabilities').found).toMatch(/^CAP_SYS_ADMIN, CAP_NET_RAW: rootless/);
  });

  test.runIf(privileged)('it changed its user and is not dumpable', async () => {
    const code = `
      process.setgroups([]); process.setgid(65534); process.setuid(65534);
      const { doctor } = await import(process.argv[1]);
      console.log(JSON.stringify(await doctor()));`;
    const { ok, checks } = await diagnosisOf(
      process.execPath,
      '--input-type=module',
      '-e',
      code,
      join(cli, '../../dist/index.js'),
    );
    expect(ok).toBe(true);
    expect(checks.find(({ name }) => name === 'dumpable')).toMatchObject({
      ok: true,
      found: expect.stringContaining('the stub writes the maps'),
    });
  });
});

describe('limits', () => {
  test('user.max_net_namespaces is 0', async () => {
    const script = 'echo 0 >/proc/sys/user/max_net_namespaces; exec "$@"';
    const { of } = await doctorIn('unshare', '--map-root-user', ...shell(script));
    expect(of('network namespaces').found).toBe('unshare: ENOSPC; user.max_net_namespaces is 0');
    const rootless = await doctorIn('unshare', '--map-root-user', ...shell(script), ...powerless);
    expect(rootless.of('user namespaces').ok).toBe(true);
    expect(rootless.of('network namespaces').cure).toContain('sysctl -w user.max_net_namespaces=15000');
  });

  test('few descriptors', async () => {
    const { ok, of } = await doctorIn(...shell('ulimit -n 100; exec "$@"'));
    expect(ok).toBe(true);
    expect(of('descriptors').found).toMatch(/^\d+ of 100 in use; .*: room for about \d\d open namespaces$/);
    expect(of('descriptors').cure).toContain('65536');
  });
});

describe('names', () => {
  const inMount = (script: string, ...options: string[]) =>
    doctorIn('unshare', ...(privileged ? [] : ['--map-root-user']), '--mount', ...options, ...shell(script));

  test('a mount namespace of its own', async () => {
    // The shell stays outside; without privileges one outside of the user namespace could not be looked at.
    const { ok, of } = await inMount('mount -t tmpfs none /run; unshare --mount "$@"; exit $?');
    expect(ok).toBe(true);
    expect(of('names').found).toContain('a mount namespace of its own');
    expect(of('names').cure).toMatch(/nsenter --mount=\/proc\/\d+\/ns\/mnt/);
  });

  test('/run is read-only', async () => {
    const { ok, of } = await inMount('mount -t tmpfs -o ro none /run; exec "$@"');
    expect(ok).toBe(true);
    expect(of('names')).toMatchObject({ ok: false, found: '/run is read-only', required: false });
  });

  test('/run/netns alone is read-only', async () => {
    const { of } = await inMount(
      'mount -t tmpfs none /run; mkdir /run/netns; mount -t tmpfs -o ro none /run/netns; exec "$@"',
    );
    expect(of('names').found).toBe('/run/netns is read-only');
  });
});
