// What a profile says of a call, straight from its text: rule by rule, without a program.
import type { SeccompArg, SeccompProfile, SeccompRule } from 'nsnet';
import type { Architecture } from '../../../lib/processes/seccomp/architectures.js';
import type { Call } from './bpf.js';

export const RETURNED = {
  SCMP_ACT_KILL: 0,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x30000,
  SCMP_ACT_ERRNO: 0x50000,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
} as const;

/** From the mildest to the most severe, as in seccomp(2). */
const SEVERITY = ['ALLOW', 'LOG', 'TRACE', 'ERRNO', 'TRAP', 'KILL_THREAD', 'KILL_PROCESS'];
const severity = (action: string) =>
  SEVERITY.indexOf(action.replace(/^SCMP_ACT_/, '').replace(/^KILL$/, 'KILL_THREAD'));

const SOCKETCALLS: Record<string, bigint> = { socket: 1n, connect: 3n, sendto: 11n };
const IPC_CALLS: Record<string, bigint> = { semop: 1n, msgget: 13n, shmget: 23n };

/** What the filter returns for an action. */
function returned(action: string, errnoRet?: number): number {
  const base = RETURNED[action as keyof typeof RETURNED];
  return action === 'SCMP_ACT_ERRNO' || action === 'SCMP_ACT_TRACE' ? base + (errnoRet ?? 1) : base;
}

function holds(
  { index, op, value, valueTwo = 0 }: SeccompArg,
  args: readonly bigint[],
  wide: boolean,
): boolean {
  const cut = (number: number | bigint) => BigInt.asUintN(wide ? 64 : 32, BigInt(number));
  const arg = cut(args[index] as bigint);
  const wanted = cut(value);
  switch (op) {
    case 'SCMP_CMP_NE':
      return arg !== wanted;
    case 'SCMP_CMP_LT':
      return arg < wanted;
    case 'SCMP_CMP_LE':
      return arg <= wanted;
    case 'SCMP_CMP_EQ':
      return arg === wanted;
    case 'SCMP_CMP_GE':
      return arg >= wanted;
    case 'SCMP_CMP_GT':
      return arg > wanted;
    case 'SCMP_CMP_MASKED_EQ':
      return (arg & wanted) === (cut(valueTwo) & wanted);
  }
}

/** All must hold; any, where one argument is in more than one. */
function combine({ args = [] }: SeccompRule, one: (arg: SeccompArg) => boolean): boolean {
  const twice = args.some(({ index }, i) => args.findIndex((other) => other.index === index) !== i);
  return twice ? args.some(one) : args.every(one);
}

/** Whether the rule says the same of every call of that name. */
const isPlain = (rule: SeccompRule, wide: boolean) =>
  combine(
    rule,
    ({ op, value }) => op === 'SCMP_CMP_MASKED_EQ' && BigInt.asUintN(wide ? 64 : 32, BigInt(value)) === 0n,
  );

const matches = (rule: SeccompRule, call: Call, wide: boolean) =>
  combine(rule, (arg) => holds(arg, call.args, wide));

export function meaning(profile: SeccompProfile, architectures: readonly Architecture[], call: Call): number {
  const { defaultAction, defaultErrnoRet, syscalls = [] } = profile;
  const otherwise = returned(defaultAction, defaultErrnoRet);
  const isX32 = call.token === 0xc000003e && call.number >= 0x40000000 && call.number !== 0xffffffff;
  const base = isX32 ? 0x40000000 : 0;
  const found = architectures.find((one) => one.token === call.token && one.base === base);
  if (!found) return RETURNED.SCMP_ACT_KILL_PROCESS;
  const { numbers, wide, name: architecture } = found;
  const number = call.number - base;
  const names = [...numbers].filter(([, one]) => one === number).map(([name]) => name);
  const i386 = architecture === 'SCMP_ARCH_X86';
  const first = (call.args[0] as bigint) & 0xffffffffn;
  const plain: number[] = [];
  const matching: number[] = [];
  for (const rule of syscalls) {
    const result = returned(rule.action, rule.errnoRet);
    if (result === otherwise) continue;
    if (rule.names.some((name) => names.includes(name))) {
      if (isPlain(rule, wide)) plain.push(result);
      if (matches(rule, call, wide)) matching.push(result);
    }
    // Its own arguments are in memory: what is allowed under conditions is not allowed this way.
    const certain = (rule.args ?? []).length === 0 || severity(rule.action) > severity(defaultAction);
    const through = rule.names.some(
      (name) =>
        (names.includes('socketcall') && SOCKETCALLS[name] === first) ||
        (names.includes('ipc') && IPC_CALLS[name] === (first & 0xffffn)),
    );
    if (i386 && certain && through) matching.push(result);
  }
  const decided = plain[0] ?? matching[0];
  if (decided !== undefined) return decided;
  const known = syscalls.flatMap((rule) => rule.names).map((name) => numbers.get(name) ?? 0);
  const newer =
    number >= 424 && number < 0x10000 && number > Math.max(...known.filter((one) => one < 0x10000));
  return newer && defaultAction === 'SCMP_ACT_ERRNO' ? RETURNED.SCMP_ACT_ERRNO + 38 : otherwise;
}
