import { NFPROTO } from '../nftables/constants.js';
import { checkInteger, checkObject, checkString, invalidValue, outOfRange } from '../syscalls/validate.js';
import type { Chain, Flowtable, NftObject, NftSet, Rule, Table, TableFamily } from './types.js';

/** A thing by its name; by its handle where it has one. */
export type TableRef = Pick<Table, 'family' | 'name'>;
export type ChainRef = Pick<Chain, 'family' | 'table' | 'name'>;
export type RuleRef = Pick<Rule, 'family' | 'table' | 'chain'> & { handle: number };
export type SetRef = Pick<NftSet, 'family' | 'table' | 'name'>;
export type ObjectRef = Pick<NftObject, 'family' | 'table' | 'name' | 'type'>;
export type FlowtableRef = Pick<Flowtable, 'family' | 'table' | 'name'>;

/** NFT_NAME_MAXLEN, the NUL included. */
const LONGEST_NAME = 255;

export function checkFamily(family: unknown): asserts family is TableFamily {
  if (typeof family !== 'string' || family === 'unspec' || !Object.hasOwn(NFPROTO, family))
    throw invalidValue('family', 'one of ip, ip6, inet, arp, bridge, netdev', family);
}

export function checkName(what: string, name: unknown): asserts name is string {
  checkString(what, name);
  if (name === '') throw invalidValue(what, 'a name', name);
  if (Buffer.byteLength(name) > LONGEST_NAME) throw outOfRange(what, `at most ${LONGEST_NAME} bytes`, name);
}

export function checkTableRef(ref: unknown, what = 'table'): asserts ref is TableRef {
  checkObject(what, ref);
  const { family, name } = ref as TableRef;
  checkFamily(family);
  checkName(`${what}.name`, name);
}

/** Of a chain, set, object. */
export function checkInTable(ref: unknown, what: string): asserts ref is ChainRef {
  checkTableRef(ref, what);
  checkName(`${what}.table`, (ref as unknown as ChainRef).table);
}

export function checkInChain(ref: unknown): asserts ref is Pick<Rule, 'family' | 'table' | 'chain'> {
  checkObject('rule', ref);
  const { family, table, chain } = ref as Rule;
  checkFamily(family);
  checkName('rule.table', table);
  checkName('rule.chain', chain);
}

export function checkHandle(what: string, handle: unknown): asserts handle is number {
  checkInteger(what, handle, 1, Number.MAX_SAFE_INTEGER);
}

/** By family, table and name. */
export function setKey({ family, table, name }: { family: string; table: string; name: string }): string {
  return JSON.stringify([family, table, name]);
}
