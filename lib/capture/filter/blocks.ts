import { ANCILLARY, BPF } from '../../bpf/constants.js';
import type { Block, Frame, Size } from './frame.js';
import { ETHERTYPE, VLAN_TYPES, WITH_PORTS } from './names.js';

/** What a filter asks for, as pcap-filter(7) has it. `tags` is how many VLAN tags are behind the frame's addresses. */

export type Direction = 'src' | 'dst' | 'src or dst' | 'src and dst';

/** IPv6's header of a fragment, behind which the protocol is looked for, too. */
const FRAGMENT = 44;

export const and =
  (a: Block, b: Block): Block =>
  (frame, yes, no) =>
    a(frame, b(frame, yes, no), no);

export const or =
  (a: Block, b: Block): Block =>
  (frame, yes, no) =>
    a(frame, yes, b(frame, yes, no));

export const not =
  (a: Block): Block =>
  (frame, yes, no) =>
    a(frame, no, yes);

export const all = (blocks: readonly Block[]): Block => blocks.reduceRight((rest, block) => and(block, rest));
export const any = (blocks: readonly Block[]): Block => blocks.reduceRight((rest, block) => or(block, rest));

export const never: Block = (_frame, _yes, no) => no;

/** Either end, or both. */
export function ends(direction: Direction, of: (end: 'src' | 'dst') => Block): Block {
  if (direction === 'src' || direction === 'dst') return of(direction);
  return (direction === 'src or dst' ? or : and)(of('src'), of('dst'));
}

export const isType =
  (type: number, tags: number): Block =>
  (frame, yes, no) =>
    frame.isType(type, tags, yes, no);

const onEthernet =
  (block: Block): Block =>
  (frame, yes, no) =>
    frame.kind === 'raw' ? no : block(frame, yes, no);

/** Whether what is there, after a mask, is this. */
function matches(size: Size, offset: (frame: Frame) => number, value: number, mask?: number): Block {
  return (frame, yes, no) => {
    const equals = frame.equals(value >>> 0, yes, no);
    const masked = mask === undefined ? equals : frame.step(BPF.ALU | BPF.AND, mask >>> 0, equals);
    return frame.load(size, offset(frame), masked);
  };
}

const behind = (tags: number, offset: number) => (frame: Frame) => frame.network(tags) + offset;

/** The protocol over IPv4, over IPv6, or either. */
export function protocol(number: number, family: 'ip' | 'ip6' | undefined, tags: number): Block {
  const ip = and(isType(ETHERTYPE.ip, tags), matches(1, behind(tags, 9), number));
  const fragment = and(matches(1, behind(tags, 6), FRAGMENT), matches(1, behind(tags, 40), number));
  const ip6 = and(isType(ETHERTYPE.ip6, tags), or(fragment, matches(1, behind(tags, 6), number)));
  return family === undefined ? or(ip, ip6) : family === 'ip' ? ip : ip6;
}

/** The bytes there, compared word by word as far as the prefix goes. */
function hasPrefix(bytes: Uint8Array, prefix: number, offset: (frame: Frame) => number): Block {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const words: Block[] = [];
  for (let at = 0; at < bytes.length; at += 4) {
    const bits = Math.max(0, Math.min(32, prefix - 8 * at));
    if (bits === 0) continue;
    const mask = bits === 32 ? undefined : 0xffffffff << (32 - bits);
    words.push(matches(4, (frame) => offset(frame) + at, view.getUint32(at), mask));
  }
  return words.length === 0 ? (_frame, yes) => yes : all(words);
}

/** Offsets of the addresses of the two ends. */
const ADDRESSES = {
  ip: { src: 12, dst: 16 },
  arp: { src: 14, dst: 24 },
  rarp: { src: 14, dst: 24 },
  ip6: { src: 8, dst: 24 },
} as const;

/** An address, or all those that begin alike, in the packets of one protocol. */
export function address(
  family: keyof typeof ADDRESSES,
  bytes: Uint8Array,
  prefix: number,
  direction: Direction,
  tags: number,
): Block {
  const at = ADDRESSES[family];
  const found = ends(direction, (end) => hasPrefix(bytes, prefix, behind(tags, at[end])));
  return and(isType(ETHERTYPE[family], tags), found);
}

/** An Ethernet address. */
export function hardware(bytes: Uint8Array, direction: Direction): Block {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return onEthernet(
    ends(direction, (end) => {
      const from = end === 'dst' ? 0 : 6;
      const low = matches(4, () => from + 2, view.getUint32(2));
      return and(
        low,
        matches(2, () => from, view.getUint16(0)),
      );
    }),
  );
}

/** A port, or one of a range, of the protocols that have them; not of later fragments. */
export function ports(
  numbers: readonly number[],
  low: number,
  high: number,
  direction: Direction,
  tags: number,
): Block {
  const within: Block = (frame, yes, no) => {
    if (low === high) return frame.equals(low, yes, no);
    return frame.jump('GE', low, frame.jump('GT', high, no, yes), no);
  };
  const protocols = numbers.length === 0 ? WITH_PORTS : numbers;
  const oneOf = (offset: number) => any(protocols.map((number) => matches(1, behind(tags, offset), number)));
  const ip6 = ends(direction, (end) => (frame, yes, no) => {
    return frame.load(2, frame.network(tags) + (end === 'src' ? 40 : 42), within(frame, yes, no));
  });
  const ip = ends(direction, (end) => (frame, yes, no) => {
    const at = frame.network(tags);
    return frame.headerLength(at, frame.loadBehind(2, at + (end === 'src' ? 0 : 2), within(frame, yes, no)));
  });
  return or(
    all([isType(ETHERTYPE.ip6, tags), oneOf(6), ip6]),
    all([isType(ETHERTYPE.ip, tags), oneOf(9), first(tags), ip]),
  );
}

/** An IPv4 packet that is whole, or the first of its fragments. */
export function first(tags: number): Block {
  return (frame, yes, no) => frame.load(2, frame.network(tags) + 6, frame.jump('SET', 0x1fff, no, yes));
}

/** A VLAN tag behind so many others, with this number if one is given. */
export function vlan(id: number | undefined, tags: number): Block {
  const tagged = onEthernet(any(VLAN_TYPES.map((type) => isType(type, tags))));
  if (id === undefined) return tagged;
  return and(tagged, matches(2, behind(tags, 0), id, 0x0fff));
}

export function multicast(family: 'ether' | 'ip' | 'ip6', tags: number): Block {
  if (family === 'ip6') return and(isType(ETHERTYPE.ip6, tags), matches(1, behind(tags, 24), 0xff));
  if (family === 'ip') {
    const at = (frame: Frame) => frame.network(tags) + 16;
    const above: Block = (frame, yes, no) => frame.load(1, at(frame), frame.jump('GE', 224, yes, no));
    return and(isType(ETHERTYPE.ip, tags), above);
  }
  return onEthernet((frame, yes, no) => frame.load(1, 0, frame.jump('SET', 1, yes, no)));
}

/** By the length of the whole frame. */
export const length =
  (test: 'GE' | 'GT', bytes: number): Block =>
  (frame, yes, no) =>
    frame.length(frame.jump(test, bytes, yes, no));

/** Whether it was sent from here, or came; the link it is on. */
export const outgoing: Block = (frame, yes, no) =>
  frame.step(BPF.LOAD | BPF.WORD | BPF.ABSOLUTE, ANCILLARY.packetType, frame.equals(4, yes, no));

export const onLink =
  (index: number): Block =>
  (frame, yes, no) =>
    frame.step(BPF.LOAD | BPF.WORD | BPF.ABSOLUTE, ANCILLARY.link, frame.equals(index, yes, no));
