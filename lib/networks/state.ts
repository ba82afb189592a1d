import type { Internals } from '../namespaces/network.js';
import { readAnswer } from '../netlink/answer.js';
import { RTEXT_FILTER, RTM } from '../rtnetlink/constants.js';
import { link as codec, type LinkBrief, linkBrief } from '../rtnetlink/link.js';
import { type Mark, type OpenPort, ownerOfLink, readMark } from './marks.js';
import type { Settings } from './options.js';
import { decodeSettings } from './settings.js';

/** What the host end of an endpoint says of it. */
export interface EndpointState {
  index: number;
  /** The host end's. */
  device: string;
  mac?: string;
  /** Absent of one that is being made. */
  name?: string;
  aliases: string[];
  /** IPv4 and IPv6. */
  addresses: string[];
  /** In a routed network. */
  open: OpenPort[];
  /** Absent of one that nobody owns. */
  owner?: string;
}

/** A network as its device and the ports of it tell. */
export interface NetworkState {
  index: number;
  /** The bridge's name. */
  device: string;
  mtu: number;
  settings: Settings;
  owner?: string;
  endpoints: EndpointState[];
  /** Its bridge is in a namespace of its own, that of its owner alone: this is the cable to there. */
  router: boolean;
  /** Its ways to other hosts: ports of the bridge. */
  ways: { index: number; device: string }[];
  /** Sysctls that were turned on for it. */
  sysctls: Note[];
}

/** That a sysctl was turned on, as a device says. */
export interface Note {
  network: string;
  key: string;
  device: string;
  /** The link that says so. */
  at: number;
}

/** Everything of networks in a namespace, from one dump of its links. */
export interface HostState {
  networks: NetworkState[];
  /** Links by their names that nsnet made, but which are neither a network's nor an endpoint's: half-made. */
  others: { index: number; device: string; owner: string }[];
  /** Sysctls that were turned on for networks that are gone. */
  stale: Note[];
}

/** Reads all networks of a namespace. */
export async function readState(inner: Internals, signal?: AbortSignal): Promise<HostState> {
  const request = {
    name: 'RTM_GETLINK',
    type: RTM.GETLINK,
    flags: 0,
    codec,
    body: { attributes: { extMask: RTEXT_FILTER.SKIP_STATS } },
    subject: inner.subject,
    signal,
  };
  const links = await inner.route.dump(request, (answer) =>
    answer.type === RTM.NEWLINK ? readAnswer(linkBrief, answer) : undefined,
  );
  return stateOf(links);
}

const marksOf = ({ attributes }: LinkBrief): Mark[] =>
  (attributes.propList?.altIfname ?? []).flatMap((name) => readMark(name) ?? []);

function stateOf(links: LinkBrief[]): HostState {
  const state: HostState = { networks: [], others: [], stale: [] };
  const networks = new Map<number, NetworkState>();
  const others: LinkBrief[] = [];
  const notes: HostState['stale'] = [];
  for (const link of links) {
    const network = networkOf(link);
    if (network) {
      networks.set(link.index, network);
      state.networks.push(network);
      continue;
    }
    notes.push(...notesOf(link.index, marksOf(link)));
    if (ownerOfLink(link.attributes.ifname ?? '') !== undefined) others.push(link);
  }
  const byName = new Map(state.networks.map((network) => [network.settings.name, network]));
  for (const note of notes) (byName.get(note.network)?.sysctls ?? state.stale).push(note);
  for (const link of others) {
    const { index, attributes } = link;
    const device = attributes.ifname as string;
    const marks = marksOf(link);
    const lease = marks.find((mark) => mark.type === 'address');
    const network = lease ? byName.get(lease.network) : networks.get(attributes.master ?? 0);
    if (network && lease) network.endpoints.push(endpointOf(link, marks));
    // A port of another kind is the network's own: its way to other hosts.
    else if (network && attributes.linkinfo?.kind !== 'veth') network.ways.push({ index, device });
    else state.others.push({ index, device, owner: ownerOfLink(device) as string });
  }
  return state;
}

function notesOf(at: number, marks: Mark[]): Note[] {
  return marks.flatMap((mark) =>
    mark.type === 'sysctl' ? [{ network: mark.network, key: mark.key, device: mark.device, at }] : [],
  );
}

function networkOf(link: LinkBrief): NetworkState | undefined {
  const { index, attributes } = link;
  const kind = attributes.linkinfo?.kind;
  if (kind !== 'bridge' && kind !== 'veth') return undefined;
  const marks = marksOf(link);
  const mark = marks.find(({ type }) => type === 'network');
  const decoded = mark && decodeSettings(mark.network, attributes.ifalias);
  if (!decoded) return undefined;
  return {
    ...decoded,
    index,
    device: attributes.ifname ?? '',
    mtu: attributes.mtu ?? 0,
    endpoints: [],
    ways: [],
    router: kind === 'veth',
    sysctls: notesOf(index, marks),
  };
}

/** Nobody owns an endpoint whose alias says so. */
export const KEPT = 'nsnet: kept';

function endpointOf({ index, attributes }: LinkBrief, marks: Mark[]): EndpointState {
  const device = attributes.ifname as string;
  const values = (type: 'address' | 'name' | 'alias') =>
    marks.flatMap((mark) => (mark.type === type ? [mark.value] : []));
  return {
    index,
    device,
    mac: attributes.address,
    name: values('name')[0],
    aliases: values('alias'),
    addresses: values('address'),
    open: marks.flatMap((mark) => (mark.type === 'open' ? [mark] : [])),
    owner: attributes.ifalias === KEPT ? undefined : ownerOfLink(device),
  };
}
