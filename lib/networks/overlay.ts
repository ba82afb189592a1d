import type { Bridge } from '../links/bridge.js';
import { Vxlan } from '../links/vxlan.js';
import { formatAddress, parseAddress } from '../netlink/addresses.js';
import { invalidValue, needs } from '../syscalls/validate.js';
import type { Site } from './make.js';
import { linkName } from './marks.js';
import type { NetworkOptions, Settings } from './options.js';
import type { Subnet } from './subnet.js';

/** What is said of a network that spans several hosts. */
export type OverlayOptions = NetworkOptions & { driver: 'vxlan' };

/** For frames to everybody, and to those that are not known. */
const EVERYBODY = '00:00:00:00:00:00';

/**
 * The hosts of a network share its subnet without asking one another: the list of them is the same everywhere, so that each
 * has a part by its place in it. Its gateway is the part's, so that no two hosts have one address.
 */
export function overlaySettings(options: OverlayOptions, asked: Settings): Settings {
  const { local, peers = [], group } = options;
  const { subnet, subnet6, isolated, internal } = asked;
  if (!subnet && !subnet6) throw needs('driver', 'subnet or subnet6, the same on all hosts, with vxlan');
  if (options.router) throw invalidValue('router', 'false with driver vxlan', true);
  if (group !== undefined && !asked.range)
    throw needs('group', 'range: the part of the subnet that this host gives out');
  const all = [...new Set([local, ...peers].map(canonical))].sort();
  const place = all.indexOf(canonical(local));
  const partOf = (whole: Subnet | undefined): Subnet | undefined => {
    const part = whole?.part(place, all.length);
    if (whole && !part) throw invalidValue('subnet', `room for ${all.length} hosts`, String(whole));
    return part;
  };
  const range = asked.range ?? partOf(subnet);
  const range6 = partOf(subnet6);
  const gatewayIn = (part: Subnet | undefined, given: string | undefined) =>
    given ?? (isolated || internal ? undefined : part?.at(1n));
  return {
    ...asked,
    range,
    range6,
    gateway: gatewayIn(range, options.gateway),
    gateway6: gatewayIn(range6, options.gateway6),
  };
}

const canonical = (address: string) => formatAddress(parseAddress(address).bytes);

/** The way to the other hosts, as a port of the bridge (RFC 7348). Frames to everybody go to each of them. */
export async function attachOverlay(
  { netns, owner }: Site,
  { id, local, peers = [], group, parent, port, signal }: OverlayOptions,
  { icc }: Settings,
  bridge: Bridge,
): Promise<void> {
  const vxlan = await Vxlan.create({
    netns,
    name: linkName(owner),
    id,
    local,
    group,
    parent,
    port,
    mtu: bridge.info.mtu,
    master: bridge,
    bridgePort: { isolated: !icc },
    up: true,
    signal,
  });
  try {
    const others = [...new Set(peers.map(canonical))].filter((peer) => peer !== canonical(local));
    await Promise.all(
      others.map((destination) => netns.fdb.add({ device: vxlan, mac: EVERYBODY, destination })),
    );
  } catch (error) {
    await vxlan.delete();
    throw error;
  }
}
