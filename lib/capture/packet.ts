import { inspect } from 'node:util';
import { decode, type LinkType } from './decode/decode.js';
import type { Arp, Decoded, Ethernet, Icmp, Icmpv6, Ipv4, Ipv6, Layer, Tcp, Udp } from './decode/layers.js';
import { type Batch, PACKET } from './records.js';
import { line } from './text/line.js';

/** What a Packet is made of. */
export interface PacketData {
  /** When it passed, CLOCK_REALTIME in nanoseconds. */
  time: bigint;
  /** Name of the link, as it was when the packet was read. */
  link: string;
  ifindex: number;
  /** 'out' was sent from the namespace; 'in' came, for whomever it was. */
  direction: 'in' | 'out';
  /** Bytes that it had on the link. */
  length: number;
  /** Those that were captured: all of them, if `snaplen` did not cut it off. */
  bytes: Uint8Array;
  /** What `bytes` begin with: Ethernet's header, or that of IP. */
  linkType: LinkType;
}

/**
 * A packet that was caught. Its headers are read when first asked for; those that it does not have are undefined.
 * Packets that were caught together share memory: copy `bytes` (`bytes.slice()`) of few that are kept for long.
 */
export class Packet implements PacketData {
  readonly time: bigint;
  readonly link: string;
  readonly ifindex: number;
  readonly direction: 'in' | 'out';
  readonly length: number;
  readonly bytes: Uint8Array;
  readonly linkType: LinkType;
  #decoded: Decoded | undefined;

  constructor({ time, link, ifindex, direction, length, bytes, linkType }: PacketData) {
    this.time = time;
    this.link = link;
    this.ifindex = ifindex;
    this.direction = direction;
    this.length = length;
    this.bytes = bytes;
    this.linkType = linkType;
  }

  /** Its headers, from the outside in. */
  get layers(): readonly Layer[] {
    return this.#read().layers;
  }

  get ethernet(): Ethernet | undefined {
    return this.#layer('ethernet');
  }

  get arp(): Arp | undefined {
    return this.#layer('arp');
  }

  get ipv4(): Ipv4 | undefined {
    return this.#layer('ipv4');
  }

  get ipv6(): Ipv6 | undefined {
    return this.#layer('ipv6');
  }

  get icmp(): Icmp | undefined {
    return this.#layer('icmp');
  }

  get icmpv6(): Icmpv6 | undefined {
    return this.#layer('icmpv6');
  }

  get udp(): Udp | undefined {
    return this.#layer('udp');
  }

  get tcp(): Tcp | undefined {
    return this.#layer('tcp');
  }

  /** What is behind the last header, without what was added to fill the frame. */
  get payload(): Uint8Array {
    return this.#read().payload;
  }

  /** Whether a header is cut off, or says what cannot be. */
  get malformed(): boolean {
    return this.#read().malformed === true;
  }

  /** One line, as `tcpdump -n` has it, with the link and the direction. */
  toString(): string {
    return line(this);
  }

  [inspect.custom](): string {
    return `Packet { ${line(this)} }`;
  }

  #read(): Decoded {
    this.#decoded ??= decode(this.bytes, this.linkType);
    return this.#decoded;
  }

  #layer<L extends Layer['layer']>(name: L): Extract<Layer, { layer: L }> | undefined {
    for (const layer of this.#read().layers) if (layer.layer === name) return layer as never;
    return undefined;
  }
}

/** The one that begins there. */
export function packetAt(batch: Batch, at: number): Packet {
  const ifindex = batch.link(at);
  return new Packet({
    time: batch.time(at),
    link: batch.names.get(ifindex) ?? `if${ifindex}`,
    ifindex,
    direction: batch.type(at) === PACKET.OUTGOING ? 'out' : 'in',
    length: batch.length(at),
    bytes: batch.bytes(at),
    linkType: batch.linkType(at),
  });
}
