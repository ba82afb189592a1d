import { checkObject, invalidValue } from '../syscalls/validate.js';
import type { Bytes } from './bytes.js';
import { type AnyCodec, type Codec, codec, type Flat, MAX_PAYLOAD, type Read, type Write } from './codec.js';

/** Bytes of a struct that mean nothing: written as zero, not read. */
export interface Gap {
  readonly gap: number;
}

/** To be stated, since C's compilers leave gaps without saying so. */
export function gap(length: number): Gap {
  return { gap: length };
}

/** Fields in the order of memory, each of one length. */
export type Fields = Record<string, AnyCodec | Gap>;

type Named<F extends Fields> = { [K in keyof F as F[K] extends Gap ? never : K]: F[K] };

export type ReadStruct<F extends Fields> = Flat<{ -readonly [K in keyof Named<F>]: Read<Named<F>[K]> }>;

/** What is left out is written as zero. */
export type WriteStruct<F extends Fields> = Flat<{ -readonly [K in keyof Named<F>]?: Write<Named<F>[K]> }>;

export interface StructCodec<T, I> extends Codec<T, I> {
  /** Bytes it takes up. */
  readonly length: number;
  read(bytes: Bytes, offset: number, length: number): T;
  /** Writes the fields of an object that also holds `others`. */
  writeAmong(bytes: Bytes, offset: number, value: object, others: readonly string[]): number;
}

/** A C struct. Newer kernels append to structs: a longer one is read too, and its tail let go. */
export function struct<const F extends Fields>(fields: F): StructCodec<ReadStruct<F>, WriteStruct<F>> {
  const names: string[] = [];
  const codecs: AnyCodec[] = [];
  const offsets: number[] = [];
  let length = 0;
  for (const [name, field] of Object.entries(fields)) {
    if ('gap' in field) {
      length += field.gap;
      continue;
    }
    names.push(name);
    codecs.push(field);
    offsets.push(length);
    length += field.min;
  }

  function writeAmong(bytes: Bytes, offset: number, value: object, others: readonly string[]): number {
    const given = value as Record<string, unknown>;
    const end = offset + length;
    for (let at = offset; at < end; at++) bytes.array[at] = 0;
    let written = 0;
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!;
      const field = given[name];
      if (field === undefined) continue;
      codecs[i]!.write(bytes, offset + offsets[i]!, field, name);
      written++;
    }
    for (const _key in given) written--;
    if (written < 0) checkNames(given, others);
    return end;
  }

  function checkNames(given: Record<string, unknown>, others: readonly string[]): void {
    const known = [...names, ...others];
    for (const key in given) {
      if (given[key] !== undefined && !known.includes(key)) {
        throw invalidValue('fields', `none but ${known.join(', ')}`, key);
      }
    }
  }

  function read(bytes: Bytes, offset: number): ReadStruct<F> {
    const out: Record<string, unknown> = {};
    for (let i = 0; i < names.length; i++) {
      const field = codecs[i]!;
      out[names[i]!] = field.read(bytes, offset + offsets[i]!, field.min);
    }
    return out as ReadStruct<F>;
  }

  const layout = codec<ReadStruct<F>, WriteStruct<F>>({
    min: length,
    max: MAX_PAYLOAD,
    size: () => length,
    write: (bytes, offset, value, name) => {
      checkObject(name, value);
      return writeAmong(bytes, offset, value, []);
    },
    read,
  });
  return { ...layout, length, read, writeAmong };
}
