import type { Internals } from '../namespaces/network.js';
import { AF } from '../netlink/constants.js';
import type { Gate, Request } from '../netlink/request.js';
import { RTM } from '../rtnetlink/constants.js';
import { type BridgePortBrief, link as codec, type LinkBrief, type LinkRequest } from '../rtnetlink/link.js';
import { withDetails } from '../syscalls/errors.js';
import { checkBoolean, checkInteger, checkKeys, checkObject } from '../syscalls/validate.js';
import { explainLink } from './requests.js';

/** What a port of a bridge is set to: `bridge link set`, bridge(8), with the words written out. */
export interface BridgePort {
  /** Whether packets may leave by the port that they came by. Default false. */
  hairpin?: boolean;
  /** Ports that are isolated reach those that are not, and not one another. Default false. */
  isolated?: boolean;
  /** Whether source addresses are remembered. Default true. */
  learning?: boolean;
  /** Whether unicast packets to unknown addresses are sent here. Default true. */
  flood?: boolean;
  /** The same of broadcasts. Default true. */
  broadcastFlood?: boolean;
  /** The same of multicast to groups that nobody is known to have joined. Default true. */
  multicastFlood?: boolean;
  /** Whether multicast is sent as unicast to each that has joined. Default false. */
  multicastToUnicast?: boolean;
  /** Whether ARP and neighbour solicitations are answered by the bridge, where it knows the answer. Default false. */
  neighSuppress?: boolean;
  /** Whether BPDUs (of spanning tree) that come by it are dropped. Default false. */
  guard?: boolean;
  /** Whether it may never lead to the root of the spanning tree. Default false. */
  rootBlock?: boolean;
  /** Whether who leaves a multicast group is forgotten at once. Default false. */
  fastLeave?: boolean;
  /** Whether only sources that are in the bridge's `fdb` may send (5.18). Default false. */
  locked?: boolean;
  /** Whether VLANs are mapped to tunnels. Default false. */
  vlanTunnel?: boolean;
  /** Of the spanning tree, 1 to 65535. Default: by the speed. */
  cost?: number;
  /** Of the spanning tree, 0 to 63. Default 32. */
  priority?: number;
}

/** What the bridge, or its spanning tree, lets pass. */
export type BridgePortState = 'disabled' | 'listening' | 'learning' | 'forwarding' | 'blocking';

/** Their names in struct brport's attributes. */
const FLAGS = {
  hairpin: 'mode',
  isolated: 'isolated',
  learning: 'learning',
  flood: 'unicastFlood',
  broadcastFlood: 'bcastFlood',
  multicastFlood: 'mcastFlood',
  multicastToUnicast: 'mcastToUcast',
  neighSuppress: 'neighSuppress',
  guard: 'guard',
  rootBlock: 'protect',
  fastLeave: 'fastLeave',
  locked: 'locked',
  vlanTunnel: 'vlanTunnel',
} as const;

/** BR_STATE_*. */
const STATES: readonly BridgePortState[] = ['disabled', 'listening', 'learning', 'forwarding', 'blocking'];

const flags = Object.entries(FLAGS) as [keyof typeof FLAGS, (typeof FLAGS)[keyof typeof FLAGS]][];

/** Throws unless it is well-formed. */
export function checkBridgePort(port: BridgePort): void {
  checkObject('bridgePort', port);
  checkKeys('bridgePort', port, [...Object.keys(FLAGS), 'cost', 'priority']);
  for (const [name] of flags) if (port[name] !== undefined) checkBoolean(`bridgePort.${name}`, port[name]);
  if (port.cost !== undefined) checkInteger('bridgePort.cost', port.cost, 1, 65_535);
  if (port.priority !== undefined) checkInteger('bridgePort.priority', port.priority, 0, 63);
}

/** As it was read; undefined for a link that is no port of a bridge. */
export function bridgePortOf({ attributes: { linkinfo } }: LinkBrief): BridgePort | undefined {
  if (linkinfo?.slaveKind !== 'bridge' || linkinfo.slaveData === undefined) return undefined;
  const data = linkinfo.slaveData as BridgePortBrief;
  const port: BridgePort = {};
  for (const [name, attribute] of flags) {
    const value = data[attribute];
    if (value !== undefined) port[name] = value !== 0;
  }
  if (data.cost !== undefined) port.cost = data.cost;
  if (data.priority !== undefined) port.priority = data.priority;
  return port;
}

/** Its state, likewise. */
export function bridgePortStateOf({ attributes: { linkinfo } }: LinkBrief): BridgePortState | undefined {
  if (linkinfo?.slaveKind !== 'bridge' || linkinfo.slaveData === undefined) return undefined;
  return STATES[(linkinfo.slaveData as BridgePortBrief).state ?? -1];
}

function attributesOf(port: BridgePort): Record<string, number> {
  const attributes: Record<string, number> = {};
  for (const [name, attribute] of flags)
    if (port[name] !== undefined) attributes[attribute] = port[name] ? 1 : 0;
  if (port.cost !== undefined) attributes.cost = port.cost;
  if (port.priority !== undefined) attributes.priority = port.priority;
  return attributes;
}

/**
 * As `bridge link set` asks for it, of the bridge's own family: a port of another kind of master is refused, where
 * IFLA_INFO_SLAVE_DATA would be read as that kind's.
 */
export function bridgePortRequest(
  inner: Internals,
  index: () => number,
  port: BridgePort,
  subject: string,
  how: { prepare?: Gate | undefined; signal?: AbortSignal | undefined } = {},
): Request<LinkRequest> {
  const protinfo = attributesOf(port);
  return {
    name: 'RTM_SETLINK',
    type: RTM.SETLINK,
    flags: 0,
    codec,
    body: () => ({ family: AF.BRIDGE, index: index(), attributes: { protinfo } }),
    subject: `bridge port of ${subject || inner.subject}`,
    explain: (error) => explainLink(error.code === 'EOPNOTSUPP' ? withDetails(error, NO_PORT) : error),
    ...how,
  };
}

const NO_PORT = { hint: 'The link is no port of a bridge: give `master` as well' };
