import type { LinkRef } from '../links/types.js';
import { type Family, familyNumber, familyOf, parseAddress } from '../netlink/addresses.js';
import { macLength, parseMacInto } from '../netlink/mac.js';
import { NTF, NTF_EXT, NUD } from '../rtnetlink/constants.js';
import { protocols } from '../rtnetlink/names.js';
import type { NeighbourMessage, NeighbourRequest } from '../rtnetlink/neighbour.js';
import {
  checkBoolean,
  checkInteger,
  checkKeys,
  checkObject,
  checkString,
  invalidType,
  invalidValue,
  needs,
} from '../syscalls/validate.js';
import { checkFamily } from './filter.js';

const STATES = {
  none: NUD.NONE,
  incomplete: NUD.INCOMPLETE,
  reachable: NUD.REACHABLE,
  stale: NUD.STALE,
  delay: NUD.DELAY,
  probe: NUD.PROBE,
  failed: NUD.FAILED,
  noarp: NUD.NOARP,
  permanent: NUD.PERMANENT,
} as const;

/** NUD_VALID, without NOARP, which links without hardware addresses have. */
const NEED_MAC = NUD.PERMANENT | NUD.REACHABLE | NUD.STALE | NUD.DELAY | NUD.PROBE;

/** What is known of a neighbour, ip-neighbour(8). */
export type NeighbourState = keyof typeof STATES;

/** A neighbour: the hardware address that an IP address has on a link. */
export interface NeighbourSpec {
  device: LinkRef;
  /** IPv4 or IPv6, without prefix length. */
  address: string;
  /** Its hardware address: '02:00:00:00:00:01'. Needed unless it is a proxy, or its state says that none is known. */
  mac?: string;
  /** Default 'permanent': never asked for, never forgotten. */
  state?: NeighbourState;
  /** This host answers for it on the link (proxy ARP); an entry of its own, without `mac` and `state`. */
  proxy?: boolean;
  /** It is a router; IPv6. */
  router?: boolean;
  /** It was learned by another than the kernel, a routing daemon, which removes it as well. */
  externLearn?: boolean;
  /** The kernel keeps asking for it (5.16). */
  managed?: boolean;
  /** Who made it: 'zebra', 'static'…, or a number. */
  protocol?: string | number;
  /** That of `address`; of a filter, which to list. */
  family?: Family;
}

/** A neighbour as it was read. */
export interface Neighbour extends NeighbourSpec {
  device: string;
  family: Family;
  state: NeighbourState;
}

export const NEIGHBOUR_KEYS = [
  'device',
  'address',
  'mac',
  'state',
  'proxy',
  'router',
  'externLearn',
  'managed',
  'protocol',
  'family',
];

/** Lengths of hardware addresses: IPv4 tunnels, Ethernet, IEEE 1394 and 802.15.4, IPv6 tunnels, InfiniBand. */
const LENGTHS = [4, 6, 8, 16, 20];

function checkMac(mac: unknown): void {
  checkString('mac', mac);
  const length = macLength(mac);
  if (!LENGTHS.includes(length) || !parseMacInto(mac, new Uint8Array(length), 0))
    throw invalidValue('mac', "a hardware address, such as '02:42:ac:11:00:02',", mac);
}

export function checkNeighbourState(state: unknown): asserts state is NeighbourState {
  if (typeof state !== 'string') throw invalidType('state', 'a string', state);
  if (!Object.hasOwn(STATES, state))
    throw invalidValue('state', `one of ${Object.keys(STATES).join(', ')}`, state);
}

function protocolNumber(protocol: string | number): number {
  if (typeof protocol === 'number') {
    checkInteger('protocol', protocol, 0, 255);
    return protocol;
  }
  const number = typeof protocol === 'string' ? protocols.numberOf(protocol) : undefined;
  if (number === undefined)
    throw invalidValue('protocol', `a number or one of ${protocols.names.join(', ')}`, protocol);
  return number;
}

/** As `ip neigh`: what the kernel is to ask for is not known yet. */
function usualState({ proxy, managed, mac }: NeighbourSpec): NeighbourState {
  return proxy || (managed && mac === undefined) ? 'none' : 'permanent';
}

/** Throws unless it is well-formed, and to be added says all that is needed; returns its family. */
export function checkNeighbour(spec: NeighbourSpec, making: boolean): Family {
  checkObject('neighbour', spec);
  checkKeys('neighbour', spec, NEIGHBOUR_KEYS);
  const { family } = parseAddress(spec.address, 'address');
  if (spec.family !== undefined) {
    checkFamily(spec.family);
    if (spec.family !== family) throw invalidValue('address', `an ${spec.family} address`, spec.address);
  }
  if (spec.mac !== undefined) checkMac(spec.mac);
  if (spec.state !== undefined) checkNeighbourState(spec.state);
  for (const key of ['proxy', 'router', 'externLearn', 'managed'] as const)
    if (spec[key] !== undefined) checkBoolean(key, spec[key]);
  if (spec.protocol !== undefined) protocolNumber(spec.protocol);
  // The kernel would refuse it, too, but leave an entry that says nothing.
  const { state = usualState(spec), mac, proxy } = spec;
  if (making && !proxy && mac === undefined && STATES[state] & NEED_MAC)
    throw needs(`the state '${state}'`, '`mac`');
  return family;
}

export function neighbourMessage(family: Family, index: number, spec: NeighbourSpec): NeighbourRequest {
  const { address, mac, state = usualState(spec), proxy, router, externLearn, managed, protocol } = spec;
  const flags = (proxy ? NTF.PROXY : 0) | (router ? NTF.ROUTER : 0) | (externLearn ? NTF.EXT_LEARNED : 0);
  return {
    family: familyNumber(family),
    index,
    state: proxy ? NUD.NONE : STATES[state],
    flags,
    attributes: {
      dst: address,
      ...(mac !== undefined && { lladdr: mac }),
      ...(managed && { flagsExt: NTF_EXT.MANAGED }),
      ...(protocol !== undefined && { protocol: protocolNumber(protocol) }),
    },
  };
}

const byNumber = new Map<number, NeighbourState>(
  Object.entries(STATES).map(([name, number]) => [number, name as NeighbourState]),
);

/** A neighbour as data; undefined for what is none: forwarding tables are told by the same messages. */
export function neighbourOf(
  message: NeighbourMessage,
  nameOf: (index: number) => string | undefined,
): Neighbour | undefined {
  const family = familyOf(message.family);
  const { dst, lladdr, flagsExt = 0, protocol = 0 } = message.attributes;
  if (family === undefined || dst === undefined) return undefined;
  const neighbour: Neighbour = {
    device: nameOf(message.index) ?? String(message.index),
    address: dst,
    family,
    state: byNumber.get(message.state) ?? 'none',
  };
  // An empty one, of a link without hardware addresses, is none.
  if (lladdr) neighbour.mac = lladdr;
  if (message.flags & NTF.PROXY) neighbour.proxy = true;
  if (message.flags & NTF.ROUTER) neighbour.router = true;
  if (message.flags & NTF.EXT_LEARNED) neighbour.externLearn = true;
  if (flagsExt & NTF_EXT.MANAGED) neighbour.managed = true;
  if (protocol !== 0) neighbour.protocol = protocols.nameOf(protocol);
  return neighbour;
}

/** As `ip neigh` prints it. */
export function describeNeighbour(neighbour: Neighbour): string {
  const { address, device, mac, router, proxy, managed, externLearn, state, protocol } = neighbour;
  const words = [address, 'dev', device];
  if (mac !== undefined) words.push('lladdr', mac);
  if (router) words.push('router');
  if (proxy) words.push('proxy');
  if (managed) words.push('managed');
  if (externLearn) words.push('extern_learn');
  if (state !== 'none') words.push(state.toUpperCase());
  if (protocol !== undefined) words.push('proto', String(protocol));
  return words.join(' ');
}
