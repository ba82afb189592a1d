import { isDomainName } from './hostname.js';

/** Bytes of a header (RFC 1035, section 4.1.1). */
export const HEADER = 12;

/** Bytes of a name in a message, at most. */
const NAME_MAX = 255;
const LABEL_MAX = 63;

/** Numbers of the types and the class that a nameserver of names and addresses needs. */
export const TYPE = { A: 1, PTR: 12, AAAA: 28, OPT: 41 } as const;
export const CLASS_IN = 1;

export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  /** With EDNS only (RFC 6891, section 9). */
  BADVERS: 16,
} as const;

/** Where a question is in a message, behind the header, and what it asks. */
interface AskedFor {
  /** Lower case, without the dot at the end; undefined where it has bytes that no host's name has. */
  name: string | undefined;
  type: number;
  class: number;
  /** Offset behind it. */
  end: number;
}

/** What its EDNS record says (RFC 6891). */
interface Edns {
  /** Bytes of an answer by UDP. */
  size: number;
  version: number;
  dnssecOk: boolean;
}

/** A query, as far as it is of any concern here: the rest may be anything that the nameserver it is for understands. */
export interface ServedQuery extends AskedFor {
  bytes: Uint8Array;
  edns: Edns | undefined;
}

/**
 * What a client has sent: a query with one question; or what is to be said of it, FORMERR or NOTIMP. Undefined where
 * nothing is to be said: no message, or an answer, which must never be answered.
 */
export function readQuery(bytes: Uint8Array): ServedQuery | number | undefined {
  if (bytes.length < HEADER || (bytes[2]! & 0x80) !== 0) return undefined;
  if ((bytes[2]! & 0x78) !== 0) return RCODE.NOTIMP;
  const count = (section: number) => numberAt(bytes, 4 + 2 * section);
  const asked = count(0) === 1 ? readQuestion(bytes) : undefined;
  if (!asked) return RCODE.FORMERR;
  const edns = findEdns(bytes, asked.end, count(1) + count(2) + count(3));
  if (edns === 'malformed') return RCODE.FORMERR;
  return { ...asked, bytes, edns };
}

/** The first question of a message. Names in it are whole: there is nothing before it that they could point to. */
function readQuestion(bytes: Uint8Array): AskedFor | undefined {
  const labels: string[] = [];
  let at = HEADER;
  for (let size = bytes[at]; size !== 0; size = bytes[at]) {
    if (size === undefined || size > LABEL_MAX) return undefined;
    const label = bytes.subarray(at + 1, at + 1 + size);
    labels.push(String.fromCharCode(...label));
    at += 1 + size;
  }
  at += 1;
  if (at - HEADER > NAME_MAX || at + 4 > bytes.length) return undefined;
  // A dot within a label is none of those between them.
  const text = labels.some((label) => label.includes('.')) ? '' : labels.join('.');
  return {
    name: isDomainName(text) ? text.toLowerCase() : undefined,
    type: numberAt(bytes, at),
    class: numberAt(bytes, at + 2),
    end: at + 4,
  };
}

/** The EDNS record among so many records. */
function findEdns(bytes: Uint8Array, from: number, records: number): Edns | undefined | 'malformed' {
  let edns: Edns | undefined;
  let at = from;
  for (let i = 0; i < records; i++) {
    const fixed = behindName(bytes, at);
    const data = fixed + 10;
    if (data > bytes.length) return 'malformed';
    if (numberAt(bytes, fixed) === TYPE.OPT) {
      if (edns) return 'malformed';
      edns = {
        size: numberAt(bytes, fixed + 2),
        version: bytes[fixed + 5]!,
        dnssecOk: (bytes[fixed + 6]! & 0x80) !== 0,
      };
    }
    at = data + numberAt(bytes, fixed + 8);
    if (at > bytes.length) return 'malformed';
  }
  return edns;
}

/** The offset behind a name, which may end by pointing elsewhere; beyond the message where it does not end. */
function behindName(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length) {
    const size = bytes[at]!;
    if (size === 0) return at + 1;
    if (size > LABEL_MAX) return at + 2;
    at += 1 + size;
  }
  return bytes.length;
}

export function numberAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}
