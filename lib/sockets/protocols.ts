import { checkInteger, invalidValue } from '../syscalls/validate.js';

/** IP protocols as /etc/protocols calls them. */
const PROTOCOLS = {
  icmp: 1,
  igmp: 2,
  ipip: 4,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  ospf: 89,
  sctp: 132,
  udplite: 136,
  raw: 255,
} as const;

/** An IP protocol by number, 1 to 255, or by name. 'raw' (255) hears nothing, and what it sends has its own header. */
export type IpProtocol = number | keyof typeof PROTOCOLS;

/** Its number. Throws unless it is one. */
export function protocolNumber(protocol: unknown): number {
  if (typeof protocol !== 'string') {
    checkInteger('protocol', protocol, 1, 255);
    return protocol;
  }
  if (Object.hasOwn(PROTOCOLS, protocol)) return PROTOCOLS[protocol as keyof typeof PROTOCOLS];
  throw invalidValue('protocol', `a number or one of ${Object.keys(PROTOCOLS).join(', ')}`, protocol);
}
