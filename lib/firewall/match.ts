import { checkString, invalidType, invalidValue } from '../syscalls/validate.js';
import { type DataType, padded } from './datatypes.js';
import { elementOf } from './elements.js';
import { sortable, spanOf } from './key.js';
import { REGISTER, registerAt } from './registers.js';
import type { Requirement } from './requires.js';
import { typeNames } from './set-shape.js';
import type { AnonymousSet, Expression, Key, SetElement, Value, Verdict } from './types.js';

/** A part of the packet, or of what is known of it. */
export interface Source {
  readonly type: DataType;
  readonly requires: Requirement | undefined;
  /** Loads it into a register; `bytes`: only so many of its first. */
  load(register: number, bytes?: number): Expression[];
}

export type Comparable = Value | readonly Value[];
type Op = 'eq' | 'neq' | 'lt' | 'lte' | 'gt' | 'gte';

/** What comes out of a map: for `dnat({ map })`, `meta('mark').set()`. */
export interface Mapped {
  /** They leave the value in NFT_REG_1. */
  readonly load: readonly Expression[];
}

export function needed({ requires }: Pick<Source, 'requires'>): Expression[] {
  return requires ? [requires as unknown as Expression] : [];
}

/** Bytes as they are compared in order: registers in the host's order are turned round first. */
function ordered({ order, size }: DataType): Expression[] {
  if (order === 'big' || size === 1) return [];
  return [{ type: 'byteorder', op: 'hton', sreg: REGISTER, dreg: REGISTER, len: size, size }];
}

function cmp(op: Op, data: Uint8Array): Expression {
  return { type: 'cmp', op, sreg: REGISTER, data };
}

function isSetName(value: Value): boolean {
  return typeof value === 'string' && value.startsWith('@');
}

/** '80-90', '10.0.0.0/8': more than one value. */
function isInterval(type: DataType, value: Value): boolean {
  const { low, high } = spanOf(type, value, 'value');
  return low !== high;
}

/** Tests and uses of values: of a field, or of a concatenation of several. */
abstract class Matcher {
  protected abstract readonly types: readonly DataType[];
  protected abstract loads(): Expression[];

  protected lookup(set: string | AnonymousSet, invert: boolean, dreg?: number): Expression[] {
    const one = {
      type: 'lookup',
      set,
      sreg: REGISTER,
      ...(dreg !== undefined && { dreg }),
      ...(invert && { flags: ['invert'] as 'invert'[] }),
    } as const;
    return [...this.loads(), one as Expression];
  }

  protected own(elements: readonly (Key | SetElement)[], map?: AnonymousSet['map']): AnonymousSet {
    const type = typeNames(this.types);
    const intervals = elements.some((one) => {
      const { key } = elementOf(one);
      if (key === '*') return false;
      const parts = this.types.length === 1 ? [key as Value] : (key as readonly Value[]);
      if (!Array.isArray(parts)) throw invalidType('key', 'an array of values', key);
      return parts.some((part, i) => isInterval(this.types[i] as DataType, part));
    });
    return {
      type,
      elements,
      ...(map !== undefined && { map }),
      ...(intervals && { flags: ['interval'] as const }),
    };
  }

  /** In a set of this table: '@name', or the name. */
  inSet(name: string): Expression[] {
    return this.lookup(setName(name), false);
  }

  notInSet(name: string): Expression[] {
    return this.lookup(setName(name), true);
  }

  /** Goes where a map to verdicts says: one of this table, or of this rule's own. */
  verdictMap(map: string | readonly { key: Key; value: Verdict }[]): Expression[] {
    return this.lookup(typeof map === 'string' ? setName(map) : this.own(map, 'verdict'), false, 0);
  }

  /** The value of a map of this table. */
  map(name: string): Mapped {
    return { load: this.lookup(setName(name), false, REGISTER) };
  }
}

function setName(name: unknown): string {
  checkString('set', name);
  return name.startsWith('@') ? name.slice(1) : name;
}

/** One field. */
export class Field extends Matcher implements Source {
  readonly type: DataType;
  readonly requires: Requirement | undefined;
  readonly load: Source['load'];
  protected readonly types: readonly DataType[];
  readonly #partly: boolean;

  /** @internal `partly`: less of it than the whole can be loaded. */
  constructor({ type, requires, load }: Source, partly = false) {
    super();
    this.type = type;
    this.requires = requires;
    this.load = load;
    this.types = [type];
    this.#partly = partly;
  }

  protected loads(): Expression[] {
    return [...needed(this), ...this.load(REGISTER)];
  }

  /**
   * Is this value: a value of nft's type, a prefix '10.0.0.0/8', a range '80-90', an interface's name or the beginning of
   * one 'br*', '@set', or one of an array of them.
   */
  is(...values: readonly Comparable[]): Expression[] {
    return this.#compare(values, false);
  }

  /** Is nothing of that. */
  isNot(...values: readonly Comparable[]): Expression[] {
    return this.#compare(values, true);
  }

  in(...values: readonly Comparable[]): Expression[] {
    return this.is(...values);
  }

  notIn(...values: readonly Comparable[]): Expression[] {
    return this.isNot(...values);
  }

  lt(value: Value): Expression[] {
    return this.#order('lt', value);
  }

  lte(value: Value): Expression[] {
    return this.#order('lte', value);
  }

  gt(value: Value): Expression[] {
    return this.#order('gt', value);
  }

  gte(value: Value): Expression[] {
    return this.#order('gte', value);
  }

  /** Of its bits, those of `mask` are these. */
  masked(mask: Value, value: Value): Expression[] {
    const bits = this.type.parse(mask, 'mask');
    return [...this.loads(), and(bits), cmp('eq', this.type.parse(value, 'value'))];
  }

  /** Has any of these bits, as `ct state`. */
  any(...values: readonly Value[]): Expression[] {
    return [...this.loads(), and(bitsOf(this.type, values)), cmp('neq', new Uint8Array(this.type.size))];
  }

  none(...values: readonly Value[]): Expression[] {
    return [...this.loads(), and(bitsOf(this.type, values)), cmp('eq', new Uint8Array(this.type.size))];
  }

  #compare(given: readonly Comparable[], not: boolean): Expression[] {
    const values = given.flat() as Value[];
    if (values.length === 0) throw invalidValue('value', 'at least one', undefined);
    const [value] = values as [Value];
    const many = values.length > 1 || Array.isArray(given[0]);
    if (many) return this.lookup(this.own(values), not);
    if (isSetName(value)) return this.lookup(setName(value), not);
    const op = not ? 'neq' : 'eq';
    if (this.type.name === 'ifname' && typeof value === 'string' && value.endsWith('*'))
      return [...this.loads(), cmp(op, Buffer.from(value.slice(0, -1)))];
    const { low, high } = spanOf(this.type, value, 'value');
    if (low === high) return [...this.loads(), cmp(op, low)];
    const slash = typeof value === 'string' ? value.indexOf('/') : -1;
    if (slash > 0) return this.#prefix(op, low, Number((value as string).slice(slash + 1)));
    return this.#range(not, low, high);
  }

  /** Whole bytes are loaded alone, as nft does. */
  #prefix(op: Op, low: Uint8Array, length: number): Expression[] {
    const { size } = this.type;
    if (length === size * 8) return [...this.loads(), cmp(op, low)];
    if (this.#partly && length > 0 && length % 8 === 0) {
      const bytes = length / 8;
      return [...needed(this), ...this.load(REGISTER, bytes), cmp(op, low.slice(0, bytes))];
    }
    const mask = new Uint8Array(size).map(
      (_, i) => (0xff00 >> Math.min(8, Math.max(0, length - 8 * i))) & 0xff,
    );
    return [...this.loads(), and(mask), cmp(op, low)];
  }

  #range(not: boolean, low: Uint8Array, high: Uint8Array): Expression[] {
    const [from, to] = [sortable(this.type, low), sortable(this.type, high)];
    const loaded = [...this.loads(), ...ordered(this.type)];
    if (not) return [...loaded, { type: 'range', op: 'neq', sreg: REGISTER, from, to }];
    return [...loaded, cmp('gte', from), cmp('lte', to)];
  }

  #order(op: Op, value: Value): Expression[] {
    const data = sortable(this.type, this.type.parse(value, 'value'));
    return [...this.loads(), ...ordered(this.type), cmp(op, data)];
  }
}

function and(mask: Uint8Array): Expression {
  const xor = new Uint8Array(mask.length);
  return { type: 'bitwise', sreg: REGISTER, dreg: REGISTER, len: mask.length, mask, xor };
}

function bitsOf(type: DataType, values: readonly Value[]): Uint8Array {
  if (values.length === 0) throw invalidValue('value', 'at least one', undefined);
  const bits = new Uint8Array(type.size);
  for (const value of values) {
    for (const [i, byte] of type.parse(value, 'value').entries()) bits[i] = (bits[i] as number) | byte;
  }
  return bits;
}

/** Several fields in a row, as nft's `ip daddr . tcp dport`. */
export class Concatenation extends Matcher {
  readonly #fields: readonly Field[];
  protected readonly types: readonly DataType[];

  /** @internal */
  constructor(fields: readonly Field[]) {
    super();
    if (fields.length < 2 || !fields.every((field) => field instanceof Field))
      throw invalidType('fields', 'two fields or more', fields);
    this.#fields = fields;
    this.types = fields.map(({ type }) => type);
  }

  protected loads(): Expression[] {
    const out: Expression[] = this.#fields.flatMap(needed);
    let at = 0;
    for (const field of this.#fields) {
      out.push(...field.load(registerAt(at)));
      at += padded(field.type.size);
    }
    return out;
  }

  /** One of these, each an array of as many values as there are fields; ranges and prefixes from Linux 5.6. */
  in(keys: readonly (readonly Value[])[]): Expression[] {
    return this.lookup(this.own(keys), false);
  }

  notIn(keys: readonly (readonly Value[])[]): Expression[] {
    return this.lookup(this.own(keys), true);
  }
}

export function concat(...fields: readonly Field[]): Concatenation {
  return new Concatenation(fields);
}

/** A value in NFT_REG_1, or another register. */
export function immediate(dreg: number, data: Uint8Array): Expression {
  return { type: 'immediate', dreg, data };
}
