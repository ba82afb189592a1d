import { NsnetError } from '../syscalls/errors.js';
import type { Bytes } from './bytes.js';
import type { Shape } from './shape.js';

/**
 * How one type is laid out in memory. `T` is what `read` gives; `I` what `write` takes: a T, or something looser.
 * The container of a value (an attribute, a struct) knows its length and passes it on.
 */
export interface Codec<T, I = T> {
  /** Payload lengths, in bytes, that can hold a T. A container keeps what is shorter or longer as unknown. */
  readonly min: number;
  readonly max: number;
  /** Bits or-ed into nla_type when this is an attribute's payload. */
  readonly flags: number;
  /** What it is made of; undefined for a plain value. */
  readonly shape: Shape | undefined;
  /** Bytes that `write` will use. `name` is for errors. `outer` is the object around the value. */
  size(value: I, name: string, outer?: object): number;
  /** Writes at `offset`, where there is room for `size(value)` bytes, and returns the offset after the last. */
  write(bytes: Bytes, offset: number, value: I, name: string, outer?: object): number;
  /** Reads `length` bytes; undefined where they do not hold a T. Throws EBADMSG where structure is broken. */
  read(bytes: Bytes, offset: number, length: number, outer?: object): T | undefined;
}

export type AnyCodec = Codec<unknown, unknown>;

/** The type that a codec reads. */
export type Read<C> = C extends Codec<infer T, infer _I> ? T : never;

/** The type that a codec takes to write. */
export type Write<C> = C extends Codec<infer _T, infer I> ? I : never;

/** Shows an intersection as one object. */
export type Flat<T> = { [K in keyof T]: T[K] } & {};

interface Layout<T, I> {
  min: number;
  max: number;
  flags?: number;
  shape?: Shape;
  size: Codec<T, I>['size'];
  write: Codec<T, I>['write'];
  read: Codec<T, I>['read'];
}

/** All codecs are made here, with their properties in one order, so that calls through them stay fast. */
export function codec<T, I = T>({
  min,
  max,
  flags = 0,
  shape,
  size,
  write,
  read,
}: Layout<T, I>): Codec<T, I> {
  return { min, max, flags, shape, size, write, read };
}

/** For payloads of one length. */
export function fixed<T, I = T>(
  length: number,
  write: Codec<T, I>['write'],
  read: Codec<T, I>['read'],
): Codec<T, I> {
  return codec({ min: length, max: length, size: () => length, write, read });
}

/** No attribute is longer: nla_len is 16 bits wide and counts its own header. */
export const MAX_PAYLOAD = 0xffff - 4;

/** What the kernel sent, or what was taken for it, has lengths that contradict each other. */
export function garbled(text: string): NsnetError {
  return new NsnetError('EBADMSG', text);
}
