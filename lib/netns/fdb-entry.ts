import type { LinkRef } from '../links/types.js';
import { parseAddress, parseMac } from '../netlink/addresses.js';
import { AF } from '../netlink/constants.js';
import { NTF, NUD } from '../rtnetlink/constants.js';
import type { NeighbourMessage, NeighbourRequest } from '../rtnetlink/neighbour.js';
import {
  checkBoolean,
  checkInteger,
  checkKeys,
  checkObject,
  invalidType,
  invalidValue,
  needs,
} from '../syscalls/validate.js';

/** As `bridge fdb` has them; what is dynamic and was not heard of for long is read as 'stale'. */
const STATES = {
  permanent: NUD.PERMANENT,
  static: NUD.NOARP | NUD.REACHABLE,
  dynamic: NUD.REACHABLE,
  stale: NUD.REACHABLE,
} as const;

export type FdbState = keyof typeof STATES;

/** An entry of a forwarding table: where frames to a hardware address go. bridge(8). */
export interface FdbSpec {
  /** The port of a bridge; a bridge itself; or a VXLAN. */
  device: LinkRef;
  /** '02:00:00:00:00:01'; '00:00:00:00:00:00' of a VXLAN for all that is not known, and for broadcasts. */
  mac: string;
  /** 'permanent' (default: the device's own address, of a bridge), 'static' (stays), or 'dynamic' (ages). */
  state?: FdbState;
  /** In the table of the device itself, a VXLAN's. The default. */
  self?: boolean;
  /** In the table of the bridge that the device is a port of. */
  master?: boolean;
  /** Of a VXLAN: the other end that has it, IPv4 or IPv6. */
  destination?: string;
  /** Its UDP port. Default: that of the VXLAN. */
  port?: number;
  /** Its network's number. Default: that of the VXLAN. */
  vni?: number;
  /** Of a VXLAN for all networks: the number that it is for. */
  sourceVni?: number;
  /** The device that packets to `destination` leave by. */
  via?: LinkRef;
  /** A group of next hops instead of a destination (5.8). */
  nexthopId?: number;
  vlan?: number;
  /** It does not move to another port when it is heard there. */
  sticky?: boolean;
  /** It was learned by another than the kernel. */
  externLearn?: boolean;
  router?: boolean;
  /** Read only: the name of the bridge whose table it is in. */
  bridge?: string;
}

/** An entry as it was read. */
export interface FdbEntry extends FdbSpec {
  device: string;
  state: FdbState;
  via?: string;
}

export const FDB_KEYS = [
  'device',
  'mac',
  'state',
  'self',
  'master',
  'destination',
  'port',
  'vni',
  'sourceVni',
  'via',
  'nexthopId',
  'vlan',
  'sticky',
  'externLearn',
  'router',
  'bridge',
];

const NUMBERS = {
  port: [1, 65_535],
  vni: [0, 0xffffff],
  sourceVni: [0, 0xffffff],
  nexthopId: [1, 0xffffffff],
  vlan: [1, 4094],
} as const;

export function checkFdbState(state: unknown): asserts state is FdbState {
  if (typeof state !== 'string') throw invalidType('state', 'a string', state);
  if (!Object.hasOwn(STATES, state))
    throw invalidValue('state', `one of ${Object.keys(STATES).join(', ')}`, state);
}

/** Throws unless it is well-formed. */
export function checkFdbEntry(spec: FdbSpec): void {
  checkObject('entry', spec);
  checkKeys('entry', spec, FDB_KEYS);
  parseMac('mac', spec.mac);
  if (spec.state !== undefined) checkFdbState(spec.state);
  for (const key of ['self', 'master', 'sticky', 'externLearn', 'router'] as const)
    if (spec[key] !== undefined) checkBoolean(key, spec[key]);
  for (const [key, [min, max]] of Object.entries(NUMBERS)) {
    const value = spec[key as keyof typeof NUMBERS];
    if (value !== undefined) checkInteger(key, value, min, max);
  }
  if (spec.self && spec.master) throw invalidValue('master', 'one of `self` and `master`', true);
  if (spec.destination !== undefined) {
    parseAddress(spec.destination, 'destination');
    if (spec.master) throw invalidValue('destination', 'none in the table of a bridge', spec.destination);
    if (spec.nexthopId !== undefined)
      throw invalidValue('nexthopId', 'one of `destination` and `nexthopId`', spec.nexthopId);
  }
  for (const key of ['port', 'via'] as const)
    if (spec[key] !== undefined && spec.destination === undefined) throw needs(key, '`destination`');
}

/** Frames to a group, or to nobody in particular, go to each destination that there is: each is an entry. */
export function isForMany(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1 || /^[0:]*$/.test(mac);
}

export function fdbMessage(spec: FdbSpec, indexOf: (ref: LinkRef) => number): NeighbourRequest {
  const { mac, state = 'permanent', master, destination, port, vni, sourceVni, via, nexthopId, vlan } = spec;
  const flags =
    (master ? NTF.MASTER : NTF.SELF) |
    (spec.sticky ? NTF.STICKY : 0) |
    (spec.externLearn ? NTF.EXT_LEARNED : 0) |
    (spec.router ? NTF.ROUTER : 0);
  return {
    family: AF.BRIDGE,
    index: indexOf(spec.device),
    state: STATES[state],
    flags,
    attributes: {
      lladdr: mac,
      ...(destination !== undefined && { dst: destination }),
      ...(port !== undefined && { port }),
      ...(vni !== undefined && { vni }),
      ...(sourceVni !== undefined && { srcVni: sourceVni }),
      ...(via !== undefined && { ifindex: indexOf(via) }),
      ...(nexthopId !== undefined && { nhId: nexthopId }),
      ...(vlan !== undefined && { vlan }),
    },
  };
}

function stateOf(state: number): FdbState {
  if (state & NUD.PERMANENT) return 'permanent';
  if (state & NUD.NOARP) return 'static';
  return state & NUD.STALE ? 'stale' : 'dynamic';
}

/** An entry as data; undefined for what is none: neighbours are told by the same messages. */
export function fdbEntryOf(
  { family, index, state, flags, attributes }: NeighbourMessage,
  nameOf: (index: number) => string | undefined,
): FdbEntry | undefined {
  if (family !== AF.BRIDGE || !attributes.lladdr) return undefined;
  const name = (of: number) => nameOf(of) ?? String(of);
  const entry: FdbEntry = { device: name(index), mac: attributes.lladdr, state: stateOf(state) };
  const { dst, port, vni, srcVni, ifindex, master, nhId, vlan } = attributes;
  // An entry for the bridge itself, which is a port of none, is in its own table.
  if (flags & NTF.SELF || master === undefined || master === index) entry.self = true;
  else entry.master = true;
  if (dst !== undefined) entry.destination = dst;
  if (port !== undefined) entry.port = port;
  if (vni !== undefined) entry.vni = vni;
  if (srcVni !== undefined) entry.sourceVni = srcVni;
  if (ifindex !== undefined) entry.via = name(ifindex);
  if (nhId !== undefined) entry.nexthopId = nhId;
  if (vlan !== undefined) entry.vlan = vlan;
  if (flags & NTF.STICKY) entry.sticky = true;
  if (flags & NTF.EXT_LEARNED) entry.externLearn = true;
  if (flags & NTF.ROUTER) entry.router = true;
  if (master !== undefined) entry.bridge = name(master);
  return entry;
}

/** As `bridge fdb show` prints it. */
export function describeFdbEntry(entry: FdbEntry): string {
  const words: (string | number)[] = [entry.mac, 'dev', entry.device];
  const say = (word: string, value: string | number | undefined) =>
    value !== undefined && words.push(word, value);
  say('dst', entry.destination);
  say('vlan', entry.vlan);
  say('port', entry.port);
  say('vni', entry.vni);
  say('src_vni', entry.sourceVni);
  say('via', entry.via);
  say('nhid', entry.nexthopId);
  if (entry.self && entry.bridge === undefined) words.push('self');
  if (entry.router) words.push('router');
  if (entry.externLearn) words.push('extern_learn');
  if (entry.sticky) words.push('sticky');
  say('master', entry.bridge);
  if (entry.state !== 'dynamic') words.push(entry.state);
  return words.join(' ');
}
