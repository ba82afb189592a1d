import { checkObject, invalidType, invalidValue, outOfRange } from '../syscalls/validate.js';
import { type Bytes, littleEndian, padTo4 } from './bytes.js';
import { type AnyCodec, type Codec, codec, type Flat, garbled, type Inside, MAX_PAYLOAD } from './codec.js';
import type { Read, Write } from './codec.js';
import { NLA_HDRLEN, NLA_TYPE_MASK } from './constants.js';
import { raw } from './primitives.js';

/** An attribute that a table does not know, or whose length does not suit its type. */
export interface UnknownAttribute {
  /** Its number, without flags. */
  type: number;
  /** NLA_F_NESTED or NLA_F_NET_BYTEORDER, where it had them. */
  flags?: number;
  value: Uint8Array;
}

/** An attribute that occurs more than once: a list of what each holds. */
export interface Multi<T, I> {
  readonly multi: Codec<T, I>;
}

export function multi<T, I>(element: Codec<T, I>): Multi<T, I> {
  return { multi: element };
}

/** An attribute whose layout depends on what stands beside it, or on the header above. See select.ts. */
export interface Selected<T, I> {
  readonly choose: (siblings: Record<string, unknown>, outer: object | undefined) => Codec<T, I>;
  /** Sibling that must be known first. */
  readonly by: string | undefined;
}

/** Numbers the kernel inserts to align what follows: not read, and never written. */
export const padding = { padding: true } as const;

type Layout = AnyCodec | Multi<unknown, unknown> | Selected<unknown, unknown> | typeof padding;
type Entry = readonly [type: number, layout: Layout];

/** A family of attributes: name → [number, layout]. */
export type Table = Record<string, Entry>;

type ReadLayout<L> =
  L extends Multi<infer T, infer _I> ? T[] : L extends Selected<infer T, infer _I> ? T | Uint8Array : Read<L>;
type WriteLayout<L> =
  L extends Multi<infer _T, infer I> ? readonly I[] : L extends Selected<infer _T, infer I> ? I | Uint8Array : Write<L>;
type Kept<A extends Table> = { [K in keyof A as A[K][1] extends typeof padding ? never : K]: A[K][1] };

/** Every attribute may be absent, which is not the same as zero. */
export type ReadAttributes<A extends Table> = Flat<
  { -readonly [K in keyof Kept<A>]?: ReadLayout<Kept<A>[K]> } & { unknown?: UnknownAttribute[] }
>;
export type WriteAttributes<A extends Table> = Flat<
  { -readonly [K in keyof Kept<A>]?: WriteLayout<Kept<A>[K]> } & { unknown?: readonly UnknownAttribute[] }
>;

interface Field {
  name: string;
  type: number;
  layout: Layout;
}

type Values = Record<string, unknown>;

/** Set beside the table's own codecs for the few attributes that are not of one codec each. */
function isSpecial(layout: Layout): layout is Exclude<Layout, AnyCodec> {
  return 'multi' in layout || 'choose' in layout || 'padding' in layout;
}

function checkHeader(bytes: Bytes, at: number, end: number): number {
  if (end - at < NLA_HDRLEN) throw garbled(`${end - at} bytes are left where an attribute should be`);
  const length = bytes.view.getUint16(at, littleEndian);
  if (length < NLA_HDRLEN || length > end - at) {
    throw garbled(`An attribute claims ${length} bytes where ${end - at} are left`);
  }
  return length;
}

/**
 * The codec of a family of attributes, as a message's or as another attribute's payload. Attributes are written in
 * the order of the object's keys, and keys stand in the order of the wire, so that a message read and written again
 * is the same message. Of an attribute that occurs twice the last counts, unless the table says `multi`.
 */
export function attributes<const A extends Table>(table: A): Codec<ReadAttributes<A>, WriteAttributes<A>> {
  const fields = new Map<string, Field>();
  const highest = Math.max(0, ...Object.values(table).map(([type]) => type));
  const plain: (AnyCodec | undefined)[] = new Array(highest + 1).fill(undefined);
  const names: string[] = new Array(highest + 1).fill('');
  const special: (Exclude<Layout, AnyCodec> | undefined)[] = new Array(highest + 1).fill(undefined);
  const numbers = new Map<number, string>();
  for (const [name, [type, layout]] of Object.entries(table)) {
    names[type] = name;
    if (isSpecial(layout)) special[type] = layout;
    else plain[type] = layout;
    if ('padding' in layout) continue;
    fields.set(name, { name, type, layout });
    numbers.set(type, name);
  }

  function readSpecial(
    bytes: Bytes,
    at: number,
    length: number,
    out: Values,
    type: number,
    ends: readonly [start: number, end: number],
    outer: object | undefined,
  ): boolean {
    const layout = special[type]!;
    const name = names[type]!;
    if ('padding' in layout) return true;
    if ('multi' in layout) {
      const element = layout.multi;
      const value = suits(element, length) ? element.read(bytes, at, length) : undefined;
      if (value === undefined) return false;
      const list = out[name] as unknown[] | undefined;
      if (list === undefined) out[name] = [value];
      else list.push(value);
      return true;
    }
    const chosen = layout.choose(siblings(bytes, out, layout, ends), outer);
    const value = suits(chosen, length) ? chosen.read(bytes, at, length, out) : undefined;
    if (value === undefined) return false;
    out[name] = value;
    return true;
  }

  /** What is known beside a selected attribute; the sibling it needs may still be ahead. */
  function siblings(
    bytes: Bytes,
    out: Values,
    layout: Selected<unknown, unknown>,
    [start, end]: readonly [start: number, end: number],
  ): Values {
    if (layout.by === undefined || out[layout.by] !== undefined) return out;
    const field = fields.get(layout.by);
    const sibling = field && plain[field.type];
    if (!sibling) return out;
    for (let at = start; at < end; ) {
      const length = checkHeader(bytes, at, end);
      const type = bytes.view.getUint16(at + 2, littleEndian) & NLA_TYPE_MASK;
      if (type === field.type && suits(sibling, length - NLA_HDRLEN)) {
        return { [layout.by]: sibling.read(bytes, at + NLA_HDRLEN, length - NLA_HDRLEN) };
      }
      at += (length + 3) & ~3;
    }
    return out;
  }

  function read(bytes: Bytes, offset: number, length: number, outer?: object): ReadAttributes<A> {
    const { view } = bytes;
    const end = offset + length;
    const out: Values = {};
    let unknown: UnknownAttribute[] | undefined;
    for (let at = offset; at < end; ) {
      const size = checkHeader(bytes, at, end);
      const whole = view.getUint16(at + 2, littleEndian);
      const type = whole & NLA_TYPE_MASK;
      const payload = size - NLA_HDRLEN;
      let known = false;
      if (type <= highest) {
        const layout = plain[type];
        if (layout !== undefined) {
          if (payload >= layout.min && payload <= layout.max) {
            const value = layout.read(bytes, at + NLA_HDRLEN, payload, out);
            if (value !== undefined) {
              out[names[type]!] = value;
              known = true;
            }
          }
        } else if (special[type] !== undefined) {
          known = readSpecial(bytes, at + NLA_HDRLEN, payload, out, type, [offset, end], outer);
        }
      }
      if (!known) {
        if (unknown === undefined) {
          unknown = [];
          out['unknown'] = unknown;
        }
        unknown.push(unknownAt(bytes, at + NLA_HDRLEN, payload, whole));
      }
      at += (size + 3) & ~3;
    }
    return out as ReadAttributes<A>;
  }

  function layoutsOf(name: string, key: string, value: unknown, values: Values, outer?: object): [AnyCodec, unknown[]] {
    const field = fields.get(key);
    if (!field) throw invalidValue(name, `no attributes but ${[...fields.keys()].join(', ')}`, key);
    const { layout } = field;
    if ('multi' in layout) {
      if (!Array.isArray(value)) throw invalidType(key, 'an array', value);
      return [layout.multi, value];
    }
    if ('choose' in layout) return [value instanceof Uint8Array ? raw : layout.choose(values, outer), [value]];
    return [layout as AnyCodec, [value]];
  }

  function size(value: WriteAttributes<A>, name: string, outer?: object): number {
    checkObject(name, value);
    const values: Values = value;
    let total = 0;
    for (const key in values) {
      const given = values[key];
      if (given === undefined) continue;
      const field = fields.get(key);
      if (field !== undefined && plain[field.type] !== undefined) {
        if (given === false && plain[field.type]!.min === 0 && typeof given === 'boolean') continue;
        total += NLA_HDRLEN + ((plain[field.type]!.size(given, key, values) + 3) & ~3);
      } else if (key === 'unknown') {
        for (const attribute of checkUnknown(given)) total += NLA_HDRLEN + ((attribute.value.length + 3) & ~3);
      } else {
        const [layout, items] = layoutsOf(name, key, given, values, outer);
        for (const item of items) total += NLA_HDRLEN + ((layout.size(item, key, values) + 3) & ~3);
      }
    }
    return total;
  }
  void size;
  return codec({ min: 0, max: MAX_PAYLOAD, size, write: undefined as never, read });
}
