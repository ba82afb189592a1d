import { dumpAddresses } from '../links/dump-addresses.js';
import type { Internals } from '../namespaces/network.js';
import { familyOf } from '../netlink/addresses.js';
import type { AddressMessage } from '../rtnetlink/address.js';
import { IFA_F, RT_SCOPE } from '../rtnetlink/constants.js';
import type { ResolvedAddress } from './literal.js';

/** What addresses a namespace has, as far as that decides which addresses of others it can reach. */
export interface Families {
  /** Beside those of loopback. */
  inet: boolean;
  inet6: boolean;
  /** An IPv6 address that is good for more than one link. */
  global6: boolean;
  loopback6: boolean;
}

/** Asks the kernel which addresses the namespace has. */
export async function familiesOf(inner: Internals, signal: AbortSignal): Promise<Families> {
  const found = { inet: false, inet6: false, global6: false, loopback6: false };
  const note = ({ family, scope, flags, attributes }: AddressMessage) => {
    const local = attributes.local ?? attributes.address;
    if (familyOf(family) === 'inet') found.inet ||= !String(local).startsWith('127.');
    else if (local === '::1') found.loopback6 = true;
    else if (((attributes.flags ?? flags) & (IFA_F.TENTATIVE | IFA_F.DADFAILED)) === 0) {
      found.inet6 = true;
      found.global6 ||= scope === RT_SCOPE.UNIVERSE;
    }
    return undefined;
  };
  await dumpAddresses(inner, undefined, note, signal);
  return found;
}

/** Those of a family that the namespace has addresses of, as AI_ADDRCONFIG of getaddrinfo(3); loopback is kept. */
export function configured(addresses: ResolvedAddress[], families: Families): ResolvedAddress[] {
  return addresses.filter(
    ({ address, family }) => isLoopback(address) || (family === 4 ? families.inet : families.inet6),
  );
}

/**
 * In the order in which they should be tried: IPv6 first, as RFC 6724 has it, but after IPv4 where the namespace has no
 * address to reach it from. Else as they came.
 */
export function inOrder(addresses: ResolvedAddress[], families: Families): ResolvedAddress[] {
  const rank = ({ address, family }: ResolvedAddress) =>
    family === 4 ? 1 : reaches(address, families) ? 0 : 2;
  return [...addresses].sort((a, b) => rank(a) - rank(b));
}

function reaches(address: string, { inet6, global6, loopback6 }: Families): boolean {
  if (isLoopback(address)) return loopback6;
  return /^fe[89ab]/i.test(address) ? inet6 : global6;
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}
