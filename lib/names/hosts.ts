import { invalidType, invalidValue } from '../syscalls/validate.js';
import { canonicalAddress, literal, type ResolvedAddress } from './literal.js';
import type { Names } from './names.js';

/**
 * The addresses of a name in its usual form by `netns.hosts`, then by /etc/netns/<name>/hosts; undefined where neither
 * has it. A name that is entered without an address has none. Rejects with ERR_INVALID_ARG_TYPE or
 * ERR_INVALID_ARG_VALUE for an entry that is no address.
 */
export async function hostsLookup(names: Names, name: string): Promise<ResolvedAddress[] | undefined> {
  const entered = names.entered(name);
  if (entered) return checkEntry(...entered);
  return (await names.hostsFile())?.addresses.get(name);
}

/** The names of an address, by the same two. */
export async function hostsReverse(names: Names, ip: string): Promise<string[]> {
  const address = canonicalAddress(ip);
  const entered = [...names.hosts].filter(([name, value]) =>
    checkEntry(name, value).some((known) => canonicalAddress(known.address) === address),
  );
  if (entered.length > 0) return entered.map(([name]) => name);
  return (await names.hostsFile())?.names.get(address) ?? [];
}

/** The addresses of an entry of `netns.hosts`. */
export function checkEntry(name: string, value: unknown): ResolvedAddress[] {
  const entry = `netns.hosts.get('${name}')`;
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.map((text) => {
    if (typeof text !== 'string') throw invalidType(entry, 'an IP address, or an array of them,', text);
    const address = literal(text);
    if (!address) throw invalidValue(entry, 'an IP address, or an array of them,', text);
    return address;
  });
}
