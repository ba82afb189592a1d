import type { Family } from '../netlink/addresses.js';

/**
 * Why something could not be delivered:
 *
 * - 'net': no route leads there.
 * - 'host': nobody there answers ARP or neighbour solicitation, or a route of type unreachable covers it.
 * - 'protocol', 'port': the host is there, and nobody on it for this.
 * - 'too big': for a link on the way, and it may not be sent in fragments.
 * - 'prohibited': by a rule of a firewall, or a route of type prohibit.
 * - 'rejected', 'policy', 'scope': IPv6's route of type reject, source address policy, address of too small a scope.
 * - 'source route', 'precedence': what hardly anybody uses any more.
 */
export type UnreachableReason =
  | 'net'
  | 'host'
  | 'protocol'
  | 'port'
  | 'too big'
  | 'source route'
  | 'prohibited'
  | 'precedence'
  | 'scope'
  | 'policy'
  | 'rejected';

/** By the code of an ICMP message of type 3 (RFC 792, RFC 1122, RFC 1812), or of ICMPv6 of type 1 (RFC 4443). */
const REASONS: Readonly<Record<Family, readonly UnreachableReason[]>> = {
  inet: [
    'net',
    'host',
    'protocol',
    'port',
    'too big',
    'source route',
    'net',
    'host',
    'host',
    'prohibited',
    'prohibited',
    'net',
    'host',
    'prohibited',
    'precedence',
    'precedence',
  ],
  inet6: ['net', 'prohibited', 'scope', 'host', 'port', 'policy', 'rejected', 'source route'],
};

export function reasonOfCode(family: Family, code: number): UnreachableReason | undefined {
  return REASONS[family][code];
}

/** By what sendto(2) says. */
const REFUSALS: Readonly<Record<number, UnreachableReason>> = {
  [-1]: 'prohibited',
  [-13]: 'prohibited',
  [-90]: 'too big',
  [-100]: 'net',
  [-101]: 'net',
  [-113]: 'host',
};

export function reasonOfErrno(errno: number): UnreachableReason | undefined {
  return REFUSALS[errno];
}
