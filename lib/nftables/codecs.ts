import type { Bytes } from '../netlink/bytes.js';
import { type AnyCodec, type Codec, codec } from '../netlink/codec.js';
import { invalidType, invalidValue } from '../syscalls/validate.js';

/** A number by its name; what has none stays a number, which may be written, too. */
export function enumeration<const N extends Record<string, number>>(
  base: Codec<number>,
  names: N,
): Codec<(keyof N & string) | number> {
  const byNumber = new Map(Object.entries(names).map(([name, number]) => [number, name]));
  const numberOf = (value: unknown, name: string): number => {
    if (typeof value === 'number') return value;
    if (typeof value !== 'string') throw invalidType(name, 'a string or a number', value);
    if (Object.hasOwn(names, value)) return names[value] as number;
    throw invalidValue(name, `one of ${Object.keys(names).join(', ')}`, value);
  };
  return mapped<number, number, (keyof N & string) | number>(
    base,
    numberOf,
    (number) => byNumber.get(number) ?? number,
  );
}

/** Bits by their names; those that have none as one number, as they may be written. */
export function bits<const N extends Record<string, number>>(
  base: Codec<number>,
  names: N,
): Codec<((keyof N & string) | number)[], readonly ((keyof N & string) | number)[]> {
  const entries = Object.entries(names);
  const numberOf = (value: unknown, name: string): number => {
    if (!Array.isArray(value)) throw invalidType(name, 'an array', value);
    return value.reduce((sum: number, bit: unknown) => {
      if (typeof bit === 'number') return (sum | bit) >>> 0;
      if (typeof bit === 'string' && Object.hasOwn(names, bit)) return (sum | (names[bit] as number)) >>> 0;
      throw invalidValue(name, `of ${Object.keys(names).join(', ')}`, bit);
    }, 0);
  };
  const namesOf = (number: number): (string | number)[] => {
    const known = entries.filter(([, bit]) => (number & bit) !== 0);
    const rest = known.reduce((left, [, bit]) => left & ~bit, number) >>> 0;
    const list: (string | number)[] = known.map(([name]) => name);
    if (rest !== 0) list.push(rest);
    return list;
  };
  return mapped<number, number, never>(
    base,
    numberOf,
    namesOf as unknown as (number: number) => never,
  ) as never;
}

/** Laid out as another; `to` makes what that writes, `from` what is read of it, undefined where that is nothing. */
export function mapped<W, WI, T, I = T>(
  base: Codec<W, WI>,
  to: (value: I, name: string) => WI,
  from: (value: W) => T | undefined,
): Codec<T, I> {
  return codec<T, I>({
    min: base.min,
    max: base.max,
    flags: base.flags,
    shape: base.shape,
    size: (value, name, outer) => base.size(to(value, name), name, outer),
    write: (bytes, offset, value, name, outer) => base.write(bytes, offset, to(value, name), name, outer),
    read: (bytes: Bytes, offset, length, outer) => {
      const value = base.read(bytes, offset, length, outer);
      return value === undefined ? undefined : from(value);
    },
  });
}

/** A codec that is made when it is first used: tables that hold one another. */
export function lazy<T, I>(make: () => Codec<T, I>, max: number, flags: number): Codec<T, I> {
  let made: Codec<T, I> | undefined;
  const get = (): Codec<T, I> => {
    made ??= make();
    return made;
  };
  const layout = codec<T, I>({
    min: 0,
    max,
    flags,
    size: (...args) => get().size(...args),
    write: (...args) => get().write(...args),
    read: (...args) => get().read(...args),
  });
  return Object.defineProperty({ ...layout } as Codec<T, I> & AnyCodec, 'shape', {
    get: () => get().shape,
    enumerable: true,
  }) as Codec<T, I>;
}
