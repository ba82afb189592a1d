import { canonicalName, isHostName } from '../names/hostname.js';
import { lookupAll } from '../names/lookup.js';
import type { Internals } from '../namespaces/network.js';
import type { Family } from '../netlink/addresses.js';
import { checkString, invalidValue } from '../syscalls/validate.js';
import { parseDestination, type ZonedAddress } from './zoned-address.js';

/** Where something goes: an address, or a name whose addresses are asked for when it is to go. */
export interface Destination {
  /** As it was given, an address in its usual form. */
  text: string;
  /** Of an address, or if a name's was asked for. */
  family?: Family;
  address?: ZonedAddress;
}

/** What the option `family` takes. */
export const FAMILIES = { 4: 'inet', 6: 'inet6' } as const;

/** What could be looked up. What ends in a number is an address, or was meant to be one. */
function isName(text: string): boolean {
  const name = canonicalName(text);
  return isHostName(name) && !/(^|\.)\d+$/.test(name);
}

/** Reads an address, a link-local one with its zone, or a host name. `family` is what is wanted of a name. */
export function parseHost(argument: string, text: unknown, family?: Family): Destination {
  checkString(argument, text);
  if (isName(text)) return { text, family };
  const address = parseDestination(argument, text, 'an IPv4 or IPv6 address, or a host name,');
  if (family !== undefined && address.family !== family) {
    throw invalidValue(
      argument,
      `an ${family === 'inet' ? 'IPv4' : 'IPv6'} address, as the family says,`,
      text,
    );
  }
  return { text: address.text, family: address.family, address };
}

/** The address; of a name the first that there is, looked up inside. */
export async function resolveHost(
  inner: Internals,
  { text, family, address }: Destination,
  signal?: AbortSignal,
): Promise<ZonedAddress> {
  if (address) return address;
  const number = family === undefined ? 0 : family === 'inet' ? 4 : 6;
  const [first] = await lookupAll(inner, text, { family: number, signal });
  return parseDestination(text, first?.address);
}
