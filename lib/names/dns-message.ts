import { randomInt } from 'node:crypto';
import packet, { type DecodedPacket, type OptAnswer, type RecordType } from 'dns-packet';
import type { Asking } from './reply.js';

/** Bytes of an answer that come through most networks in one piece (DNS flag day 2020). */
const UDP_SIZE = 1232;

/** The flag of a truncated message, in the third byte. */
const TRUNCATED = 0x02;

/** Bytes of a header; an error may consist of nothing else. */
const HEADER = 12;

/** What is asked: a name as DNS has it, without the dot at the end, and a type. */
export interface Question {
  name: string;
  type: RecordType;
}

/** A question on its way. */
export interface Query extends Asking<Response> {
  question: Question;
  id: number;
  /** Whether it says that this side knows EDNS (RFC 6891). */
  edns: boolean;
}

/** What an answer has beside what the types of dns-packet tell of. */
export type Response = DecodedPacket & { rcode: string; opcode: string };

/** A record of an answer. */
export interface DnsRecord {
  name: string;
  type: string;
  class?: string;
  data: unknown;
}

export function makeQuery(question: Question, edns: boolean, trustAd: boolean): Query {
  const id = randomInt(0x10000);
  const message = packet.encode({
    type: 'query',
    id,
    flags: packet.RECURSION_DESIRED | (trustAd ? packet.AUTHENTIC_DATA : 0),
    questions: [{ ...question, class: 'IN' }],
    additionals: edns ? [OPT] : [],
  });
  const read = (bytes: Uint8Array) => readResponse(bytes, { id, question });
  return { question, id, message, edns, read };
}

const OPT: OptAnswer = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: UDP_SIZE,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};

/**
 * The answer to a query, if it is that: with its number and its question. A nameserver that understands nothing of the
 * question may send a header alone. Undefined for anything else, malformed or forged.
 */
export function readResponse(
  bytes: Uint8Array,
  { id, question }: Pick<Query, 'id' | 'question'>,
): Response | undefined {
  if (bytes.length < HEADER || (bytes[0]! << 8) + bytes[1]! !== id) return undefined;
  const response = decoded(bytes);
  if (response?.type !== 'response' || response.opcode !== 'QUERY') return undefined;
  const [asked, ...more] = response.questions ?? [];
  if (!asked) return response.rcode === 'FORMERR' ? response : undefined;
  const same =
    more.length === 0 &&
    asked.type === question.type &&
    asked.class === 'IN' &&
    sameName(asked.name, question.name);
  return same ? response : undefined;
}

/** Of a truncated message only what is sure: it may break off anywhere. */
function decoded(bytes: Uint8Array): Response | undefined {
  const buffer = Buffer.from(bytes);
  const whole = tryDecode(buffer);
  if (whole || (buffer[2]! & TRUNCATED) === 0) return whole;
  // Its question, as if there were nothing else.
  return tryDecode(buffer.fill(0, 6, HEADER));
}

function tryDecode(buffer: Buffer): Response | undefined {
  try {
    const response = packet.decode(buffer) as Response;
    // Some types are read beyond the end without a word.
    return packet.decode.bytes <= buffer.length ? response : undefined;
  } catch {
    return undefined;
  }
}

/** What a nameserver says of itself with a response, with the bits that EDNS adds. */
export function rcodeOf(response: Response): string {
  const opt = response.additionals?.find(({ type }) => type === 'OPT') as
    | { extendedRcode?: number }
    | undefined;
  return opt?.extendedRcode ? `RCODE_${opt.extendedRcode << 4}` : response.rcode;
}

/** The records of a type that a name has in a response, through its aliases. */
export function recordsOf(response: Response, { name, type }: Question): DnsRecord[] {
  const answers = ((response.answers ?? []) as DnsRecord[]).filter((record) => record.class === 'IN');
  const passed = new Set<string>();
  for (let owner = name.toLowerCase(); !passed.has(owner); ) {
    passed.add(owner);
    const own = answers.filter((record) => sameName(record.name, owner));
    const wanted = own.filter((record) => record.type === type);
    const alias = own.find((record) => record.type === 'CNAME');
    if (wanted.length > 0 || !alias) return wanted;
    owner = String(alias.data).toLowerCase();
  }
  return [];
}

/** Case does not count in ASCII, and nothing else is equal (RFC 4343). */
function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
