import { checkObject, invalidValue } from '../syscalls/validate.js';
import type { Bytes } from './bytes.js';
import { type Codec, codec, MAX_PAYLOAD } from './codec.js';
import { FieldReader, FieldRecorder, type FieldTypes } from './struct-fields.js';

export interface StructCodec<T, I> extends Codec<T, I> {
  /** Bytes it takes up. */
  readonly length: number;
  readonly names: readonly string[];
  read(bytes: Bytes, offset: number, length: number): T;
  /** Writes the fields of an object that may hold `others` besides. */
  writeAmong(bytes: Bytes, offset: number, value: object, others: readonly string[]): number;
}

/**
 * A C struct, its fields in the order of memory: `struct((is) => ({ family: is.u8(), type: is.gap(1).u16() }))`.
 * Fields that are left out are written as zero. Newer kernels append to structs: a longer one is read too, and its
 * tail let go. C's compilers round the length of a struct up: `tail` is by how much.
 *
 * The literal is the table. It is run once to note the fields, and then for each struct that is read, so that all of
 * them are of one hidden class: objects made key by key take ten times as long.
 */
export function struct<T extends object>(
  fields: (is: FieldTypes) => T,
  tail = 0,
): StructCodec<T, Partial<T>> {
  const recorder = new FieldRecorder();
  const names = Object.keys(fields(recorder));
  const length = recorder.length + tail;
  const byName = new Map(names.map((name, i) => [name, recorder.fields[i]!]));
  const reader = new FieldReader();

  function writeAmong(bytes: Bytes, offset: number, value: object, others: readonly string[]): number {
    const given = value as Record<string, unknown>;
    const end = offset + length;
    for (let at = offset; at < end; at++) bytes.array[at] = 0;
    for (const name in given) {
      const content = given[name];
      if (content === undefined) continue;
      const field = byName.get(name);
      if (field !== undefined) field.type.write(bytes, offset + field.offset, content, name);
      else if (!others.includes(name)) throw invalidValue('a field', [...names, ...others].join(', '), name);
    }
    return end;
  }

  const layout = codec<T, Partial<T>>({
    min: length,
    max: MAX_PAYLOAD,
    shape: { kind: 'struct', fields: byName },
    size: () => length,
    write: (bytes, offset, value, name) => {
      checkObject(name, value);
      return writeAmong(bytes, offset, value, []);
    },
    read: (bytes, offset) => fields(reader.begin(bytes, offset)),
  });
  return { ...layout, length, names, writeAmong } as StructCodec<T, Partial<T>>;
}

/** A struct that older kernels send shorter: what `newer` adds to `older` is absent then. */
export function grown<O extends object, N extends O>(
  older: StructCodec<O, Partial<O>>,
  newer: StructCodec<N, Partial<N>>,
): Codec<O & Partial<N>, Partial<N>> {
  const added = newer.names.slice(older.names.length);
  const layoutOf = (value: Partial<N>) =>
    added.some((name) => (value as Record<string, unknown>)[name] !== undefined) ? newer : older;
  return codec<O & Partial<N>, Partial<N>>({
    min: older.length,
    max: MAX_PAYLOAD,
    shape: newer.shape,
    size: (value, name) => {
      checkObject(name, value);
      return layoutOf(value).length;
    },
    write: (bytes, offset, value, name) => {
      checkObject(name, value);
      return layoutOf(value).writeAmong(bytes, offset, value, []);
    },
    read: (bytes, offset, length) => (length < newer.length ? older : newer).read(bytes, offset, length),
  });
}
