import { formatIPv4 } from '../../netlink/ipv4.js';
import { formatIPv6 } from '../../netlink/ipv6.js';
import { formatMac } from '../../netlink/mac.js';
import type { Layer } from './layers.js';

/** Thrown where a header goes on behind the bytes that are there; decode() catches it. */
export const CUT_OFF = Symbol('cut off');

/** The bytes of a packet, as far as a header's contents go. Offsets count from where it has come to. */
export class Reader {
  readonly layers: Layer[] = [];
  #bytes: Uint8Array;
  #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** What is there from here on. */
  get rest(): Uint8Array {
    return this.#bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** Throws unless so many bytes are there. */
  need(bytes: number): void {
    if (bytes > this.#bytes.length) throw CUT_OFF;
  }

  u8(at: number): number {
    return this.#bytes[at]!;
  }

  u16(at: number): number {
    return this.#view.getUint16(at);
  }

  u32(at: number): number {
    return this.#view.getUint32(at);
  }

  mac(at: number): string {
    return formatMac(this.#bytes, at, 6);
  }

  ipv4(at: number): string {
    return formatIPv4(this.#bytes, at);
  }

  ipv6(at: number): string {
    return formatIPv6(this.#bytes, at);
  }

  slice(from: number, to: number): Uint8Array {
    return this.#bytes.subarray(from, to);
  }

  /** What is behind so many bytes belongs to nothing. */
  end(bytes: number): void {
    if (bytes < this.length) this.#set(this.#bytes.subarray(0, bytes));
  }

  /** A header has been read. */
  advance(bytes: number): void {
    this.#set(this.#bytes.subarray(bytes));
  }

  #set(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
}
