import { type Family, familyOf } from '../netlink/addresses.js';
import { type ConntrackStatus, DCCP_STATES, IPS, PROTOCOLS, SCTP_STATES, TCP_STATES } from './constants.js';
import type { ConntrackMessage, TupleMessage } from './wire.js';

/** One direction of a connection: what its packets look like. */
export interface ConntrackTuple {
  source: string;
  destination: string;
  /** Of protocols that have ports. */
  sourcePort?: number;
  destinationPort?: number;
  /** Of ICMP and ICMPv6. */
  type?: number;
  code?: number;
  id?: number;
  /** The zone, where it is of this direction alone. */
  zone?: number;
  /** Packets and bytes so far; absent unless sysctl net.netfilter.nf_conntrack_acct was 1 when it began. */
  packets?: number;
  bytes?: number;
}

/** A connection that the kernel tracks, as `conntrack -L` shows it. */
export interface ConntrackEntry {
  /** It tells one from a later one that looks the same. */
  id?: number;
  family: Family;
  /** 'tcp', 'udp', 'icmp', 'icmpv6', 'sctp', 'dccp', 'udplite', 'gre', 'igmp'; of others the number. */
  protocol: string | number;
  /** Of TCP, SCTP and DCCP, in conntrack(8)'s words: 'ESTABLISHED', 'TIME_WAIT'… */
  state?: string;
  /** 'seen-reply', 'assured', 'confirmed', 'snat', 'dnat', 'offload'… */
  status: ConntrackStatus[];
  /** As the first packet had it, before any translation. */
  original: ConntrackTuple;
  /** As answers look, when they come: with DNAT their source is where the packets really went. */
  reply: ConntrackTuple;
  /** Milliseconds until it is forgotten, if nothing more comes; whole seconds. */
  timeout?: number;
  mark?: number;
  /** Absent in zone 0. */
  zone?: number;
  /** 'ftp', 'sip'…: what follows the connection to expect others. */
  helper?: string;
  /** Of a security module: 'system_u:object_r:…'. */
  securityContext?: string;
  /** How many hold it in the kernel. */
  use?: number;
  /** When it began, in milliseconds since 1970; absent unless sysctl net.netfilter.nf_conntrack_timestamp was 1. */
  start?: number;
}

const names = new Map(Object.entries(PROTOCOLS).map(([name, number]) => [number, name]));

/** An entry as data; undefined for families that are not IP's, and for what has no addresses. */
export function entryOf({ family: number, attributes }: ConntrackMessage): ConntrackEntry | undefined {
  const family = familyOf(number);
  const { status = 0, protocolInfo = {}, timestamp, helper, securityContext } = attributes;
  const protocol = attributes.original?.protocol?.number;
  const original = tupleOf(attributes.original, attributes.countersOriginal);
  const reply = tupleOf(attributes.reply, attributes.countersReply);
  if (!family || protocol === undefined || !original || !reply) return undefined;
  const { tcp, sctp, dccp } = protocolInfo;
  const state =
    stateOf(TCP_STATES, tcp?.state) ?? stateOf(SCTP_STATES, sctp?.state) ?? stateOf(DCCP_STATES, dccp?.state);
  const given = {
    id: attributes.id,
    family,
    protocol: names.get(protocol) ?? protocol,
    state,
    status: (Object.keys(IPS) as ConntrackStatus[]).filter((name) => status & IPS[name]),
    original,
    reply,
    timeout: attributes.timeout === undefined ? undefined : attributes.timeout * 1000,
    mark: attributes.mark,
    zone: attributes.zone,
    helper: helper?.name,
    securityContext: securityContext?.name,
    use: attributes.use,
    start: timestamp?.start === undefined ? undefined : timestamp.start / 1e6,
  };
  return withoutAbsent(given);
}

function stateOf(names: readonly string[], number: number | undefined): string | undefined {
  return number === undefined ? undefined : (names[number] ?? String(number));
}

function tupleOf(
  tuple: TupleMessage | undefined,
  counted: { packets?: number; bytes?: number } = {},
): ConntrackTuple | undefined {
  const { ip = {}, protocol = {}, zone } = tuple ?? {};
  const source = ip.v4Source ?? ip.v6Source;
  const destination = ip.v4Destination ?? ip.v6Destination;
  if (source === undefined || destination === undefined) return undefined;
  return withoutAbsent({
    source,
    destination,
    sourcePort: protocol.sourcePort,
    destinationPort: protocol.destinationPort,
    type: protocol.icmpType ?? protocol.icmpv6Type,
    code: protocol.icmpCode ?? protocol.icmpv6Code,
    id: protocol.icmpId ?? protocol.icmpv6Id,
    zone,
    packets: counted.packets,
    bytes: counted.bytes,
  });
}

type Given<T> = { [K in keyof T]: T[K] | undefined };

function withoutAbsent<T extends object>(given: Given<T>): T {
  for (const key in given) if (given[key] === undefined) delete given[key];
  return given as T;
}
