import { readIcmp, readIcmpv6 } from './icmp.js';
import type { Ipv6, Ipv6Extension, Layer } from './layers.js';
import { CUT_OFF, Reader } from './reader.js';
import { readTcp, readUdp } from './transport.js';

/** Packets in the messages about packets in messages. */
const QUOTED = 1;

/** A packet without a header of the link, by the version that it says. */
export function readIp(reader: Reader, depth = 0): void {
  if (reader.length === 0) return;
  const version = reader.u8(0) >> 4;
  if (version === 4) readIpv4(reader, depth);
  else if (version === 6) readIpv6(reader, depth);
}

export function readIpv4(reader: Reader, depth = 0): void {
  reader.need(20);
  const headerLength = (reader.u8(0) & 0x0f) * 4;
  if (reader.u8(0) >> 4 !== 4 || headerLength < 20) throw CUT_OFF;
  reader.need(headerLength);
  const totalLength = reader.u16(2);
  if (totalLength !== 0 && totalLength < headerLength) throw CUT_OFF;
  const [service, fragment, protocol] = [reader.u8(1), reader.u16(6), reader.u8(9)];
  const fragmentOffset = (fragment & 0x1fff) * 8;
  reader.layers.push({
    layer: 'ipv4',
    source: reader.ipv4(12),
    destination: reader.ipv4(16),
    protocol,
    ttl: reader.u8(8),
    id: reader.u16(4),
    dscp: service >> 2,
    ecn: service & 3,
    dontFragment: (fragment & 0x4000) !== 0,
    moreFragments: (fragment & 0x2000) !== 0,
    fragmentOffset,
    headerLength,
    totalLength,
    checksum: reader.u16(10),
  });
  if (totalLength !== 0) reader.end(totalLength);
  reader.advance(headerLength);
  if (fragmentOffset > 0) return;
  if (protocol === 1) readIcmp(reader, depth < QUOTED ? () => quoted(reader, depth) : undefined);
  else readTransport(reader, protocol);
}

export function readIpv6(reader: Reader, depth = 0): void {
  reader.need(40);
  if (reader.u8(0) >> 4 !== 6) throw CUT_OFF;
  const first = reader.u32(0);
  const ip: Ipv6 = {
    layer: 'ipv6',
    source: reader.ipv6(8),
    destination: reader.ipv6(24),
    protocol: reader.u8(6),
    hopLimit: reader.u8(7),
    trafficClass: (first >>> 20) & 0xff,
    flowLabel: first & 0xfffff,
    payloadLength: reader.u16(4),
    extensions: [],
  };
  reader.layers.push(ip);
  // 0 of what is longer than the field can say.
  if (ip.payloadLength !== 0) reader.end(40 + ip.payloadLength);
  reader.advance(40);
  readExtensions(reader, ip);
  if (ip.fragment && ip.fragment.offset > 0) return;
  if (ip.protocol === 58) readIcmpv6(reader, depth < QUOTED ? () => quoted(reader, depth) : undefined);
  else readTransport(reader, ip.protocol);
}

/** Extension headers by their numbers, and how long their length field says that they are. */
const EXTENSIONS: Readonly<Record<number, (length: number) => number>> = {
  0: (length) => (length + 1) * 8,
  43: (length) => (length + 1) * 8,
  44: () => 8,
  51: (length) => (length + 2) * 4,
  60: (length) => (length + 1) * 8,
};

function readExtensions(reader: Reader, ip: Ipv6): void {
  for (;;) {
    const { protocol } = ip;
    const lengthOf = EXTENSIONS[protocol];
    if (!lengthOf) return;
    reader.need(8);
    const length = lengthOf(reader.u8(1));
    reader.need(length);
    const extension: Ipv6Extension = { protocol, bytes: reader.slice(0, length) };
    ip.extensions.push(extension);
    if (protocol === 44) {
      const where = reader.u16(2);
      ip.fragment = { id: reader.u32(4), offset: where & 0xfff8, moreFragments: (where & 1) !== 0 };
    }
    ip.protocol = reader.u8(0);
    reader.advance(length);
    if (ip.fragment && ip.fragment.offset > 0) return;
  }
}

function readTransport(reader: Reader, protocol: number): void {
  if (protocol === 6) readTcp(reader);
  else if (protocol === 17) readUdp(reader);
}

/** The packet that an error is about, from here on; that it is cut off is usual. */
function quoted(reader: Reader, depth: number): Layer[] {
  const inner = new Reader(reader.rest);
  try {
    readIp(inner, depth + 1);
  } catch (error) {
    if (error !== CUT_OFF) throw error;
  }
  return inner.layers;
}
