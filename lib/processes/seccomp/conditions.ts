import type { Assembler, Target } from '../../bpf/assembler.js';
import { DATA } from './data.js';
import type { SeccompOperator } from './types.js';

/** A comparison of an argument of a call. */
export interface Condition {
  index: number;
  op: SeccompOperator;
  value: bigint;
  valueTwo: bigint;
}

export const OPERATORS: ReadonlySet<string> = new Set<SeccompOperator>([
  'SCMP_CMP_NE',
  'SCMP_CMP_LT',
  'SCMP_CMP_LE',
  'SCMP_CMP_EQ',
  'SCMP_CMP_GE',
  'SCMP_CMP_GT',
  'SCMP_CMP_MASKED_EQ',
]);

const HALF = 0xffffffff;
const lower = (value: bigint): number => Number(value & 0xffffffffn);
const upper = (value: bigint): number => Number(value >> 32n);

/** Whether a condition holds whatever the argument is. */
export function always({ op, value }: Condition, wide: boolean): boolean {
  return op === 'SCMP_CMP_MASKED_EQ' && lower(value) === 0 && (!wide || upper(value) === 0);
}

/**
 * Goes on at `yes` if the condition holds, else at `no`. The program compares 32 bits at a time; calls that have but
 * 32-bit arguments are compared with the lower half alone, as libseccomp does.
 */
export function addCondition(
  program: Assembler,
  condition: Condition,
  wide: boolean,
  [yes, no]: readonly [yes: Target, no: Target],
): Target {
  const comparison = { program, at: DATA.argument(condition.index), wide, value: condition.value };
  switch (condition.op) {
    case 'SCMP_CMP_EQ':
      return addEqual(comparison, yes, no);
    case 'SCMP_CMP_NE':
      return addEqual(comparison, no, yes);
    case 'SCMP_CMP_GT':
      return addGreater(comparison, 'GT', yes, no);
    case 'SCMP_CMP_LE':
      return addGreater(comparison, 'GT', no, yes);
    case 'SCMP_CMP_GE':
      return addGreater(comparison, 'GE', yes, no);
    case 'SCMP_CMP_LT':
      return addGreater(comparison, 'GE', no, yes);
    case 'SCMP_CMP_MASKED_EQ':
      return addEqual({ ...comparison, mask: condition.value, value: condition.valueTwo }, yes, no);
  }
}

interface Comparison {
  program: Assembler;
  at: number;
  wide: boolean;
  value: bigint;
  mask?: bigint;
}

function addEqual({ program, at, wide, value, mask = -1n }: Comparison, yes: Target, no: Target): Target {
  const half = (offset: number, bits: number, wanted: number, then: Target): Target => {
    // Unsigned, as `&` gives a signed number.
    const test = program.jump('EQ', (wanted & bits) >>> 0, then, no);
    return program.load(offset, bits === HALF ? test : program.and(bits, test));
  };
  const low = lower(mask);
  const high = upper(mask & 0xffffffffffffffffn);
  const second = low === 0 ? yes : half(at, low, lower(value), yes);
  return !wide || high === 0 ? second : half(at + 4, high, upper(value), second);
}

function addGreater(
  { program, at, wide, value }: Comparison,
  test: 'GT' | 'GE',
  yes: Target,
  no: Target,
): Target {
  const second = program.load(at, program.jump(test, lower(value), yes, no));
  if (!wide) return second;
  const high = upper(value);
  return program.load(at + 4, program.jump('GT', high, yes, program.jump('EQ', high, second, no)));
}
