import { dataType, type SetType } from './datatypes.js';
import { Field } from './match.js';
import type { Requirement } from './requires.js';
import type { Expression } from './types.js';

/** Fields of headers. */

type Base = 'link' | 'network' | 'transport';

function field(base: Base, offset: number, type: SetType, size: number, requires?: Requirement): Field {
  const load = (dreg: number, len = size): Expression[] => [{ type: 'payload', dreg, base, offset, len }];
  return new Field({ type: dataType(type), requires, load }, true);
}

const IPV4: Requirement = { type: 'requires', nfproto: 'ipv4' };
const IPV6: Requirement = { type: 'requires', nfproto: 'ipv6' };
const ETHERNET: Requirement = { type: 'requires', ethernet: true };
const l4 = (l4proto: number): Requirement => ({ type: 'requires', l4proto });

/** The Ethernet header. */
export const ether = {
  daddr: field('link', 0, 'ether_addr', 6, ETHERNET),
  saddr: field('link', 6, 'ether_addr', 6, ETHERNET),
  type: field('link', 12, 'ether_type', 2, ETHERNET),
} as const;

/** The IPv4 header. */
export const ip = {
  saddr: field('network', 12, 'ipv4_addr', 4, IPV4),
  daddr: field('network', 16, 'ipv4_addr', 4, IPV4),
  protocol: field('network', 9, 'inet_proto', 1, IPV4),
} as const;

/** The IPv6 header. */
export const ip6 = {
  saddr: field('network', 8, 'ipv6_addr', 16, IPV6),
  daddr: field('network', 24, 'ipv6_addr', 16, IPV6),
  nexthdr: field('network', 6, 'inet_proto', 1, IPV6),
} as const;

function ports(requires?: Requirement) {
  return {
    sport: field('transport', 0, 'inet_service', 2, requires),
    dport: field('transport', 2, 'inet_service', 2, requires),
  } as const;
}

export const tcp = { ...ports(l4(6)), flags: field('transport', 13, 'tcp_flag', 1, l4(6)) } as const;
export const udp = ports(l4(17));
export const sctp = ports(l4(132));
/** Of any protocol with ports there: the rule says which, by meta('l4proto'). */
export const th = ports();

export const icmp = {
  type: field('transport', 0, 'icmp_type', 1, { ...IPV4, l4proto: 1 }),
  code: field('transport', 1, 'icmp_code', 1, { ...IPV4, l4proto: 1 }),
} as const;

export const icmpv6 = {
  type: field('transport', 0, 'icmpv6_type', 1, { ...IPV6, l4proto: 58 }),
  code: field('transport', 1, 'icmpv6_code', 1, { ...IPV6, l4proto: 58 }),
} as const;
