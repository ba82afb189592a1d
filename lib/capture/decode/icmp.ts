import type { Icmp, Icmpv6, Layer } from './layers.js';
import type { Reader } from './reader.js';

const HEADER = 8;

/** Errors, which quote the packet that they are about. */
const ERRORS = [3, 4, 5, 11, 12];

/** `quoted` reads what the message is about. */
export function readIcmp(reader: Reader, quoted: (() => Layer[]) | undefined): void {
  reader.need(HEADER);
  const [type, code] = [reader.u8(0), reader.u8(1)];
  const icmp: Icmp = { layer: 'icmp', type, code, checksum: reader.u16(2) };
  if (type === 0 || type === 8) {
    icmp.id = reader.u16(4);
    icmp.sequence = reader.u16(6);
  }
  if (type === 3 && code === 4) icmp.mtu = reader.u16(6);
  if (type === 5) icmp.gateway = reader.ipv4(4);
  reader.layers.push(icmp);
  reader.advance(HEADER);
  if (ERRORS.includes(type) && quoted) icmp.quoted = quoted();
}

/** Where the options of a message of neighbour discovery begin, from its ninth byte on. */
const OPTIONS: Readonly<Record<number, number>> = { 133: 0, 134: 8, 135: 16, 136: 16, 137: 32 };

export function readIcmpv6(reader: Reader, quoted: (() => Layer[]) | undefined): void {
  // Some have nothing behind the checksum.
  reader.need(4);
  const [type, code] = [reader.u8(0), reader.u8(1)];
  const icmp: Icmpv6 = { layer: 'icmpv6', type, code, checksum: reader.u16(2) };
  reader.need(HEADER);
  if (type === 128 || type === 129) {
    icmp.id = reader.u16(4);
    icmp.sequence = reader.u16(6);
  }
  if (type === 2) icmp.mtu = reader.u32(4);
  reader.layers.push(icmp);
  reader.advance(HEADER);
  if (type >= 135 && type <= 137 && reader.length >= 16) icmp.target = reader.ipv6(0);
  const options = OPTIONS[type];
  if (options !== undefined) icmp.mac = macOf(reader, options);
  if (type > 0 && type < 5 && quoted) icmp.quoted = quoted();
}

/** Of the option "source" or "target link-layer address" (RFC 4861 §4.6.1). */
function macOf(reader: Reader, from: number): string | undefined {
  for (let at = from; at + 8 <= reader.length; ) {
    const [type, length] = [reader.u8(at), reader.u8(at + 1) * 8];
    if ((type === 1 || type === 2) && length === 8) return reader.mac(at + 2);
    if (length === 0) return undefined;
    at += length;
  }
  return undefined;
}
