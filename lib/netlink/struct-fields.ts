import { Bytes, littleEndian } from './bytes.js';
import type { AnyCodec, Codec } from './codec.js';
import { be16, be32, counter, s32, u8, u16, u32, u64 } from './primitives.js';

/** Types of a struct's fields. Each takes up the next bytes. */
export interface FieldTypes {
  u8(): number;
  u16(): number;
  u32(): number;
  s32(): number;
  be16(): number;
  be32(): number;
  u64(): number | bigint;
  counter(): number;
  /** Any other type whose values all have one length. */
  of<T, I>(type: Codec<T, I>): T;
  /** Leaves out bytes that mean nothing before the next field, as C's compilers do without saying so. */
  gap(bytes: number): FieldTypes;
}

/** Takes note of the fields that it is asked for. */
export class FieldRecorder implements FieldTypes {
  readonly fields: { type: AnyCodec; offset: number }[] = [];
  length = 0;

  of<T, I>(type: Codec<T, I>): T {
    this.fields.push({ type: type as AnyCodec, offset: this.length });
    this.length += type.min;
    return undefined as T;
  }
  gap(bytes: number): FieldTypes {
    this.length += bytes;
    return this;
  }
  u8 = () => this.of(u8);
  u16 = () => this.of(u16);
  u32 = () => this.of(u32);
  s32 = () => this.of(s32);
  be16 = () => this.of(be16);
  be32 = () => this.of(be32);
  u64 = () => this.of(u64);
  counter = () => this.of(counter);
}

/** Reads the fields that it is asked for. */
export class FieldReader implements FieldTypes {
  #bytes = Bytes.alloc(0);
  #at = 0;

  begin(bytes: Bytes, at: number): FieldTypes {
    this.#bytes = bytes;
    this.#at = at;
    return this;
  }
  #next(length: number): number {
    const at = this.#at;
    this.#at = at + length;
    return at;
  }
  of<T, I>(type: Codec<T, I>): T {
    return type.read(this.#bytes, this.#next(type.min), type.min) as T;
  }
  gap(bytes: number): FieldTypes {
    this.#at += bytes;
    return this;
  }
  u8(): number {
    return this.#bytes.array[this.#next(1)] as number;
  }
  u16(): number {
    return this.#bytes.view.getUint16(this.#next(2), littleEndian);
  }
  u32(): number {
    return this.#bytes.view.getUint32(this.#next(4), littleEndian);
  }
  s32(): number {
    return this.#bytes.view.getInt32(this.#next(4), littleEndian);
  }
  be16(): number {
    return this.#bytes.view.getUint16(this.#next(2), false);
  }
  be32(): number {
    return this.#bytes.view.getUint32(this.#next(4), false);
  }
  u64(): number | bigint {
    return this.of(u64);
  }
  counter(): number {
    return this.of(counter);
  }
}
