import { endianness } from 'node:os';

/** Netlink speaks the host's byte order, except in fields that are network order by name (be16, be32). */
export const littleEndian = endianness() === 'LE';

/** A piece of memory seen both ways: offsets count from its own beginning. */
export class Bytes {
  readonly array: Uint8Array;
  readonly view: DataView;
  readonly length: number;
  readonly #buffer: Buffer;

  constructor(array: Uint8Array) {
    this.array = array;
    this.view = new DataView(array.buffer, array.byteOffset, array.byteLength);
    this.length = array.byteLength;
    this.#buffer = Buffer.from(array.buffer, array.byteOffset, array.byteLength);
  }

  static alloc(length: number): Bytes {
    return new Bytes(new Uint8Array(length));
  }

  /** A copy, which shares no memory with this. */
  copy(offset: number, length: number): Uint8Array {
    const copy = new Uint8Array(length);
    copy.set(this.array.subarray(offset, offset + length));
    return copy;
  }

  /** The UTF-8 from one offset to another. */
  text(offset: number, end: number): string {
    return this.#buffer.toString('utf8', offset, end);
  }
}

/** The next multiple of four: messages and attributes begin there. */
export function align(offset: number): number {
  return (offset + 3) & ~3;
}
