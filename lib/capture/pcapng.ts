import { littleEndian } from '../netlink/bytes.js';
import type { LinkType } from './decode/decode.js';
import { type Batch, PACKET } from './records.js';

/** Blocks of a pcapng file (draft-ietf-opsawg-pcapng), in this machine's byte order. */
const BLOCK = { SECTION: 0x0a0d0d0a, INTERFACE: 1, STATISTICS: 5, PACKET: 6 } as const;

const MAGIC = 0x1a2b3c4d;
const LINKTYPE: Readonly<Record<LinkType, number>> = { ethernet: 1, raw: 101 };

/** Digits behind the point of a second. */
const NANOSECONDS = 9;

const END = { code: 0, value: new Uint8Array() };

interface Option {
  code: number;
  value: Uint8Array;
}

const text = (code: number, value: string): Option => ({ code, value: Buffer.from(value) });
const byte = (code: number, value: number): Option => ({ code, value: Uint8Array.of(value) });

function u64(code: number, value: bigint): Option {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, littleEndian);
  return { code, value: bytes };
}

/** Times are of two halves, the upper one first. */
function time(code: number, value: bigint): Option {
  return { code, value: words(Number(value >> 32n), Number(value & 0xffffffffn)) };
}

function words(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setUint32(4 * i, value, littleEndian);
  return bytes;
}

function halves(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(2 * values.length);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setUint16(2 * i, value, littleEndian);
  return bytes;
}

function block(type: number, body: readonly Uint8Array[], options: readonly Option[]): Uint8Array {
  const parts = [...body];
  for (const { code, value } of [...options, END]) {
    parts.push(halves(code, value.length), value, new Uint8Array(-value.length & 3));
  }
  const length = parts.reduce((sum, part) => sum + part.length, 12);
  return Buffer.concat([words(type, length), ...parts, words(length)]);
}

/** What a file begins with. */
export function section(application: string, system: string): Uint8Array {
  const version = halves(1, 0);
  const unknownLength = new Uint8Array(8).fill(0xff);
  return block(
    BLOCK.SECTION,
    [words(MAGIC), version, unknownLength],
    [text(3, system), text(4, application)],
  );
}

/** A link, before its first packet: they are numbered in the order in which they come. */
export function interfaceBlock(
  name: string,
  linkType: LinkType,
  snaplen: number,
  filter?: string,
): Uint8Array {
  const options = [text(2, name), byte(9, NANOSECONDS)];
  // The first byte says that it is text.
  if (filter !== undefined)
    options.push({ code: 11, value: Buffer.concat([Uint8Array.of(0), Buffer.from(filter)]) });
  return block(BLOCK.INTERFACE, [halves(LINKTYPE[linkType], 0), words(snaplen)], options);
}

/** How many packets came in all, and were lost. */
export interface InterfaceCounts {
  from: bigint;
  to: bigint;
  received: number;
  dropped?: number;
  comment?: string;
}

export function statisticsBlock(id: number, counts: InterfaceCounts): Uint8Array {
  const { from, to, received, dropped, comment } = counts;
  const options = [time(2, from), time(3, to), u64(4, BigInt(received))];
  if (dropped !== undefined) options.push(u64(5, BigInt(dropped)));
  if (comment !== undefined) options.unshift(text(1, comment));
  return block(BLOCK.STATISTICS, [words(id, Number(to >> 32n), Number(to & 0xffffffffn))], options);
}

const PACKET_FIXED = 28;
/** Its one option, the flags, and the end of the options; then the length again. */
const PACKET_END = 16;

/** How a packet was received (epb_flags): unicast, multicast, broadcast, promiscuous. */
const RECEPTION: Readonly<Record<number, number>> = {
  [PACKET.HOST]: 1,
  [PACKET.MULTICAST]: 2,
  [PACKET.BROADCAST]: 3,
  [PACKET.OTHERHOST]: 4,
};

/** All packets of a batch; `idOf` tells the number of a packet's link. */
export function packetBlocks(batch: Batch, idOf: (at: number) => number): Uint8Array {
  let size = 0;
  for (const at of batch) size += PACKET_FIXED + ((batch.captured(at) + 3) & ~3) + PACKET_END;
  const bytes = Buffer.allocUnsafe(size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  let to = 0;
  const put = (value: number) => {
    view.setUint32(to, value, littleEndian);
    to += 4;
  };
  for (const at of batch) {
    const captured = batch.captured(at);
    const padded = (captured + 3) & ~3;
    const length = PACKET_FIXED + padded + PACKET_END;
    const time = batch.time(at);
    const type = batch.type(at);
    put(BLOCK.PACKET);
    put(length);
    put(idOf(at));
    put(Number(time >> 32n));
    put(Number(time & 0xffffffffn));
    put(captured);
    put(batch.length(at));
    const data = batch.bytes(at);
    bytes.set(data, to);
    bytes.fill(0, to + captured, to + padded);
    to += padded;
    view.setUint16(to, 2, littleEndian);
    view.setUint16(to + 2, 4, littleEndian);
    to += 4;
    put(type === PACKET.OUTGOING ? 2 : 1 | ((RECEPTION[type] ?? 0) << 2));
    put(0);
    put(length);
  }
  return bytes;
}
