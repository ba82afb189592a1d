import packet, { type Answer, type OptAnswer } from 'dns-packet';
import { HEADER, RCODE, type ServedQuery } from './server-query.js';

/** Bytes of an answer by UDP without EDNS (RFC 1035, section 4.2.1), and by TCP. */
const UDP_SIZE = 512;
const TCP_SIZE = 65_535;

/** Bytes of a query that are taken by UDP: all; said with EDNS, this. */
const OWN_SIZE = 1232;

const TRUNCATED = 0x02;
const DNSSEC_OK = 0x8000;

/** Points to the name of the question (RFC 1035, section 4.1.4). */
const ASKED_NAME = Uint8Array.of(0xc0, HEADER);

/** Bytes that an answer to a query may have. */
export function sizeLimit({ edns }: ServedQuery, tcp: boolean): number {
  return tcp ? TCP_SIZE : Math.max(UDP_SIZE, edns?.size ?? 0);
}

/** A record of the name that is asked for, with the case that it is asked with. */
export function ownRecord(record: { type: 'A' | 'AAAA' | 'PTR'; ttl: number; data: string }): Uint8Array {
  const answer = { ...record, name: '.', class: 'IN' } as Answer;
  // Its name, the root, is one byte.
  return Buffer.concat([ASKED_NAME, bodyOf({ answers: [answer] }).subarray(1)]);
}

/** The answer to a query, with as many records as there is room for; TC says that these are not all. */
export function makeReply(
  query: ServedQuery,
  rcode: number,
  records: readonly Uint8Array[],
  limit: number,
): Uint8Array {
  const extra = query.edns ? ednsOf(query.edns.dnssecOk, rcode >> 4) : new Uint8Array();
  let room = limit - query.end - extra.length;
  const fitting: Uint8Array[] = [];
  for (const record of records) {
    room -= record.length;
    if (room < 0) break;
    fitting.push(record);
  }
  const counts = [1, fitting.length, 0, query.edns ? 1 : 0];
  const flags = fitting.length < records.length ? TRUNCATED : 0;
  const question = query.bytes.subarray(HEADER, query.end);
  return Buffer.concat([headerOf(query.bytes, rcode, counts, flags), question, ...fitting, extra]);
}

/** Of an answer that is too long only that it is. */
export function makeTruncated(query: ServedQuery): Uint8Array {
  const reply = makeReply(query, RCODE.NOERROR, [], TCP_SIZE);
  reply[2]! |= TRUNCATED;
  return reply;
}

/** The answer to what is no query that can be answered: a header alone. */
export function makeRefusal(bytes: Uint8Array, rcode: number): Uint8Array {
  return headerOf(bytes, rcode, [0, 0, 0, 0], 0);
}

export function isTruncated(response: Uint8Array): boolean {
  return (response[2]! & TRUNCATED) !== 0;
}

/** Number, opcode, RD and CD as in the query; recursion is to be had. */
function headerOf(query: Uint8Array, rcode: number, counts: readonly number[], flags: number): Uint8Array {
  const header = Buffer.alloc(HEADER);
  header.set(query.subarray(0, 2));
  header[2] = 0x80 | (query[2]! & 0x79) | flags;
  header[3] = 0x80 | (query[3]! & 0x10) | (rcode & 0x0f);
  for (const [i, count] of counts.entries()) header.writeUInt16BE(count, 4 + 2 * i);
  return header;
}

function ednsOf(dnssecOk: boolean, extendedRcode: number): Uint8Array {
  const record: OptAnswer = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: OWN_SIZE,
    extendedRcode,
    ednsVersion: 0,
    flags: dnssecOk ? DNSSEC_OK : 0,
    flag_do: dnssecOk,
    options: [],
  };
  return bodyOf({ additionals: [record] });
}

function bodyOf(sections: { answers?: Answer[]; additionals?: Answer[] }): Uint8Array {
  return packet.encode({ type: 'response', ...sections }).subarray(HEADER);
}
