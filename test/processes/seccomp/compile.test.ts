// The program of a profile does what the profile says, for profiles and calls as they come.
import * as fc from 'fast-check';
import type { SeccompAction, SeccompArg, SeccompOperator, SeccompProfile, SeccompRule } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { machineOf } from '../../../lib/processes/seccomp/architectures.js';
import { compile } from '../../../lib/processes/seccomp/compile.js';
import { readProfile } from '../../../lib/processes/seccomp/read.js';
import { type Call, dataOf, instructionsOf, interpret } from './bpf.js';
import { meaning, RETURNED } from './meaning.js';

type Arch = 'x64' | 'arm64';

const programOf = (profile: SeccompProfile, arch: Arch, has = (_: string) => false, release = '6.1.0') =>
  instructionsOf(compile('seccomp', readProfile('seccomp', profile), { has, release, arch }));

const ALLOWED: SeccompRule = { names: ['execve'], action: 'SCMP_ACT_ALLOW' };

const NAMES = [
  'read',
  'mmap',
  'clone',
  'clone3',
  'ioctl',
  'socket',
  'connect',
  'sendto',
  'socketcall',
].concat([
  'shmget',
  'semop',
  'ipc',
  'personality',
  'statmount',
  'cacheflush',
  'no_such_call',
  'vserver',
  'getpid',
]);
const OPERATORS: SeccompOperator[] = [
  'SCMP_CMP_NE',
  'SCMP_CMP_LT',
  'SCMP_CMP_LE',
  'SCMP_CMP_EQ',
  'SCMP_CMP_GE',
  'SCMP_CMP_GT',
  'SCMP_CMP_MASKED_EQ',
];

/** Halves that are the same in many, so that each half decides now and then. */
const half = fc.oneof(fc.constantFrom(0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff), fc.nat(0xffffffff));
const word = fc.tuple(half, half).map(([high, low]) => (BigInt(high) << 32n) | BigInt(low));
const number = word.map((value) => (value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value));

const arg: fc.Arbitrary<SeccompArg> = fc.record({
  index: fc.nat(2),
  op: fc.constantFrom(...OPERATORS),
  value: number,
  valueTwo: number,
});
const ACTIONS = Object.keys(RETURNED) as SeccompAction[];
const withErrno = <T extends string>(action: SeccompAction, key: T, errno: number | undefined) =>
  errno !== undefined && /ERRNO|TRACE/.test(action) ? { [key]: errno } : {};
const errno = fc.option(fc.nat(4095), { nil: undefined });

const rule: fc.Arbitrary<SeccompRule> = fc
  .record({
    names: fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 }),
    action: fc.constantFrom(...ACTIONS),
    errno,
    args: fc.array(arg, { maxLength: 3 }),
  })
  .map(({ errno: data, ...rest }) => ({ ...rest, ...withErrno(rest.action, 'errnoRet', data) }));

const profile: fc.Arbitrary<SeccompProfile> = fc
  .record({
    defaultAction: fc.constantFrom(...ACTIONS),
    errno,
    architectures: fc.subarray(['SCMP_ARCH_X86', 'SCMP_ARCH_X32', 'SCMP_ARCH_ARM', 'SCMP_ARCH_S390X']),
    syscalls: fc.array(rule, { maxLength: 12 }),
  })
  .map(({ errno: data, syscalls, ...rest }) => ({
    ...rest,
    ...withErrno(rest.defaultAction, 'defaultErrnoRet', data),
    syscalls: [...syscalls, ALLOWED],
  }));

/** Architectures that this profile's program lets call. */
const allowed = ({ architectures = [] }: SeccompProfile, arch: Arch) =>
  machineOf(arch).architectures.filter(({ name }, i) => i === 0 || architectures.includes(name));

/** Calls that the profile is about, or nearly so. */
function callOf(given: SeccompProfile, arch: Arch): fc.Arbitrary<Call> {
  const tables = machineOf(arch).architectures;
  const own = tables.flatMap(({ token, base, numbers }) =>
    [...numbers].filter(([name]) => NAMES.includes(name)).map(([, one]) => ({ token, number: one + base })),
  );
  const near = own.flatMap(({ token, number: one }) =>
    [one - 1, one + 1].map((number) => ({ token, number })),
  );
  const odd = tables.flatMap(({ token }) =>
    [0xffffffff, 0x3fffffff, 0x40000000, 0x7fffffff, 0x80000000, 470, 500, 0xffff, 0x10000].map((number) => ({
      token,
      number,
    })),
  );
  const foreign = { token: 0x80000016, number: 0 };
  const values = (given.syscalls ?? []).flatMap(({ args = [] }) =>
    args.flatMap(({ value, valueTwo = 0 }) => [BigInt(value), BigInt(valueTwo)]),
  );
  const close = values.flatMap((value) => [value, value + 1n, value - 1n, value ^ (1n << 32n)]);
  const mux = [1n, 3n, 11n, 13n, 23n, 0x10017n];
  const one = fc.oneof(fc.constantFrom(...close, ...mux), word).map((value) => BigInt.asUintN(64, value));
  return fc
    .record({
      call: fc.oneof(
        { weight: 8, arbitrary: fc.constantFrom(...own) },
        fc.constantFrom(...near.filter((each) => each.number >= 0)),
        fc.constantFrom(...odd, foreign),
      ),
      args: fc.array(one, { minLength: 6, maxLength: 6 }),
    })
    .map(({ call, args }) => ({
      ...call,
      // The registers of 32-bit programs.
      args: tables.some(({ token, wide }) => token === call.token && wide)
        ? args
        : args.map((value) => BigInt.asUintN(32, value)),
    }));
}

const shown = (value: number) => `0x${value.toString(16)}`;

describe.each<Arch>(['x64', 'arm64'])('on %s', (arch) => {
  test('any profile, any call', () => {
    const pair = profile.chain((given) =>
      fc.tuple(fc.constant(given), fc.array(callOf(given, arch), { minLength: 60, maxLength: 60 })),
    );
    fc.assert(
      fc.property(pair, ([given, calls]) => {
        const program = programOf(given, arch);
        for (const call of calls) {
          const { returned } = interpret(program, dataOf(call));
          expect(shown(returned)).toBe(shown(meaning(given, allowed(given, arch), call)));
        }
      }),
      { numRuns: 500 },
    );
  });

  test('a profile of thousands of instructions, whose jumps are long', () => {
    const [own] = machineOf(arch).architectures;
    const names = [...(own?.numbers.keys() ?? [])].filter((name) => name !== 'execve').slice(0, 280);
    const syscalls: SeccompRule[] = names.map((name, i) => ({
      names: [name],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: 100 + i,
      args: [
        { index: i % 6, op: 'SCMP_CMP_EQ', value: (BigInt(i) << 32n) | BigInt(7 * i) },
        { index: (i + 1) % 6, op: 'SCMP_CMP_GT', value: BigInt(i) << 31n },
      ],
    }));
    const given: SeccompProfile = { defaultAction: 'SCMP_ACT_ALLOW', syscalls };
    const program = programOf(given, arch);
    expect(program.length).toBeGreaterThan(2000);
    for (const [i, name] of names.entries()) {
      const value = (BigInt(i) << 32n) | BigInt(7 * i);
      for (const second of [(BigInt(i) << 31n) + 1n, BigInt(i) << 31n, 1n << 63n]) {
        const args = Array.from({ length: 6 }, (_, at) =>
          at === i % 6 ? value : at === (i + 1) % 6 ? second : 0n,
        );
        const call = { token: own?.token as number, number: own?.numbers.get(name) as number, args };
        expect(interpret(program, dataOf(call)).returned).toBe(meaning(given, allowed(given, arch), call));
      }
    }
  });

  test('which call it is, is found by halving', () => {
    const [own] = machineOf(arch).architectures;
    const odd = [...(own?.numbers ?? [])].filter(([name, one]) => one % 2 === 1 || name === 'execve');
    const given: SeccompProfile = {
      defaultAction: 'SCMP_ACT_KILL',
      syscalls: [{ names: odd.map(([name]) => name), action: 'SCMP_ACT_ALLOW' }],
    };
    const program = programOf(given, arch);
    expect(program.length).toBeLessThan(2 * odd.length + 20);
    for (let one = 0; one < 500; one++) {
      const call = { token: own?.token as number, number: one, args: [0n, 0n, 0n, 0n, 0n, 0n] };
      const { returned, count } = interpret(program, dataOf(call));
      expect(returned).toBe(meaning(given, allowed(given, arch), call));
      // Two loads, the architecture, the return, and the logarithm of how often it changes.
      expect(count).toBeLessThanOrEqual(4 + Math.ceil(Math.log2(2 * odd.length + 5)));
    }
  });

  test('one that is too long is refused', () => {
    const names = [...(machineOf(arch).architectures[0]?.numbers.keys() ?? [])].slice(0, 300);
    const syscalls = names.flatMap((name, i) =>
      [0, 1, 2, 3, 4, 5].map(
        (index): SeccompRule => ({
          names: [name],
          action: 'SCMP_ACT_TRAP',
          args: [{ index, op: 'SCMP_CMP_LT', value: BigInt(i + 1) << 33n }],
        }),
      ),
    );
    expect(() => programOf({ defaultAction: 'SCMP_ACT_ALLOW', syscalls }, arch)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE', message: expect.stringContaining('4096') }),
    );
  });

  test('one that lets nothing be executed is refused', () => {
    const refused = expect.objectContaining({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining('execve'),
    });
    const deny: SeccompRule = { names: ['execve'], action: 'SCMP_ACT_ERRNO' };
    expect(() => programOf({ defaultAction: 'SCMP_ACT_ERRNO' }, arch)).toThrow(refused);
    expect(() => programOf({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [deny] }, arch)).toThrow(refused);
    const some: SeccompRule = { ...deny, args: [{ index: 2, op: 'SCMP_CMP_EQ', value: 0 }] };
    expect(programOf({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [some] }, arch).length).toBeGreaterThan(0);
  });
});

describe('rules that count for some', () => {
  const call = (name: string): Call => {
    const [own] = machineOf('x64').architectures;
    return {
      token: own?.token as number,
      number: own?.numbers.get(name) as number,
      args: [0n, 0n, 0n, 0n, 0n, 0n],
    };
  };
  const lets = (rule: Partial<SeccompRule>, has?: (name: string) => boolean, release?: string) => {
    const syscalls = [ALLOWED, { names: ['mount'], action: 'SCMP_ACT_ALLOW' as const, ...rule }];
    const program = programOf({ defaultAction: 'SCMP_ACT_ERRNO', syscalls }, 'x64', has, release);
    return interpret(program, dataOf(call('mount'))).returned === RETURNED.SCMP_ACT_ALLOW;
  };
  const admin = (name: string) => name === 'CAP_SYS_ADMIN';

  test('by capabilities: all that are included, none that are excluded', () => {
    expect(lets({ includes: { caps: ['CAP_SYS_ADMIN'] } })).toBe(false);
    expect(lets({ includes: { caps: ['CAP_SYS_ADMIN'] } }, admin)).toBe(true);
    expect(lets({ includes: { caps: ['CAP_SYS_ADMIN', 'CAP_CHOWN'] } }, admin)).toBe(false);
    expect(lets({ excludes: { caps: ['CAP_CHOWN', 'CAP_SYS_ADMIN'] } }, admin)).toBe(false);
    expect(lets({ excludes: { caps: ['CAP_CHOWN'] } }, admin)).toBe(true);
  });

  test('by machines and kernels', () => {
    expect(lets({ includes: { arches: ['arm64', 'amd64'] } })).toBe(true);
    expect(lets({ includes: { arches: ['x86'] } })).toBe(false);
    expect(lets({ excludes: { arches: ['amd64'] } })).toBe(false);
    expect(lets({ includes: { minKernel: '4.8' } }, undefined, '4.7.9')).toBe(false);
    expect(lets({ includes: { minKernel: '4.8' } }, undefined, '4.18.0-80')).toBe(true);
    expect(lets({ excludes: { minKernel: '4.8' } }, undefined, '6.1.0')).toBe(false);
    expect(lets({ includes: {}, excludes: {} })).toBe(true);
  });

  test("Docker's map of architectures", () => {
    const archMap = [
      { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_X32'] },
      { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: ['SCMP_ARCH_ARM'] },
    ];
    const program = programOf({ defaultAction: 'SCMP_ACT_ALLOW', archMap }, 'x64');
    const returned = (token: number, one: number) =>
      interpret(program, dataOf({ token, number: one, args: [0n, 0n, 0n, 0n, 0n, 0n] })).returned;
    expect(returned(0x40000003, 20)).toBe(RETURNED.SCMP_ACT_ALLOW);
    expect(returned(0xc000003e, 0x40000027)).toBe(RETURNED.SCMP_ACT_ALLOW);
    expect(returned(0x40000028, 20)).toBe(RETURNED.SCMP_ACT_KILL_PROCESS);
  });
});

describe('numbers', () => {
  test.each<[Arch, number, Record<string, number>]>([
    ['x64', 0, { read: 0, execve: 59, rseq: 334, uprobe: 336, pidfd_send_signal: 424, file_setattr: 469 }],
    [
      'x64',
      1,
      { restart_syscall: 0, execve: 11, socketcall: 102, rseq: 386, semget: 393, clock_gettime64: 403 },
    ],
    ['x64', 2, { read: 0, execve: 520, ioctl: 514, pwritev2: 547, clone3: 435 }],
    ['arm64', 0, { io_setup: 0, openat: 56, newfstatat: 79, clone: 220, kexec_file_load: 294, mseal: 462 }],
    ['arm64', 1, { fork: 2, execve: 11, socket: 281, statx: 397, clock_gettime64: 403, cacheflush: 983042 }],
  ])('%s, architecture %i', (arch, index, expected) => {
    const numbers = machineOf(arch).architectures[index]?.numbers;
    expect(Object.fromEntries(Object.keys(expected).map((name) => [name, numbers?.get(name)]))).toEqual(
      expected,
    );
  });

  test('x32 has none for calls of 64 bits alone', () => {
    const x32 = machineOf('x64').architectures[2];
    expect(x32?.numbers.has('vserver')).toBe(false);
    expect(x32?.numbers.get('getpid')).toBe(39);
  });
});
