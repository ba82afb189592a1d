import type { RouteSpec } from 'nsnet';
import { formatAddress, parseAddress } from '../../../lib/netlink/addresses.js';

const canonical = (gateway?: string) => gateway && formatAddress(parseAddress(gateway).bytes);

/** Where a route leads: gateways in canonical form, with their weights. */
export function gatewaysOf({ gateway, nextHops }: RouteSpec): object {
  return {
    gateway: canonical(gateway),
    nextHops: nextHops?.map((hop) => ({ gateway: canonical(hop.gateway), weight: hop.weight ?? 1 })),
  };
}
