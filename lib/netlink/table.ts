import type { UnknownAttribute } from './attribute-wire.js';
import { type AnyCodec, type Codec, codec, type Flat, type Read, type Write } from './codec.js';
import { NLA_F_NESTED } from './constants.js';
import { raw } from './primitives.js';

/** An attribute that occurs once for every element of a list. */
export interface Multi<T, I> {
  readonly multi: Codec<T, I>;
}

export function multi<T, I>(element: Codec<T, I>): Multi<T, I> {
  return { multi: element };
}

/** An attribute whose layout depends on what stands beside it or above it. */
export interface Selected<T, I> {
  readonly by: string | undefined;
  readonly choose: (siblings: Values, outer: object | undefined) => Codec<T, I>;
}

type Cases = Record<string, AnyCodec>;
type SelectedOf<C extends Cases> = Selected<Read<C[keyof C]>, Write<C[keyof C]>>;

/** Laid out by the value of a sibling, as IFLA_INFO_DATA is by IFLA_INFO_KIND. Unknown cases are kept as bytes. */
export function select<const C extends Cases>(by: string, cases: C): SelectedOf<C> {
  const known = new Map<unknown, AnyCodec>(Object.entries(cases));
  return { by, choose: (siblings) => known.get(siblings[by]) ?? raw } as SelectedOf<C>;
}

/** Laid out by a number in the message's header, as IFLA_AF_SPEC is by ifi_family. Other cases are kept as bytes. */
export function selectByHeader<const C extends Record<number, AnyCodec>>(
  field: string,
  cases: C,
): Selected<Read<C[keyof C]>, Write<C[keyof C]>> {
  const known = new Map<unknown, AnyCodec>(Object.entries(cases).map(([key, value]) => [Number(key), value]));
  return {
    by: undefined,
    choose: (_siblings, outer) => known.get((outer as Values | undefined)?.[field] ?? 0) ?? raw,
  } as Selected<Read<C[keyof C]>, Write<C[keyof C]>>;
}

/** Written with NLA_F_NESTED, which younger parts of the kernel insist on and older ones do not set. */
export function nested<T, I>(layout: Codec<T, I>): Codec<T, I> {
  return codec({ ...layout, flags: layout.flags | NLA_F_NESTED });
}

/** What the kernel inserts before 64-bit values on some machines. It is not read. */
export interface Padding {
  readonly padding: true;
}
export const padding: Padding = { padding: true };

type Layout = AnyCodec | Multi<unknown, unknown> | Selected<unknown, unknown> | Padding;

/** A family of attributes: name → [number, layout]. */
export type Table = Record<string, readonly [type: number, layout: Layout]>;

type ReadLayout<L> =
  L extends Multi<infer T, infer _I> ? T[] : L extends Selected<infer T, infer _I> ? T | Uint8Array : Read<L>;
type WriteLayout<L> =
  L extends Multi<infer _T, infer I>
    ? readonly I[]
    : L extends Selected<infer _T, infer I>
      ? I | Uint8Array
      : Write<L>;
type Kept<A extends Table> = { [K in keyof A as A[K][1] extends Padding ? never : K]: A[K][1] };

/** Every attribute may be absent, which is not the same as zero. */
export type ReadAttributes<A extends Table> = Flat<
  { -readonly [K in keyof Kept<A>]?: ReadLayout<Kept<A>[K]> } & { unknown?: UnknownAttribute[] }
>;
export type WriteAttributes<A extends Table> = Flat<
  { -readonly [K in keyof Kept<A>]?: WriteLayout<Kept<A>[K]> } & { unknown?: readonly UnknownAttribute[] }
>;

export type Values = Record<string, unknown>;

/** One row of a table as it is worked with. `layout` is missing where it must be chosen. */
export interface Field {
  name: string;
  type: number;
  layout: AnyCodec | undefined;
  multi: boolean;
  padding: boolean;
  by: string | undefined;
  choose: (siblings: Values, outer: object | undefined) => AnyCodec;
}

export interface Compiled {
  byName: ReadonlyMap<string, Field>;
  /** Indexed by number, without holes. */
  byType: readonly (Field | undefined)[];
  names: ReadonlyMap<number, string>;
}

export function compile(table: Table): Compiled {
  const fields = Object.entries(table).map(([name, [type, layout]]) => fieldOf(name, type, layout));
  const byType = new Array<Field | undefined>(1 + Math.max(-1, ...fields.map(({ type }) => type))).fill(
    undefined,
  );
  for (const field of fields) byType[field.type] = field;
  const real = fields.filter((field) => !field.padding);
  return {
    byName: new Map(real.map((field) => [field.name, field])),
    byType,
    names: new Map(real.map(({ type, name }) => [type, name])),
  };
}

function fieldOf(name: string, type: number, layout: Layout): Field {
  const field: Field = {
    name,
    type,
    layout: undefined,
    multi: 'multi' in layout,
    padding: 'padding' in layout,
    by: undefined,
    choose: () => raw,
  };
  if ('choose' in layout) Object.assign(field, { by: layout.by, choose: layout.choose });
  else if ('multi' in layout) field.layout = layout.multi;
  else if (!('padding' in layout)) field.layout = layout;
  return field;
}
