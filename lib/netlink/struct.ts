import { checkObject, invalidValue } from '../syscalls/validate.js';
import { type AnyCodec, type Codec, codec, type Flat, MAX_PAYLOAD, type Read, type Write } from './codec.js';

/** Bytes of a struct that mean nothing: written as zero, not read. */
export interface Pad {
  readonly pad: number;
}

/** Explicit, since C's compilers pad without saying so. */
export function pad(length: number): Pad {
  return { pad: length };
}

/** Fields in the order of memory, each of a fixed length. */
export type Fields = Record<string, AnyCodec | Pad>;

type Named<F extends Fields> = { [K in keyof F as F[K] extends Pad ? never : K]: F[K] };

export type ReadStruct<F extends Fields> = Flat<{ -readonly [K in keyof Named<F>]: Read<Named<F>[K]> }>;

/** What is left out is written as zero. */
export type WriteStruct<F extends Fields> = Flat<{ -readonly [K in keyof Named<F>]?: Write<Named<F>[K]> }>;

export interface StructCodec<T, I> extends Codec<T, I> {
  /** Bytes it takes up. */
  readonly length: number;
  /** Names of the fields. */
  readonly fields: readonly string[];
}

interface Options {
  /** Whether a longer payload holds one too, its tail being of a newer kernel. */
  growing?: boolean;
  /** Whether other names than the fields' may be in the object that is written. */
  open?: boolean;
}

/** A C struct. Newer kernels append to structs: a longer one is read, and its tail let go. */
export function struct<const F extends Fields>(
  fields: F,
  { growing = true, open = false }: Options = {},
): StructCodec<ReadStruct<F>, WriteStruct<F>> {
  const names: string[] = [];
  const codecs: AnyCodec[] = [];
  const offsets: number[] = [];
  let length = 0;
  for (const [name, field] of Object.entries(fields)) {
    if ('pad' in field) {
      length += field.pad;
      continue;
    }
    names.push(name);
    codecs.push(field);
    offsets.push(length);
    length += field.min;
  }
  const known = new Set(names);

  const layout = codec<ReadStruct<F>, WriteStruct<F>>({
    min: length,
    max: growing ? MAX_PAYLOAD : length,
    size: () => length,
    write: (bytes, offset, value, name) => {
      checkObject(name, value);
      const given: Record<string, unknown> = value;
      bytes.array.fill(0, offset, offset + length);
      for (let i = 0; i < names.length; i++) {
        const field = given[names[i]!];
        if (field !== undefined) codecs[i]!.write(bytes, offset + offsets[i]!, field, names[i]!);
      }
      if (!open) for (const key in given) if (!known.has(key)) throw invalidValue(name, `no fields but ${names}`, key);
      return offset + length;
    },
    read: (bytes, offset) => {
      const out: Record<string, unknown> = {};
      for (let i = 0; i < names.length; i++) {
        out[names[i]!] = codecs[i]!.read(bytes, offset + offsets[i]!, codecs[i]!.min);
      }
      return out as ReadStruct<F>;
    },
  });
  return { ...layout, length, fields: names };
}
