// What is wrong with a profile is said with where it is, before anything is done.
import { type SeccompProfile, spawn } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { readProfile } from '../../../lib/processes/seccomp/read.js';

const rule = (given: object) => ({
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [
    { names: ['getpid'], action: 'SCMP_ACT_LOG' },
    { names: ['getppid'], action: 'SCMP_ACT_ERRNO', ...given },
  ],
});
const arg = (given: object) => rule({ args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ', ...given }] });

const refusal = (seccomp: unknown) =>
  spawn('true', [], { seccomp: seccomp as SeccompProfile }).then(
    () => undefined,
    (error) => error,
  );

describe('refused', () => {
  test.each<[string, unknown]>([
    ['seccomp', 'default.json'],
    ['seccomp', null],
    ['seccomp', []],
    ['seccomp', new Uint8Array(0)],
    ['seccomp', new Uint8Array(12)],
    ['seccomp', new Uint8Array(4097 * 8)],
    ['seccomp', { defaultAction: 'SCMP_ACT_ALLOW', rules: [] }],
    ['seccomp.defaultAction', {}],
    ['seccomp.defaultAction', { defaultAction: 'ALLOW' }],
    ['seccomp.defaultAction', { defaultAction: 'toString' }],
    ['seccomp.defaultErrnoRet', { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 4096 }],
    ['seccomp.defaultErrnoRet', { defaultAction: 'SCMP_ACT_ALLOW', defaultErrnoRet: 1 }],
    ['seccomp.defaultErrno', { defaultAction: 'SCMP_ACT_ERRNO', defaultErrno: 'ENONE' }],
    ['seccomp.architectures', { defaultAction: 'SCMP_ACT_ALLOW', architectures: 'SCMP_ARCH_X86' }],
    [
      'seccomp.architectures[1]',
      { defaultAction: 'SCMP_ACT_ALLOW', architectures: ['SCMP_ARCH_X86', 'x86'] },
    ],
    [
      'seccomp.archMap[0].subArchitectures[0]',
      {
        defaultAction: 'SCMP_ACT_ALLOW',
        archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: [1] }],
      },
    ],
    [
      'seccomp.archMap',
      {
        defaultAction: 'SCMP_ACT_ALLOW',
        architectures: ['SCMP_ARCH_X86'],
        archMap: [{ architecture: 'SCMP_ARCH_X86_64' }],
      },
    ],
    ['seccomp.flags[0]', { defaultAction: 'SCMP_ACT_ALLOW', flags: ['TSYNC'] }],
    ['seccomp.syscalls', { defaultAction: 'SCMP_ACT_ALLOW', syscalls: {} }],
    ['seccomp.syscalls[0]', { defaultAction: 'SCMP_ACT_ALLOW', syscalls: ['getpid'] }],
    ['seccomp.syscalls[1]', rule({ arguments: [] })],
    ['seccomp.syscalls[1].names', rule({ names: [] })],
    ['seccomp.syscalls[1].names', rule({ names: 'getppid' })],
    ['seccomp.syscalls[1].names[0]', rule({ names: [110] })],
    ['seccomp.syscalls[1].name', rule({ name: 'getuid' })],
    ['seccomp.syscalls[1].action', rule({ action: 'SCMP_ACT_DENY' })],
    ['seccomp.syscalls[1].action', rule({ action: undefined })],
    ['seccomp.syscalls[1].errnoRet', rule({ errnoRet: -1 })],
    ['seccomp.syscalls[1].errnoRet', rule({ errnoRet: '1' })],
    ['seccomp.syscalls[1].errnoRet', rule({ action: 'SCMP_ACT_KILL', errnoRet: 1 })],
    ['seccomp.syscalls[1].args[0].index', arg({ index: 6 })],
    ['seccomp.syscalls[1].args[0].op', arg({ op: '==' })],
    ['seccomp.syscalls[1].args[0].op', arg({ op: undefined })],
    ['seccomp.syscalls[1].args[0].value', arg({ value: -1 })],
    ['seccomp.syscalls[1].args[0].value', arg({ value: 2 ** 53 })],
    ['seccomp.syscalls[1].args[0].value', arg({ value: 2n ** 64n })],
    ['seccomp.syscalls[1].args[0].value', arg({ value: undefined })],
    ['seccomp.syscalls[1].args[0].valueTwo', arg({ valueTwo: '1' })],
    ['seccomp.syscalls[1].includes.minKernel', rule({ includes: { minKernel: '5' } })],
    ['seccomp.syscalls[1].excludes.caps[0]', rule({ excludes: { caps: [1] } })],
    ['seccomp.syscalls[1].excludes', rule({ excludes: { users: [] } })],
  ])('%s', async (path, seccomp) => {
    const error = await refusal(seccomp);
    expect(error.code).toMatch(/^ERR_(INVALID_ARG_(TYPE|VALUE)|OUT_OF_RANGE)$/);
    expect(error.message).toSatisfy(
      (text: string) =>
        text.includes(`for ${path} but`) || (text.startsWith('Unknown key ') && text.includes(` in ${path}`)),
    );
  });

  test.each<[string, unknown]>([
    ['seccomp.defaultAction', { defaultAction: 'SCMP_ACT_NOTIFY' }],
    ['seccomp.syscalls[1].action', rule({ action: 'SCMP_ACT_NOTIFY' })],
    [
      'seccomp.flags[0]',
      { defaultAction: 'SCMP_ACT_ALLOW', flags: ['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'] },
    ],
  ])('%s: nobody would be notified', async (path, seccomp) => {
    const error = await refusal(seccomp);
    expect(error.code).toBe('ERR_NSNET_UNSUPPORTED');
    expect(error.message).toContain(`${path}: `);
  });
});

describe('taken', () => {
  test('what Go writes for nothing', () => {
    const given =
      JSON.parse(`{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": null, "architectures": null,
      "archMap": [{"architecture": "SCMP_ARCH_RISCV64", "subArchitectures": null}], "flags": null, "syscalls": [
      {"names": ["execve"], "action": "SCMP_ACT_ALLOW", "args": [], "comment": "", "includes": {}, "excludes": null},
      {"name": "read", "names": null, "action": "SCMP_ACT_ALLOW", "args": null}]}`);
    const { defaultAction, rules } = readProfile('seccomp', given);
    expect(defaultAction).toBe(0x50001);
    expect(rules.map(({ names }) => names)).toEqual([['execve'], ['read']]);
  });

  test("Podman's names of errors", () => {
    const given = {
      defaultAction: 'SCMP_ACT_ERRNO',
      defaultErrno: 'ENOSYS',
      defaultErrnoRet: 38,
      syscalls: [{ names: ['bdflush'], action: 'SCMP_ACT_ERRNO', errno: 'EACCES' }],
    };
    const { defaultAction, rules } = readProfile('seccomp', given);
    expect([defaultAction, rules[0]?.action]).toEqual([0x50000 + 38, 0x50000 + 13]);
  });
});
