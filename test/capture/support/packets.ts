// Packets by hand.
import { parseAddress, parseMac } from '../../../lib/netlink/addresses.js';

export const A = { mac: '02:00:00:00:00:0a', inet: '10.0.0.1', inet6: 'fd00::1' };
export const B = { mac: '02:00:00:00:00:0b', inet: '10.0.0.2', inet6: 'fd00::2' };
const ALL = 'ff:ff:ff:ff:ff:ff';

const u16 = (value: number) => [(value >> 8) & 0xff, value & 0xff];
const u32 = (value: number) => [...u16(value >>> 16), ...u16(value & 0xffff)];
const ip = (text: string) => [...parseAddress(text).bytes];
const mac = (text: string) => [...parseMac('mac', text)];

export interface Tag {
  id: number;
  protocol?: number;
  priority?: number;
}

export function ethernet(
  type: number,
  body: readonly number[],
  { to = B.mac, from = A.mac, tags = [] }: { to?: string; from?: string; tags?: Tag[] } = {},
): Uint8Array {
  const middle = tags.flatMap(({ id, protocol = 0x8100, priority = 0 }) => [
    ...u16(protocol),
    ...u16((priority << 13) | id),
  ]);
  return Uint8Array.from([...mac(to), ...mac(from), ...middle, ...u16(type), ...body]);
}

export function arp(operation: number, sender: string, target: string): number[] {
  const to = operation === 1 ? '00:00:00:00:00:00' : B.mac;
  return [
    ...u16(1),
    ...u16(0x800),
    6,
    4,
    ...u16(operation),
    ...mac(A.mac),
    ...ip(sender),
    ...mac(to),
    ...ip(target),
  ];
}

interface Ipv4Options {
  from?: string;
  to?: string;
  options?: number[];
  /** Flags and offset. */
  fragment?: number;
  tos?: number;
}

export function ipv4(protocol: number, body: readonly number[], options: Ipv4Options = {}): number[] {
  const { from = A.inet, to = B.inet, fragment = 0, tos = 0 } = options;
  const extra = options.options ?? [];
  const length = 20 + extra.length;
  const header = [
    0x40 | (length / 4),
    tos,
    ...u16(length + body.length),
    ...u16(7),
    ...u16(fragment),
    64,
    protocol,
    0,
    0,
    ...ip(from),
    ...ip(to),
    ...extra,
  ];
  const sum = checksum(header);
  header[10] = sum >> 8;
  header[11] = sum & 0xff;
  return [...header, ...body];
}

export function checksum(bytes: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

export function ipv6(
  next: number,
  body: readonly number[],
  { from = A.inet6, to = B.inet6 }: { from?: string; to?: string } = {},
): number[] {
  return [0x60, 0, 0, 0, ...u16(body.length), next, 64, ...ip(from), ...ip(to), ...body];
}

/** IPv6's header of a fragment. */
export const fragment6 = (next: number, offset: number, body: readonly number[]) => [
  next,
  0,
  ...u16(offset | 1),
  ...u32(99),
  ...body,
];

export function tcp(
  from: number,
  to: number,
  flags: number,
  body: readonly number[] = [],
  options: number[] = [],
): number[] {
  const words = 5 + options.length / 4;
  return [
    ...u16(from),
    ...u16(to),
    ...u32(1000),
    ...u32(2000),
    words << 4,
    flags,
    ...u16(512),
    0,
    0,
    0,
    0,
    ...options,
    ...body,
  ];
}

export const udp = (from: number, to: number, body: readonly number[] = []) => [
  ...u16(from),
  ...u16(to),
  ...u16(8 + body.length),
  0,
  0,
  ...body,
];

export const icmp = (type: number, code: number, rest: readonly number[] = [0, 1, 0, 2, 9, 9]) => {
  const message = [type, code, 0, 0, ...rest];
  const sum = checksum(message);
  message[2] = sum >> 8;
  message[3] = sum & 0xff;
  return message;
};

const MSS = [2, 4, 5, 180, 1, 3, 3, 7];

/** Frames of all kinds, no two alike. */
export function frames(): Uint8Array[] {
  const v4 = [
    ipv4(1, icmp(8, 0)),
    ipv4(1, icmp(0, 0), { from: B.inet, to: A.inet }),
    ipv4(1, icmp(3, 3, [0, 0, 0, 0, ...ipv4(17, udp(5000, 53))])),
    ipv4(6, tcp(40000, 80, 0x02, [], MSS)),
    ipv4(6, tcp(80, 40000, 0x12), { from: B.inet, to: A.inet }),
    ipv4(6, tcp(40000, 443, 0x18, [1, 2, 3])),
    ipv4(6, tcp(6005, 22, 0x11), { options: [1, 1, 1, 0] }),
    ipv4(6, tcp(80, 80, 0x04), { tos: 0x10 }),
    ipv4(17, udp(5353, 5353), { to: '224.0.0.251' }),
    ipv4(17, udp(53, 1024, [1, 2]), { from: '192.168.1.1', to: '172.16.5.9' }),
    ipv4(17, udp(68, 67), { from: '0.0.0.0', to: '255.255.255.255' }),
    ipv4(17, udp(80, 9, new Array(1200).fill(3))),
    ipv4(17, udp(53, 54, [1]), { fragment: 0x2000 }),
    ipv4(17, [0, 53, 0, 53, 1, 2, 3, 4], { fragment: 0x00b9 }),
    ipv4(132, [...u16(80), ...u16(2905), 0, 0, 0, 1, 0, 0, 0, 0]),
    ipv4(2, [0x16, 0, 0, 0, 224, 0, 0, 251]),
    ipv4(50, [1, 2, 3, 4, 5, 6, 7, 8]),
    ipv4(47, [0, 0, 8, 0]),
  ];
  const v6 = [
    ipv6(58, icmp(128, 0)),
    ipv6(58, icmp(135, 0, [0, 0, 0, 0, ...ip('fd00::2'), 1, 1, ...mac(A.mac)]), {
      from: 'fe80::1',
      to: 'ff02::1:ff00:2',
    }),
    ipv6(0, [58, 0, 5, 2, 0, 0, 1, 0, ...icmp(143, 0)], { from: '::', to: 'ff02::16' }),
    ipv6(6, tcp(40000, 80, 0x02)),
    ipv6(17, udp(53, 40000, [7]), { from: B.inet6, to: 'fd00:1::1' }),
    ipv6(44, fragment6(17, 0, udp(53, 53))),
    ipv6(44, fragment6(6, 1448, [0, 80, 0, 80])),
    ipv6(132, [...u16(443), ...u16(2905), 0, 0, 0, 1, 0, 0, 0, 0]),
  ];
  const group = { to: '01:00:5e:00:00:fb' };
  const all: Uint8Array[] = [
    ethernet(0x806, arp(1, A.inet, B.inet), { to: ALL }),
    ethernet(0x806, arp(2, B.inet, A.inet)),
    ethernet(0x8035, arp(3, '10.0.0.77', '192.168.1.1'), { to: ALL }),
    ethernet(0x88cc, [2, 7, 4, 1, 2, 3], { to: '01:80:c2:00:00:0e' }),
    ...v4.map((packet) => ethernet(0x800, packet)),
    ...v6.map((packet) => ethernet(0x86dd, packet)),
    ethernet(0x800, v4[8]!, group),
    ethernet(0x800, v4[0]!, { from: B.mac, to: A.mac }),
  ];
  const tagged = (tags: Tag[]) => [v4[0]!, v4[3]!, v4[9]!].map((packet) => ethernet(0x800, packet, { tags }));
  return [
    ...all,
    ...tagged([{ id: 5 }]),
    ...tagged([{ id: 100, priority: 3 }]),
    ...tagged([{ id: 7, protocol: 0x88a8 }, { id: 5 }]),
    ethernet(0x86dd, v6[3]!, { tags: [{ id: 5 }] }),
    ethernet(0x806, arp(1, A.inet, '10.0.0.9'), { to: ALL, tags: [{ id: 5 }] }),
    ethernet(0x86dd, v6[0]!, { tags: [{ id: 100 }, { id: 200 }] }),
  ];
}

/** A pcap file (LINKTYPE 1 Ethernet, 101 raw IP); the time of each packet is its number. */
export function pcap(packets: readonly Uint8Array[], linkType = 1): Buffer {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(262_144, 16);
  head.writeUInt32LE(linkType, 20);
  const records = packets.flatMap((packet, i) => {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(i, 0);
    record.writeUInt32LE(packet.length, 8);
    record.writeUInt32LE(packet.length, 12);
    return [record, packet];
  });
  return Buffer.concat([head, ...records]);
}

/** The numbers of the packets in such a file. */
export function numbersIn(file: Uint8Array): number[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const numbers: number[] = [];
  for (let at = 24; at < file.length; at += 16 + view.getUint32(at + 8, true))
    numbers.push(view.getUint32(at, true));
  return numbers;
}
