// What the kernel lets a program do that was started with a filter.
import { fileURLToPath } from 'node:url';
import {
  run,
  type SeccompAction,
  type SeccompProfile,
  type SeccompRule,
  type SpawnOptions,
  spawn,
} from 'nsnet';
import { describe, expect, test } from 'vitest';
import { machineOf } from '../../../lib/processes/seccomp/architectures.js';
import { privileged } from '../../support/privileges.js';
import { ALLOWLIST } from './profile.js';

const script = fileURLToPath(new URL('./calls.py', import.meta.url));
const [own, ...others] = machineOf().architectures;
const x64 = process.arch === 'x64';

/** A call by its name, for calls.py; in another architecture of this machine by its number there. */
function named(call: string, ...args: (number | bigint)[]): string {
  const [name = '', architecture] = call.split('@');
  const table = architecture === undefined ? own : others.find((one) => one.name === architecture);
  const prefix = architecture === 'SCMP_ARCH_X86' ? 'i386:' : '';
  const number = (table?.numbers.get(name) ?? 0) + (table?.base ?? 0);
  return `${prefix}${[number, ...args].join()}`;
}

/** What calls return to a program with that filter, −errno if they fail; and how it ended. */
async function results(seccomp: SpawnOptions['seccomp'], calls: string[], options: SpawnOptions = {}) {
  const ended = await run('/usr/bin/python3', [script, ...calls], { seccomp, ...options, reject: false });
  return { signal: ended.signal, returned: ended.stdout.trim().split('\n').filter(Boolean).map(Number) };
}

const denying = (action: SeccompAction, rule: Partial<SeccompRule> = {}): SeccompProfile => ({
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names: ['getppid'], action, ...rule }],
});

/** Lines of /proc/self/status by their names. */
async function status(options: SpawnOptions): Promise<Record<string, string>> {
  const { stdout } = await run('cat', ['/proc/self/status'], options);
  return Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/:\s+/)),
  );
}

describe('each action', () => {
  test.each<[SeccompAction, number | undefined, number]>([
    ['SCMP_ACT_ERRNO', undefined, -1],
    ['SCMP_ACT_ERRNO', 71, -71],
    ['SCMP_ACT_ERRNO', 0, 0],
    ['SCMP_ACT_ERRNO', 4095, -4095],
    ['SCMP_ACT_TRACE', undefined, -38],
    ['SCMP_ACT_LOG', undefined, process.pid],
    ['SCMP_ACT_ALLOW', undefined, process.pid],
  ])('%s, %s: the call returns %i', async (action, errnoRet, expected) => {
    expect(await results(denying(action, { errnoRet }), [named('getppid')])).toEqual({
      signal: null,
      returned: [expected],
    });
  });

  test.each<SeccompAction>([
    'SCMP_ACT_KILL',
    'SCMP_ACT_KILL_THREAD',
    'SCMP_ACT_KILL_PROCESS',
    'SCMP_ACT_TRAP',
  ])('%s: SIGSYS ends it', async (action) => {
    const calls = [named('getuid'), named('getppid'), named('getuid')];
    expect(await results(denying(action), calls)).toEqual({
      signal: 'SIGSYS',
      returned: [process.getuid?.()],
    });
  });

  test('those that it starts have the filter, too', async () => {
    const inner = ['-c', 'exec "$@"', 'sh', '/usr/bin/python3', script, named('getppid')];
    const { stdout } = await run('sh', inner, { seccomp: denying('SCMP_ACT_ERRNO', { errnoRet: 71 }) });
    expect(stdout).toBe('-71\n');
  });
});

test('arguments are compared in all their 64 bits', async () => {
  const value = 0x1_0000_0005n;
  const rule: Partial<SeccompRule> = { errnoRet: 71, args: [{ index: 1, op: 'SCMP_CMP_EQ', value }] };
  const calls = [value, 5n, 0x1_0000_0000n, value + 1n].map((arg) => named('getppid', 0, arg));
  const { returned } = await results(denying('SCMP_ACT_ERRNO', rule), calls);
  expect(returned).toEqual([-71, process.pid, process.pid, process.pid]);
});

describe.runIf(x64)('another way into the same kernel', () => {
  const denied = denying('SCMP_ACT_ERRNO', { errnoRet: 71 });

  test('int 0x80 ends a program whose profile knows nothing of i386', async () => {
    const calls = [named('getppid'), named('getppid@SCMP_ARCH_X86')];
    expect(await results(denied, calls)).toEqual({ signal: 'SIGSYS', returned: [-71] });
    // Nor by the number of another call.
    expect(await results(denied, ['i386:20'])).toEqual({ signal: 'SIGSYS', returned: [] });
  });

  test('int 0x80 is filtered by the numbers of i386', async () => {
    const seccomp = { ...denied, architectures: ['SCMP_ARCH_X86'] };
    const calls = ['getppid', 'getppid@SCMP_ARCH_X86', 'getuid@SCMP_ARCH_X86'].map((name) => named(name));
    expect(await results(seccomp, calls)).toMatchObject({
      signal: null,
      returned: [-71, -71, expect.any(Number)],
    });
  });

  test('a forbidden socket(2) is forbidden by socketcall(2), too', async () => {
    const seccomp = {
      ...denying('SCMP_ACT_ERRNO', { names: ['socket'], errnoRet: 71 }),
      architectures: ['SCMP_ARCH_X86'],
    };
    const [socket, socketpair] = [1, 8];
    const call = (which: number) => named('socketcall@SCMP_ARCH_X86', which, 0);
    const EFAULT = -14;
    expect((await results(seccomp, [call(socket), call(socketpair)])).returned).toEqual([-71, EFAULT]);
  });

  test('x32 ends a program whose profile knows nothing of it', async () => {
    const calls = [named('getppid@SCMP_ARCH_X32')];
    expect(await results(denied, calls)).toEqual({ signal: 'SIGSYS', returned: [] });
    const seccomp = { ...denied, architectures: ['SCMP_ARCH_X32'] };
    expect((await results(seccomp, calls)).returned).toEqual([-71]);
  });
});

describe("a profile in Docker's form", () => {
  const options: SpawnOptions = { seccomp: ALLOWLIST, capabilities: privileged ? ['CHOWN'] : undefined };

  test('lets programs run', async () => {
    expect((await run('sh', ['-c', 'echo $(ls /proc/self/exe | wc -l)'], options)).stdout).toBe('1\n');
    const program = 'setTimeout(() => console.log(require("fs").readdirSync("/").includes("proc")), 10)';
    expect((await run(process.execPath, ['-e', program], options)).stdout).toBe('true\n');
  });

  test('and forbids the rest', async () => {
    const names = ['mount', 'unshare', 'keyctl', 'setns', 'bpf', 'mseal'];
    const { signal, returned } = await results(
      ALLOWLIST,
      names.map((name) => named(name)),
      options,
    );
    expect({ signal, returned }).toEqual({ signal: null, returned: names.map(() => -1) });
    const NEWUSER = 0x10000000;
    const ENOSYS = -38;
    const AF_VSOCK = 40;
    const calls = [
      named('clone', NEWUSER),
      named('clone3', 0, 0),
      named('socket', AF_VSOCK, 1),
      named('personality', 4),
    ];
    expect((await results(ALLOWLIST, calls, options)).returned).toEqual([-1, ENOSYS, -1, -1]);
    // There is no such call yet: programs do without it, as on an older kernel.
    expect((await results(ALLOWLIST, ['4095'], options)).returned).toEqual([ENOSYS]);
    if (!x64) return;
    const i386 = ['mount', 'keyctl', 'unshare'].map((name) => named(`${name}@SCMP_ARCH_X86`, 0));
    expect((await results(ALLOWLIST, i386, options)).returned).toEqual([-1, -1, -1]);
  });

  test('but not to those with the capability for it', async () => {
    const EFAULT = -14;
    const call = [named('mount', 0, 1, 1, 0, 0)];
    const inside: SpawnOptions = { namespaces: { user: 'new', mnt: 'new' } };
    expect((await results(ALLOWLIST, call, inside)).returned).toEqual([EFAULT]);
    expect((await results(ALLOWLIST, call, { ...inside, capabilities: [] })).returned).toEqual([-1]);
  });
});

describe('no_new_privs', () => {
  const seccomp = denying('SCMP_ACT_ERRNO');
  const noNewPrivs = async (options: SpawnOptions) => {
    const { Seccomp, NoNewPrivs } = await status({ seccomp, ...options });
    expect(Seccomp).toBe('2');
    return NoNewPrivs;
  };

  test('is set where CAP_SYS_ADMIN is missing', async () => {
    expect(await noNewPrivs({})).toBe(privileged ? '0' : '1');
    expect(await noNewPrivs({ capabilities: [], namespaces: { user: 'new' } })).toBe('1');
  });

  test('is not set where it is there, or is asked for', async () => {
    expect(await noNewPrivs({ namespaces: { user: 'new' } })).toBe('0');
    expect(await noNewPrivs({ namespaces: { user: 'new' }, noNewPrivileges: true })).toBe('1');
  });

  test.runIf(privileged)('after a change of user', async () => {
    expect(await noNewPrivs({ uid: 1234, gid: 1234 })).toBe('1');
  });

  test('without it, and without CAP_SYS_ADMIN, there is no filter', async () => {
    const options: SpawnOptions = {
      seccomp,
      namespaces: { user: 'new' },
      capabilities: [],
      noNewPrivileges: false,
    };
    await expect(spawn('true', [], options)).rejects.toMatchObject({
      code: 'EACCES',
      syscall: 'seccomp',
      subject: 'the seccomp filter',
      hint: expect.stringContaining('noNewPrivileges'),
    });
  });
});

test.each([
  'SECCOMP_FILTER_FLAG_TSYNC',
  'SECCOMP_FILTER_FLAG_LOG',
  'SECCOMP_FILTER_FLAG_SPEC_ALLOW',
] as const)('%s', async (flag) => {
  const { Seccomp } = await status({ seccomp: { ...denying('SCMP_ACT_ERRNO'), flags: [flag] } });
  expect(Seccomp).toBe('2');
});

describe('a program', () => {
  const instruction = (code: number, yes: number, no: number, value: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt16LE(code);
    bytes.writeUInt8(yes, 2);
    bytes.writeUInt8(no, 3);
    bytes.writeUInt32LE(value, 4);
    return bytes;
  };
  const returning = (value: number) => instruction(0x06, 0, 0, value);
  const except = (name: string, value: number) =>
    Buffer.concat([
      instruction(0x20, 0, 0, 0),
      instruction(0x15, 0, 1, own?.numbers.get(name) ?? 0),
      returning(value),
      returning(0x7fff0000),
    ]);

  test('is taken as it is', async () => {
    const { returned } = await results(new Uint8Array(except('getppid', 0x50000 + 71)), [named('getppid')]);
    expect(returned).toEqual([-71]);
  });

  test('that is none is refused by the kernel', async () => {
    await expect(spawn('true', [], { seccomp: instruction(0xffff, 0, 0, 0) })).rejects.toMatchObject({
      code: 'EINVAL',
      syscall: 'seccomp',
    });
    // It ends without a return.
    await expect(spawn('true', [], { seccomp: instruction(0x20, 0, 0, 0) })).rejects.toMatchObject({
      code: 'EINVAL',
      syscall: 'seccomp',
    });
  });

  test('that forbids the start: what the kernel said', async () => {
    await expect(spawn('true', [], { seccomp: except('execve', 0x50000 + 71) })).rejects.toMatchObject({
      errno: -71,
      syscall: 'execve',
      hint: expect.stringContaining('filter'),
    });
  });

  test('that forbids everything, to tell of it and to end, too', async () => {
    await using started = await spawn('true', [], { seccomp: returning(0x50001), stdio: 'ignore' });
    expect(await started.exited).toMatchObject({ code: null });
    await using killed = await spawn('true', [], { seccomp: returning(0x80000000), stdio: 'ignore' });
    expect(await killed.exited).toMatchObject({ signal: 'SIGSYS' });
  });
});

test('a program that is not there is told of, though the profile forbids to send', async () => {
  const seccomp = denying('SCMP_ACT_ERRNO', { names: ['sendmsg', 'sendto', 'socket'] });
  await expect(spawn('/no/such/program', [], { seccomp })).rejects.toMatchObject({
    code: 'ENOENT',
    syscall: 'execve',
  });
});

test('many at once, each with a filter of its own', async () => {
  const errnos = Array.from({ length: 20 }, (_, i) => 40 + i);
  const all = await Promise.all(
    errnos.map((errnoRet) => results(denying('SCMP_ACT_ERRNO', { errnoRet }), [named('getppid')])),
  );
  expect(all.map(({ returned }) => returned)).toEqual(errnos.map((errno) => [-errno]));
});

test('in new namespaces, behind an init', async () => {
  const { returned } = await results(denying('SCMP_ACT_ERRNO', { errnoRet: 71 }), [named('getppid')], {
    namespaces: { pid: 'new', mnt: 'new' },
    init: true,
  });
  expect(returned).toEqual([-71]);
});
