// What to do is said with what the kernel refuses.
import { Cgroup, type SpawnOptions, spawn } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';

type Row = [what: string, file: string, options: SpawnOptions, refused: object, hint: string];

async function refusal(file: string, options: SpawnOptions): Promise<unknown> {
  const started = await spawn(file, [], { stdio: 'ignore', ...options }).catch((error) => error);
  await started.close?.();
  return started;
}

const limits = { code: 'EPERM', syscall: 'setrlimit' };
const everybody: Row[] = [
  ['more open files than anybody may have', 'true', { rlimits: { nofile: 1e9 } }, limits, 'nr_open'],
  [
    'a soft limit above the hard one',
    'true',
    { rlimits: { core: [1, 0] } },
    { code: 'EINVAL', syscall: 'setrlimit' },
    '[soft, hard]',
  ],
  ['arguments beside the name', 'ls -l', {}, { syscall: 'execve' }, "run('ls', ['-l'])"],
  ['a path with a space', './ls -l', {}, { code: 'ENOENT', syscall: 'execve' }, 'no such program'],
];

const ordinary: Row[] = [
  [
    'a limit raised',
    'true',
    { rlimits: { core: [0, Infinity], memlock: [0, Infinity] } },
    limits,
    'CAP_SYS_RESOURCE',
  ],
  ['a nice value', 'true', { nice: -5 }, { syscall: 'setpriority' }, 'CAP_SYS_NICE'],
  ['another uid', 'true', { uid: 1000 }, { code: 'EPERM' }, 'uidMap'],
  ['another gid', 'true', { gid: 1000 }, { code: 'EPERM' }, 'CAP_SETGID'],
];

describe.each(privileged ? everybody : [...everybody, ...ordinary])(
  '%s',
  (_, file, options, refused, hint) => {
    test('is refused', async () => {
      expect(await refusal(file, options)).toMatchObject({ ...refused, hint: expect.stringContaining(hint) });
    });
  },
);

describe.runIf(privileged)('as many processes as may be', () => {
  test('in a cgroup: pids.max', async () => {
    await using cgroup = await Cgroup.create(`hints-${process.pid}`, { pids: { max: 0 } });
    const namespaces = { pid: 'new' } as const;
    expect(await refusal('true', { cgroup, namespaces })).toMatchObject({
      code: 'EAGAIN',
      syscall: 'clone',
      hint: expect.stringContaining(`pids.max of ${cgroup}`),
    });
  });

  test('of a user: RLIMIT_NPROC', async () => {
    const uid = 64_321;
    await using _other = await spawn('sleep', ['60'], { uid, stdio: 'ignore' });
    const options = { uid, rlimits: { nproc: 0 }, capabilities: [] };
    expect(await refusal('true', options)).toMatchObject({
      code: 'EAGAIN',
      syscall: 'execve',
      hint: expect.stringContaining('RLIMIT_NPROC'),
    });
  });
});
