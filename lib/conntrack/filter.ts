import { type Cidr, type Family, networkOf, parseAddress, parseCidr } from '../netlink/addresses.js';
import {
  checkInteger,
  checkKeys,
  checkObject,
  checkString,
  invalidType,
  invalidValue,
} from '../syscalls/validate.js';
import { type ConntrackStatus, DCCP_STATES, IPS, PROTOCOLS, SCTP_STATES, TCP_STATES } from './constants.js';
import type { ConntrackEntry, ConntrackTuple } from './entry.js';

/** Which entries are meant: those for which all that is said holds. conntrack(8) in brackets. */
export interface ConntrackFilter {
  family?: Family;
  /** Name or number [-p]. */
  protocol?: string | number;
  /** An address, or a prefix of addresses as '10.0.0.0/8' [-s, --orig-src]. */
  originalSource?: string;
  /** [-d, --orig-dst] */
  originalDestination?: string;
  /** [--sport, --orig-port-src] */
  originalSourcePort?: number;
  /** [--dport, --orig-port-dst] */
  originalDestinationPort?: number;
  /** [-r, --reply-src] */
  replySource?: string;
  /** [-q, --reply-dst] */
  replyDestination?: string;
  /** [--reply-port-src] */
  replySourcePort?: number;
  /** [--reply-port-dst] */
  replyDestinationPort?: number;
  /** 'ESTABLISHED'… [--state] */
  state?: string;
  /** It has this among its own: 'dnat', 'seen-reply'… [-u, -g, -n] */
  status?: ConntrackStatus;
  /** [-m] */
  mark?: number;
  /** 0 for those in none [-w]. */
  zone?: number;
}

const ADDRESSES = ['originalSource', 'originalDestination', 'replySource', 'replyDestination'] as const;
const PORTS = [
  'originalSourcePort',
  'originalDestinationPort',
  'replySourcePort',
  'replyDestinationPort',
] as const;
const KEYS = ['family', 'protocol', ...ADDRESSES, ...PORTS, 'state', 'status', 'mark', 'zone'];

/** What the four kinds of addresses and ports are in an entry. */
const WHERE: Readonly<Record<string, (entry: ConntrackEntry) => string | number | undefined>> = {
  ...each('original'),
  ...each('reply'),
};

function each(direction: 'original' | 'reply') {
  const of = (key: keyof ConntrackTuple) => (entry: ConntrackEntry) => entry[direction][key];
  return {
    [`${direction}Source`]: of('source'),
    [`${direction}Destination`]: of('destination'),
    [`${direction}SourcePort`]: of('sourcePort'),
    [`${direction}DestinationPort`]: of('destinationPort'),
  };
}

type Test = (entry: ConntrackEntry) => boolean;

/** A filter that was checked: what the kernel is asked for, and what is left to see of the answer. */
export interface Checked {
  family: Family | undefined;
  matches: Test;
  /** Whether it says nothing, and means all. */
  all: boolean;
}

export function checkFamily(family: unknown): asserts family is Family | undefined {
  if (family !== undefined && family !== 'inet' && family !== 'inet6')
    throw invalidValue('family', "'inet' or 'inet6'", family);
}

export function checkFilter(filter: ConntrackFilter): Checked {
  checkObject('filter', filter);
  checkKeys('filter', filter, KEYS);
  checkFamily(filter.family);
  let { family } = filter;
  const tests: Test[] = [];
  for (const name of ADDRESSES) {
    const wanted = filter[name];
    if (wanted === undefined) continue;
    const cidr = prefixOf(name, wanted);
    if (family !== undefined && cidr.family !== family)
      throw invalidValue(name, `an ${family} address`, wanted);
    family = cidr.family;
    const of = WHERE[name]!;
    tests.push((entry) => isIn(cidr, of(entry) as string));
  }
  for (const name of PORTS) {
    const wanted = filter[name];
    if (wanted === undefined) continue;
    checkInteger(name, wanted, 0, 65_535);
    const of = WHERE[name]!;
    tests.push((entry) => of(entry) === wanted);
  }
  tests.push(...otherTests(filter));
  const only = family;
  if (only !== undefined) tests.unshift((entry) => entry.family === only);
  return { family, matches: (entry) => tests.every((test) => test(entry)), all: tests.length === 0 };
}

function otherTests({ protocol, state, status, mark, zone }: ConntrackFilter): Test[] {
  const tests: Test[] = [];
  if (protocol !== undefined) {
    const number = protocolNumber(protocol);
    tests.push((entry) => (PROTOCOLS[entry.protocol] ?? entry.protocol) === number);
  }
  if (state !== undefined) {
    checkString('state', state);
    const known: readonly string[] = [...new Set([...TCP_STATES, ...SCTP_STATES, ...DCCP_STATES])];
    if (!known.includes(state)) throw invalidValue('state', `one of ${known.join(', ')}`, state);
    tests.push((entry) => entry.state === state);
  }
  if (status !== undefined) {
    if (!Object.hasOwn(IPS, status))
      throw invalidValue('status', `one of ${Object.keys(IPS).join(', ')}`, status);
    tests.push((entry) => entry.status.includes(status));
  }
  if (mark !== undefined) {
    checkInteger('mark', mark, 0, 0xffffffff);
    tests.push((entry) => (entry.mark ?? 0) === mark);
  }
  if (zone !== undefined) {
    checkInteger('zone', zone, 0, 65_535);
    tests.push((entry) => (entry.zone ?? 0) === zone);
  }
  return tests;
}

function protocolNumber(protocol: unknown): number {
  if (typeof protocol === 'number') {
    checkInteger('protocol', protocol, 0, 255);
    return protocol;
  }
  if (typeof protocol !== 'string') throw invalidType('protocol', 'a name or a number', protocol);
  const number = Object.hasOwn(PROTOCOLS, protocol) ? PROTOCOLS[protocol] : undefined;
  if (number === undefined)
    throw invalidValue('protocol', `a number or one of ${Object.keys(PROTOCOLS).join(', ')}`, protocol);
  return number;
}

function prefixOf(name: string, text: unknown): Cidr {
  checkString(name, text);
  if (text.includes('/')) return parseCidr(name, text, { hostBits: 'allow' });
  const address = parseAddress(text, name);
  return { ...address, prefix: 8 * address.bytes.length };
}

function isIn({ bytes, prefix, family }: Cidr, text: string): boolean {
  if (text.includes(':') !== (family === 'inet6')) return false;
  const network = networkOf(bytes, prefix);
  return networkOf(parseAddress(text).bytes, prefix).every((byte, i) => byte === network[i]);
}
