// Makes what `ip -j` prints in two places comparable.
import type { Printed } from './inside.js';

/** What differs from one making of the same thing to the next. */
const ACCIDENTAL = ['ifindex', 'link_index', 'address', 'link_netnsid', 'link_netns'];

const isLinkLocal = ({ local }: Printed) => /^fe80:/.test(local);

/**
 * Without numbers, MAC addresses and what follows from these: link-local addresses and the routes to them. Of a
 * veth's far end remains whether it is in the same namespace.
 */
export function comparable(printed: Printed[]): Printed[] {
  return printed
    .map((entry) => {
      const { addr_info, ...rest } = entry;
      const elsewhere = 'link_netnsid' in rest || 'link_netns' in rest;
      for (const key of ACCIDENTAL) delete rest[key];
      if (elsewhere) rest.elsewhere = true;
      if (addr_info) rest.addr_info = addr_info.filter((address: Printed) => !isLinkLocal(address));
      return rest;
    })
    .filter(({ dst = '' }) => !dst.startsWith('fe80:') || dst.includes('/'));
}
