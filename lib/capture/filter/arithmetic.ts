import type { Target } from '../../bpf/assembler.js';
import { BPF } from '../../bpf/constants.js';
import { invalidValue } from '../../syscalls/validate.js';
import { and, first, isType, protocol } from './blocks.js';
import type { Block, Frame, Size } from './frame.js';
import { ETHERTYPE, PROTOCOLS } from './names.js';

/**
 * A number that a filter works out from a packet. Its code leaves it in the accumulator and goes on with `next`; it uses
 * the words of memory from `free` on. `no` is for what is not there.
 */
export interface Arithmetic {
  /** Where it is the same for all packets. */
  readonly constant?: number;
  /** What must hold before it can be worked out. */
  readonly gate?: Block;
  code(frame: Frame, free: number, next: Target, no: Target): Target;
}

/** The words of memory that there are for them; one more is the frame's own. */
const WORDS = 15;

export const OPERATORS = {
  '+': BPF.ADD,
  '-': BPF.SUB,
  '*': BPF.MUL,
  '/': BPF.DIV,
  '%': BPF.MODULO,
  '&': BPF.AND,
  '|': BPF.OR,
  '^': BPF.XOR,
  '<<': BPF.SHIFT_LEFT,
  '>>': BPF.SHIFT_RIGHT,
} as const;
export type Operator = keyof typeof OPERATORS;

const LOAD_IMMEDIATE = BPF.LOAD; // BPF_LD | BPF_IMM

export const constant = (value: number): Arithmetic => ({
  constant: value >>> 0,
  code: (frame, _free, next) => frame.step(LOAD_IMMEDIATE, value >>> 0, next),
});

export const frameLength: Arithmetic = { code: (frame, _free, next) => frame.length(next) };

const both = (a: Block | undefined, b: Block | undefined) => (a && b ? and(a, b) : (a ?? b));

/** As unsigned numbers of 32 bits. */
const FOLD: Record<Operator, (a: number, b: number) => number> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': Math.imul,
  '/': (a, b) => Math.floor(a / b),
  '%': (a, b) => a % b,
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
  '<<': (a, b) => (b > 31 ? 0 : a << b),
  '>>': (a, b) => (b > 31 ? 0 : a >>> b),
};

export function operation(operator: Operator, left: Arithmetic, right: Arithmetic): Arithmetic {
  const code = BPF.ALU | OPERATORS[operator];
  const gate = both(left.gate, right.gate);
  if (right.constant !== undefined) {
    const by = right.constant;
    if (left.constant !== undefined) return constant(FOLD[operator](left.constant, by));
    return { gate, code: (frame, free, next, no) => left.code(frame, free, frame.step(code, by, next), no) };
  }
  return {
    gate,
    code: (frame, free, next, no) =>
      withRight(frame, free, left, right, frame.step(code | BPF.X, 0, next), no),
  };
}

/** The right one in X, the left one in the accumulator. */
function withRight(
  frame: Frame,
  free: number,
  left: Arithmetic,
  right: Arithmetic,
  next: Target,
  no: Target,
): Target {
  if (free === WORDS)
    throw invalidValue('filter', 'arithmetic that needs less memory', 'more than 15 numbers at once');
  const fetch = frame.step(BPF.LOAD_X | BPF.MEMORY, free, next);
  const store = frame.step(BPF.STORE, free, left.code(frame, free + 1, fetch, no));
  return right.code(frame, free, store, no);
}

export function negative(value: Arithmetic): Arithmetic {
  if (value.constant !== undefined) return constant(-value.constant);
  const code = BPF.ALU | BPF.NEGATE;
  return {
    gate: value.gate,
    code: (frame, free, next, no) => value.code(frame, free, frame.step(code, 0, next), no),
  };
}

/** Bytes of a protocol's header: tcp[13], ip[2:2], ether[0:4]. */
export function bytes(name: string, index: Arithmetic, size: Size, tags: number): Arithmetic {
  if (name === 'ether' || name === 'link') return linkBytes(index, size);
  const type = ETHERTYPE[name as 'ip'];
  if (type !== undefined) return behind(isType(type, tags), index, size, (frame) => frame.network(tags));
  const { number, family } = PROTOCOLS[name]!;
  const header = protocol(number, family ?? 'ip', tags);
  if (family === 'ip6') return behind(header, index, size, (frame) => frame.network(tags) + 40);
  return overIPv4(and(header, first(tags)), index, size, tags);
}

function linkBytes(index: Arithmetic, size: Size): Arithmetic {
  const at = index.constant;
  if (at !== undefined) return { code: (frame, _free, next) => frame.load(size, at, next) };
  return {
    gate: index.gate,
    code: (frame, free, next, no) => index.code(frame, free, frame.loadAt(size, next, no), no),
  };
}

function behind(gate: Block, index: Arithmetic, size: Size, offset: (frame: Frame) => number): Arithmetic {
  const at = index.constant;
  if (at !== undefined)
    return { gate, code: (frame, _free, next) => frame.load(size, offset(frame) + at, next) };
  return {
    gate: both(gate, index.gate),
    code: (frame, free, next, no) => {
      const load = frame.loadBehind(size, offset(frame), next);
      return index.code(frame, free, frame.step(BPF.MISC | BPF.TO_X, 0, load), no);
    },
  };
}

function overIPv4(gate: Block, index: Arithmetic, size: Size, tags: number): Arithmetic {
  const at = index.constant;
  return {
    gate: both(gate, index.gate),
    code: (frame, free, next, no) => {
      const header = frame.network(tags);
      if (at !== undefined) return frame.headerLength(header, frame.loadBehind(size, header + at, next));
      const load = frame.step(BPF.MISC | BPF.TO_X, 0, frame.loadBehind(size, header, next));
      const add = frame.headerLength(header, frame.step(BPF.ALU | BPF.ADD | BPF.X, 0, load));
      return index.code(frame, free, add, no);
    },
  };
}

const RELATIONS = {
  '>': { test: 'GT', negated: false },
  '>=': { test: 'GE', negated: false },
  '=': { test: 'EQ', negated: false },
  '==': { test: 'EQ', negated: false },
  '!=': { test: 'EQ', negated: true },
  '<': { test: 'GE', negated: true },
  '<=': { test: 'GT', negated: true },
} as const;
export type Relation = keyof typeof RELATIONS;

export const isRelation = (text: string): text is Relation => Object.hasOwn(RELATIONS, text);
export const isOperator = (text: string): text is Operator => Object.hasOwn(OPERATORS, text);

export function relation(left: Arithmetic, relation: Relation, right: Arithmetic): Block {
  const { test, negated } = RELATIONS[relation];
  const compared: Block = (frame, yes, no) => {
    const [true_, false_] = negated ? [no, yes] : [yes, no];
    if (right.constant !== undefined)
      return left.code(frame, 0, frame.jump(test, right.constant, true_, false_), no);
    return withRight(frame, 0, left, right, frame.jump(test, 0, true_, false_, true), no);
  };
  const gate = both(left.gate, right.gate);
  return gate ? and(gate, compared) : compared;
}
