import { littleEndian } from '../netlink/bytes.js';
import type { LinkType } from './decode/decode.js';
import { ARPHRD } from './filter/compile.js';

/** Of struct Record in native/capture.cc, which is in front of the bytes of each packet. */
const HEADER = 32;

/** How the link itself took a packet (linux/if_packet.h). */
export const PACKET = { HOST: 0, BROADCAST: 1, MULTICAST: 2, OTHERHOST: 3, OUTGOING: 4 } as const;

/** The names of links, by index, at the time that packets were read. */
export type LinkNames = ReadonlyMap<number, string>;

/** Packets as the add-on gives them: many in one piece of memory. */
export class Batch {
  readonly array: Uint8Array;
  readonly view: DataView;
  readonly names: LinkNames;

  constructor(array: Uint8Array, names: LinkNames) {
    this.array = array;
    this.view = new DataView(array.buffer, array.byteOffset, array.length);
    this.names = names;
  }

  /** Where each begins. */
  *[Symbol.iterator](): Generator<number, void, undefined> {
    for (let at = 0; at < this.array.length; at = this.next(at)) yield at;
  }

  get count(): number {
    let count = 0;
    for (let at = 0; at < this.array.length; at = this.next(at)) count++;
    return count;
  }

  /** Where the one behind it begins. */
  next(at: number): number {
    return at + this.view.getUint32(at, littleEndian);
  }

  captured(at: number): number {
    return this.view.getUint32(at + 4, littleEndian);
  }

  length(at: number): number {
    return this.view.getUint32(at + 8, littleEndian);
  }

  link(at: number): number {
    return this.view.getUint32(at + 12, littleEndian);
  }

  /** Nanoseconds since 1970. */
  time(at: number): bigint {
    return this.view.getBigUint64(at + 16, littleEndian);
  }

  linkType(at: number): LinkType {
    const hardware = this.view.getUint16(at + 24, littleEndian);
    return hardware === ARPHRD.ETHER || hardware === ARPHRD.LOOPBACK ? 'ethernet' : 'raw';
  }

  /** One of PACKET. */
  type(at: number): number {
    return this.view.getUint8(at + 26);
  }

  /** Shares its memory. */
  bytes(at: number): Uint8Array {
    return this.array.subarray(at + HEADER, at + HEADER + this.captured(at));
  }
}
