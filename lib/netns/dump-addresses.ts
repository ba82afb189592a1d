import type { Internals } from '../namespaces/network.js';
import { type Family, familyNumber } from '../netlink/addresses.js';
import { address as codec } from '../rtnetlink/address.js';
import { RTM } from '../rtnetlink/constants.js';

/** The addresses of all links, of one family or both. */
export function dumpAddresses(inner: Internals, family: Family | undefined, signal?: AbortSignal) {
  return inner.route.dump({
    name: 'RTM_GETADDR',
    type: RTM.GETADDR,
    flags: 0,
    codec,
    body: { family: family ? familyNumber(family) : 0 },
    subject: inner.subject,
    signal,
  });
}
