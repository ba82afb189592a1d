import { isIP } from 'node:net';
import { invalidValue } from '../syscalls/validate.js';
import { isDomainName, isLocalhost, isNeverAsked } from './hostname.js';
import { addressOfPointer } from './pointer.js';
import { CLASS_IN, RCODE, type ServedQuery, TYPE } from './server-query.js';
import { ownRecord } from './server-reply.js';

/** What a nameserver knows by itself. */
export interface OwnNames {
  /**
   * The addresses of a name, in lower case without a dot at the end, in the order in which they are to be told. Undefined:
   * not mine. Empty: mine, without an address of this family.
   */
  answer(name: string, family: 4 | 6): Promise<readonly string[] | undefined>;
  /** The names of an address, in its usual form. Undefined: not mine. */
  reverse?(ip: string): Promise<readonly string[] | undefined>;
}

/** How a query is answered: with these records, which may be none; or with a code. */
export type OwnAnswer = { rcode: number; records: readonly Uint8Array[] };

const none = (rcode: number): OwnAnswer => ({ rcode, records: [] });

/** Undefined: nothing is known of that name here. Rejects where `names` does, or gives what is no address or name. */
export async function answerOwn(
  names: OwnNames,
  { name, type, class: among }: ServedQuery,
  ttl: number,
): Promise<OwnAnswer | undefined> {
  if (name === undefined || among !== CLASS_IN) return undefined;
  if (isNeverAsked(name)) return none(RCODE.NXDOMAIN);
  const ip = type === TYPE.PTR ? addressOfPointer(name) : undefined;
  if (ip !== undefined) {
    const found = await names.reverse?.(ip);
    return found && answerWith(found.map((data) => ownRecord({ type: 'PTR', ttl, data: checkName(data) })));
  }
  const family = type === TYPE.AAAA ? 6 : 4;
  const found = isLocalhost(name) ? [family === 6 ? '::1' : '127.0.0.1'] : await names.answer(name, family);
  if (!found) return undefined;
  if (type !== TYPE.A && type !== TYPE.AAAA) return none(RCODE.NOERROR);
  const record = family === 6 ? 'AAAA' : 'A';
  return answerWith(found.map((data) => ownRecord({ type: record, ttl, data: checkAddress(data, family) })));
}

const answerWith = (records: Uint8Array[]): OwnAnswer => ({ rcode: RCODE.NOERROR, records });

function checkAddress(text: string, family: 4 | 6): string {
  if (isIP(text) !== family || text.includes('%'))
    throw invalidValue('answer()', `IPv${family} addresses`, text);
  return text;
}

function checkName(text: string): string {
  if (!isDomainName(text.replace(/\.$/, '')))
    throw invalidValue('reverse()', 'names that DNS can have', text);
  return text;
}
