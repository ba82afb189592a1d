import { randomBytes } from 'node:crypto';
import type { Family, IPAddress } from '../netlink/addresses.js';
import { ICMP, ICMPV6, IPPROTO } from './constants.js';
import { reasonOfCode, type UnreachableReason } from './unreachable.js';

/** Bytes of the header of an echo and of an error message alike. */
export const ICMP_HEADER = 8;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const FRAGMENT_HEADER = 8;

/** What an ICMP message tells about an echo: it is the answer, or quotes what could not be delivered. */
export interface Heard {
  type: 'reply' | 'unreachable' | 'expired';
  identifier: number;
  sequence: number;
  /** Of 'unreachable'. */
  reason?: UnreachableReason;
  /** Of what is too big, what is not. */
  mtu?: number;
  /** The data of the echo, as far as it is there: who quotes may quote only its header. */
  data: Uint8Array;
  /** Of a quoted echo, where it was to go. */
  destination?: Uint8Array;
}

/** The Internet checksum (RFC 1071): 0 over bytes that hold their own. */
export function checksum(bytes: Uint8Array): number {
  let sum = 0;
  const even = bytes.length & ~1;
  for (let at = 0; at < even; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!;
  if (even < bytes.length) sum += bytes[even]! << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Random bytes at the head of the data, as far as there is room: an answer must hold them. */
const TOKEN = 8;

/** The echo request of one run, numbered anew each time. */
export class EchoMessage {
  readonly #family: Family;
  readonly #identifier: number;
  readonly #bytes: Uint8Array;
  readonly #token: Uint8Array;
  readonly #destination: Uint8Array;

  /** With `size` bytes of data, up to 65,527. */
  constructor({ family, bytes }: IPAddress, identifier: number, size: number) {
    this.#family = family;
    this.#identifier = identifier;
    this.#destination = bytes;
    this.#bytes = new Uint8Array(ICMP_HEADER + size);
    this.#bytes[0] = family === 'inet' ? ICMP.ECHO : ICMPV6.ECHO;
    new DataView(this.#bytes.buffer).setUint16(4, identifier);
    const data = this.#bytes.subarray(ICMP_HEADER);
    // Behind the token as iputils fills it.
    for (let at = 0; at < size; at++) data[at] = at & 0xff;
    this.#token = randomBytes(Math.min(TOKEN, size));
    data.set(this.#token);
  }

  /** The bytes to send, until this is called again. The number on the wire is modulo 65,536. */
  numbered(sequence: number): Uint8Array {
    const view = new DataView(this.#bytes.buffer);
    view.setUint16(6, sequence & 0xffff);
    view.setUint16(2, 0);
    // Of ICMPv6 the kernel computes the sum.
    if (this.#family === 'inet') view.setUint16(2, checksum(this.#bytes));
    return this.#bytes;
  }

  /**
   * Whether what was heard is about an echo of this run. Who quotes an echo may quote only its header. Where the
   * kernel has chosen the identifier it passes on no other's answers.
   */
  isOurs({ type, identifier, data, destination }: Heard, identifierIsOurs: boolean): boolean {
    if (identifierIsOurs && identifier !== this.#identifier) return false;
    if (destination && !this.#wentTo(destination)) return false;
    const length = type === 'reply' ? this.#token.length : Math.min(data.length, this.#token.length);
    return data.length >= length && startsWith(data, this.#token, length);
  }

  /** What is sent to the unspecified address goes to the loopback. */
  #wentTo(destination: Uint8Array): boolean {
    const ours = this.#destination;
    return startsWith(destination, ours, ours.length) || ours.every((byte) => byte === 0);
  }
}

function startsWith(bytes: Uint8Array, beginning: Uint8Array, length: number): boolean {
  for (let at = 0; at < length; at++) if (bytes[at] !== beginning[at]) return false;
  return true;
}

/** Reads an ICMP message; undefined for what is garbled, or about no echo. */
export function readIcmp(family: Family, message: Uint8Array): Heard | undefined {
  if (message.length < ICMP_HEADER) return undefined;
  // Of ICMPv6 the kernel has verified the sum, which covers addresses that are not here.
  if (family === 'inet' && checksum(message) !== 0) return undefined;
  const type = messageType(family, message);
  if (type === undefined) return undefined;
  if (type === 'reply') return readEcho(message, type);
  const quoted = readQuoted(family, message.subarray(ICMP_HEADER), type);
  return quoted && type === 'unreachable' ? { ...quoted, ...readReason(family, message) } : quoted;
}

function readReason(family: Family, message: Uint8Array): Pick<Heard, 'reason' | 'mtu'> {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (family === 'inet6' && message[0] === ICMPV6.PACKET_TOO_BIG) {
    return { reason: 'too big', mtu: view.getUint32(4) };
  }
  const reason = reasonOfCode(family, message[1]!);
  return reason === 'too big' ? { reason, mtu: view.getUint16(6) } : { reason };
}

function messageType(family: Family, message: Uint8Array): Heard['type'] | undefined {
  const [type] = message;
  if (family === 'inet') {
    if (type === ICMP.ECHO_REPLY) return 'reply';
    if (type === ICMP.DEST_UNREACH) return 'unreachable';
    return type === ICMP.TIME_EXCEEDED ? 'expired' : undefined;
  }
  if (type === ICMPV6.ECHO_REPLY) return 'reply';
  if (type === ICMPV6.DEST_UNREACH || type === ICMPV6.PACKET_TOO_BIG) return 'unreachable';
  return type === ICMPV6.TIME_EXCEEDED ? 'expired' : undefined;
}

function readEcho(message: Uint8Array, type: Heard['type'], destination?: Uint8Array): Heard {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  return {
    type,
    identifier: view.getUint16(4),
    sequence: view.getUint16(6),
    data: message.subarray(ICMP_HEADER),
    destination,
  };
}

/** The echo request in a quoted IP packet. */
function readQuoted(family: Family, packet: Uint8Array, type: Heard['type']): Heard | undefined {
  const inner = family === 'inet' ? quotedIPv4(packet) : quotedIPv6(packet);
  if (!inner || inner.message.length < ICMP_HEADER) return undefined;
  if (inner.message[0] !== (family === 'inet' ? ICMP.ECHO : ICMPV6.ECHO)) return undefined;
  return readEcho(inner.message, type, inner.destination);
}

interface Quoted {
  message: Uint8Array;
  destination: Uint8Array;
}

/** Without the IP header, if it holds the beginning of an ICMP message. */
function quotedIPv4(packet: Uint8Array): Quoted | undefined {
  const message = withoutIPv4Header(packet);
  if (!message || packet[9] !== IPPROTO.ICMP) return undefined;
  const fragmentOffset = ((packet[6]! & 0x1f) << 8) | packet[7]!;
  return fragmentOffset === 0 ? { message, destination: packet.subarray(16, 20) } : undefined;
}

function quotedIPv6(packet: Uint8Array): Quoted | undefined {
  if (packet.length < IPV6_HEADER || packet[0]! >> 4 !== 6) return undefined;
  let next = packet[6];
  let message = packet.subarray(IPV6_HEADER);
  if (next === IPPROTO.IPV6_FRAGMENT && message.length >= FRAGMENT_HEADER) {
    const fragmentOffset = (message[2]! << 8) | (message[3]! & 0xf8);
    if (fragmentOffset !== 0) return undefined;
    next = message[0];
    message = message.subarray(FRAGMENT_HEADER);
  }
  return next === IPPROTO.ICMPV6 ? { message, destination: packet.subarray(24, 40) } : undefined;
}

/** What follows the header of an IPv4 packet; undefined if it is none. */
export function withoutIPv4Header(packet: Uint8Array): Uint8Array | undefined {
  const length = (packet[0]! & 0x0f) * 4;
  if (packet.length < IPV4_HEADER || packet[0]! >> 4 !== 4 || length < IPV4_HEADER) return undefined;
  return packet.subarray(length);
}
