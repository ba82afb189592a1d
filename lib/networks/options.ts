import type { Call } from '../handles/listing.js';
import { checkLinkName } from '../links/validate.js';
import { type AnyNetns, openInternals } from '../namespaces/network.js';
import { parseAddress } from '../netlink/addresses.js';
import {
  checkBoolean,
  checkInteger,
  checkKeys,
  checkObject,
  checkSignal,
  invalidValue,
  needs,
} from '../syscalls/validate.js';
import { checkNetworkName } from './names.js';
import { Subnet } from './subnet.js';

/** How others reach containers, by Docker's words. */
export type GatewayMode = 'nat' | 'nat-unprotected' | 'routed';

/** Where networks are. */
export interface NetworkPlace extends Call {
  /** The namespace that plays the host. Default: this process's own. */
  netns?: AnyNetns;
}

/** How a network is looked after. */
export interface Care {
  /**
   * Whether its rules are put back, at once and with a warning of the process, when somebody takes them away, as
   * `nft flush ruleset` does and firewalls that are loaded anew: else containers are without protection until then.
   * Default true; with false repair() does it.
   */
  repair?: boolean;
}

interface Common extends NetworkPlace, Care {
  /** Up to 40 letters, digits, `_`, `.` and `-`, beginning with a letter or digit. */
  name: string;
  /**
   * IPv4: '172.17.0.0/16'. Default: the first of 172.17.0.0/16 … 172.31.0.0/16, 192.168.0.0/20 … that nothing there uses; with
   * `subnet6` alone none, and then no IPv4 at all.
   */
  subnet?: string;
  /** The bridge's own address. Default: the first of the subnet. */
  gateway?: string;
  /** IPv6: 'fd00:1::/64'. Default: none, and then no IPv6 at all. For both, say `subnet`, too. */
  subnet6?: string;
  /** The bridge's own IPv6 address. Default: the first of `subnet6`. */
  gateway6?: string;
  /** Addresses are handed out from this part of the subnet only: '172.17.5.0/24', as Docker's --ip-range. */
  range?: string;
  /** Bytes; of every endpoint, too. Default 1500; with vxlan 1450. */
  mtu?: number;
  /** Name of the bridge's device. Default: one that is free. */
  bridge?: string;
  /** No way to other networks, and none from there, as Docker's --internal; the host reaches it. Default false. */
  internal?: boolean;
  /** Nor to the host: the bridge has no address, as in Docker's gateway mode 'isolated'. Implies `internal`. Default false. */
  isolated?: boolean;
  /** Whether endpoints of the network reach one another, as Docker's enable_icc; published ports they do. Default true. */
  icc?: boolean;
  /**
   * Whether what leaves the network has the host's address, as Docker's enable_ip_masquerade. Default true; false with
   * `gatewayMode: 'routed'`.
   */
  masquerade?: boolean;
  /**
   * 'nat' (default): others reach what is published, on the host's addresses. 'nat-unprotected': and every port of a
   * container, if they have a route. 'routed': the published ports, on the containers' own addresses; a port of the host
   * plays no part.
   */
  gatewayMode?: GatewayMode;
  /** The bridge is in a namespace of its own, held by this process alone: nothing stays behind it. Default false. */
  router?: boolean;
}

interface Overlay {
  /** VNI, 1 to 16777215: the same on all hosts. */
  id: number;
  /** This host's address towards the others. */
  local: string;
  /** The other hosts' addresses. */
  peers?: string[];
  /** Instead of `peers`: a multicast group that all hosts are in… */
  group?: string;
  /** …on this device. */
  parent?: string;
  /** UDP port. Default 4789. */
  port?: number;
}

/** What a network is made with. */
export type NetworkOptions = Common &
  (({ driver?: 'bridge' } & { [K in keyof Overlay]?: never }) | ({ driver: 'vxlan' } & Overlay));

/** A network as it was asked for, with what was not said filled in. */
export interface Settings {
  name: string;
  driver: 'bridge' | 'vxlan';
  subnet?: Subnet;
  gateway?: string;
  subnet6?: Subnet;
  gateway6?: string;
  range?: Subnet;
  /** Of IPv6, of a network that spans several hosts. */
  range6?: Subnet;
  internal: boolean;
  isolated: boolean;
  icc: boolean;
  masquerade: boolean;
  gatewayMode: GatewayMode;
}

const FLAGS = ['internal', 'isolated', 'icc', 'masquerade', 'router', 'repair'] as const;
const KEYS = [
  'name',
  'driver',
  'subnet',
  'gateway',
  'subnet6',
  'gateway6',
  'range',
  'mtu',
  'bridge',
  'gatewayMode',
  ...FLAGS,
];
const VXLAN_KEYS = ['id', 'local', 'peers', 'group', 'parent', 'port'];
/** What NetworkSandbox.create() takes to be no network. */
const MODE_NAMES = new Set(['none', 'host']);
const MODES: readonly string[] = ['nat', 'nat-unprotected', 'routed'];

export function checkPlace(place: NetworkPlace, keys: readonly string[] = []): void {
  checkObject('options', place);
  checkKeys('options', place, [...keys, 'netns', 'signal']);
  if (place.netns !== undefined) openInternals(place.netns);
  checkSignal(place.signal);
}

/** Throws unless they can be meant. */
export function checkNetworkOptions(options: NetworkOptions): Settings {
  checkObject('options', options);
  const { driver = 'bridge' } = options;
  if (driver !== 'bridge' && driver !== 'vxlan') throw invalidValue('driver', "'bridge' or 'vxlan'", driver);
  const stray = driver === 'vxlan' ? undefined : VXLAN_KEYS.find((key) => key in options);
  if (stray !== undefined) throw needs(stray, "driver: 'vxlan'");
  checkPlace(options, driver === 'vxlan' ? [...KEYS, ...VXLAN_KEYS] : KEYS);
  const { name, mtu, bridge, gatewayMode = 'nat' } = options;
  checkNetworkName(name);
  if (MODE_NAMES.has(name))
    throw invalidValue('name', "another name than 'none' and 'host', which are modes,", name);
  if (mtu !== undefined) checkInteger('mtu', mtu, options.subnet6 === undefined ? 68 : 1280, 65535);
  if (bridge !== undefined) checkBridgeName(bridge);
  for (const flag of FLAGS) if (options[flag] !== undefined) checkBoolean(flag, options[flag]);
  if (!MODES.includes(gatewayMode)) {
    throw invalidValue('gatewayMode', `one of ${MODES.join(', ')}`, gatewayMode);
  }
  if (options.driver === 'vxlan') checkVxlan(options);
  if (options.router && gatewayMode === 'routed') throw needs('router', "a gatewayMode other than 'routed'");
  const isolated = options.isolated ?? false;
  if (isolated && options.internal === false) throw needs('isolated', 'internal: true');
  if (isolated && (options.gateway !== undefined || options.gateway6 !== undefined))
    throw needs('gateway', 'a network that is not isolated');
  const subnet = subnetOf('subnet', options.subnet, 'inet');
  const subnet6 = subnetOf('subnet6', options.subnet6, 'inet6');
  const range = options.range === undefined ? undefined : Subnet.parse('range', options.range);
  if (range && !(subnet && range.overlaps(subnet) && range.prefix >= subnet.prefix))
    throw invalidValue(
      'range',
      subnet ? `a part of ${subnet}` : 'a part of the subnet, which is given,',
      options.range,
    );
  return {
    name,
    driver,
    subnet,
    gateway: gatewayOf('gateway', options.gateway, subnet, isolated),
    subnet6,
    gateway6: gatewayOf('gateway6', options.gateway6, subnet6, isolated),
    range,
    internal: isolated || (options.internal ?? false),
    isolated,
    icc: options.icc ?? true,
    masquerade: options.masquerade ?? gatewayMode !== 'routed',
    gatewayMode,
  };
}

/** A '*' at the end would mean all devices that begin so, in rules; of these names are everybody's sysctls. */
function checkBridgeName(bridge: unknown): void {
  checkLinkName(bridge, 'bridge');
  if (bridge.endsWith('*') || bridge === 'all' || bridge === 'default')
    throw invalidValue(
      'bridge',
      "a name that means one device, not 'all', 'default' or with '*' at its end,",
      bridge,
    );
}

function subnetOf(name: string, text: string | undefined, family: 'inet' | 'inet6'): Subnet | undefined {
  if (text === undefined) return undefined;
  const subnet = Subnet.parse(name, text);
  const longest = family === 'inet' ? 30 : 126;
  if (subnet.family === family && subnet.prefix <= longest && subnet.prefix > 0) return subnet;
  const what = family === 'inet' ? 'IPv4' : 'IPv6';
  const example = family === 'inet' ? "'172.17.0.0/16'" : "'fd00:1::/64'";
  const other = family === 'inet' ? 'subnet6 takes IPv6' : 'subnet takes IPv4';
  const also = subnet.family === family ? '' : ` (${other})`;
  throw invalidValue(
    name,
    `an ${what} subnet with a prefix of 1 to ${longest} bits, such as ${example}${also},`,
    text,
  );
}

/** The first address, unless another one is asked for. */
export function gatewayOf(
  name: string,
  address: string | undefined,
  subnet: Subnet | undefined,
  isolated: boolean,
): string | undefined {
  if (address === undefined) return subnet && !isolated ? subnet.at(subnet.hosts.from) : undefined;
  if (!subnet) throw needs(name, name === 'gateway' ? 'subnet' : 'subnet6');
  return subnet.at(subnet.check(name, address));
}

function checkVxlan(options: NetworkOptions & { driver: 'vxlan' }): void {
  const { id, local, peers, group, parent, port } = options;
  checkInteger('id', id, 1, 0xffffff);
  const { family } = parseAddress(local, 'local');
  if (peers !== undefined && group !== undefined) throw needs('peers', 'no group');
  if (group !== undefined && parent === undefined) throw needs('group', 'parent');
  if (parent !== undefined) checkLinkName(parent, 'parent');
  if (port !== undefined) checkInteger('port', port, 1, 65535);
  if (peers !== undefined && !Array.isArray(peers))
    throw invalidValue('peers', 'an array of addresses', peers);
  for (const [i, peer] of (peers ?? []).entries()) {
    if (parseAddress(peer, `peers[${i}]`).family !== family)
      throw invalidValue(`peers[${i}]`, `an address of the family of local, ${local},`, peer);
  }
  if (group !== undefined && parseAddress(group, 'group').family !== family)
    throw invalidValue('group', `an address of the family of local, ${local},`, group);
}
