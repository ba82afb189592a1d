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
  /** Name of the sibling, or of the field in the header above. */
  readonly by: string;
  readonly above: boolean;
  readonly cases: ReadonlyMap<unknown, Codec<T, I>>;
}

type SelectedOf<C extends Record<string | number, AnyCodec>> = Selected<Read<C[keyof C]>, Write<C[keyof C]>>;

/** Laid out by the value of a sibling, as IFLA_INFO_DATA is by IFLA_INFO_KIND. Unknown cases are kept as bytes. */
export function select<const C extends Record<string, AnyCodec>>(by: string, cases: C): SelectedOf<C> {
  return { by, above: false, cases: new Map(Object.entries(cases)) } as SelectedOf<C>;
}

/** Laid out by a number in the message's header, as IFLA_AF_SPEC is by ifi_family. Other cases are kept as bytes. */
export function selectByHeader<const C extends Record<number, AnyCodec>>(
  by: string,
  cases: C,
): SelectedOf<C> {
  const byNumber = Object.entries(cases).map(([key, layout]) => [Number(key), layout] as const);
  return { by, above: true, cases: new Map(byNumber) } as SelectedOf<C>;
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
  selected: Selected<unknown, unknown> | undefined;
}

export interface Compiled {
  byName: ReadonlyMap<string, Field>;
  /** Indexed by number, without holes. */
  byType: readonly (Field | undefined)[];
}

export function compile(table: Table): Compiled {
  const fields = Object.entries(table).map(([name, [type, layout]]) => fieldOf(name, type, layout));
  const byType = new Array<Field | undefined>(1 + Math.max(-1, ...fields.map(({ type }) => type))).fill(
    undefined,
  );
  for (const field of fields) byType[field.type] = field;
  const byName = new Map(fields.filter(({ padding }) => !padding).map((field) => [field.name, field]));
  return { byName, byType };
}

function fieldOf(name: string, type: number, layout: Layout): Field {
  const field: Field = { name, type, layout: undefined, multi: false, padding: false, selected: undefined };
  if ('cases' in layout) field.selected = layout;
  else if ('padding' in layout) field.padding = true;
  else if ('multi' in layout) Object.assign(field, { layout: layout.multi, multi: true });
  else field.layout = layout;
  return field;
}

/** The layout of a selected attribute among its siblings, below `outer`. */
export function chosen(
  { by, above, cases }: Selected<unknown, unknown>,
  siblings: Values,
  outer?: object,
): AnyCodec {
  if (!above) return cases.get(siblings[by]) ?? raw;
  return cases.get((outer as Values | undefined)?.[by] ?? 0) ?? raw;
}
