import { endianness } from 'node:os';

/** Netlink speaks the host's byte order, except in fields that are network order by name (be16, be32). */
export const littleEndian = endianness() === 'LE';

/** A piece of memory seen both ways: offsets count from its own beginning. */
export class Bytes {
  readonly array: Uint8Array;
  readonly view: DataView;
  readonly length: number;

  constructor(array: Uint8Array) {
    this.array = array;
    this.view = new DataView(array.buffer, array.byteOffset, array.byteLength);
    this.length = array.byteLength;
  }

  static alloc(length: number): Bytes {
    return new Bytes(new Uint8Array(length));
  }

  /** A copy, which shares no memory with this. */
  copy(offset: number, length: number): Uint8Array {
    return this.array.slice(offset, offset + length);
  }
}

/** The next multiple of four: messages and attributes begin there. */
export function align(offset: number): number {
  return (offset + 3) & ~3;
}
