import { canonicalName } from './hostname.js';
import { canonicalAddress, literal, type ResolvedAddress } from './literal.js';

/** What a hosts file says. */
export interface HostsFile {
  /** Addresses by name, in the order of the file. */
  addresses: Map<string, ResolvedAddress[]>;
  /** Names by address, the official one first. */
  names: Map<string, string[]>;
}

/** Reads a hosts file (hosts(5)). Lines that do not begin with an address are skipped, as the C library does. */
export function parseHosts(text: string): HostsFile {
  const addresses = new Map<string, ResolvedAddress[]>();
  const names = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [first = '', ...rest] = line.replace(/#.*/s, '').trim().split(/\s+/);
    const address = literal(first);
    if (!address) continue;
    for (const name of rest) {
      push(names, canonicalAddress(first), name);
      const known = addresses.get(canonicalName(name));
      if (!known?.some((other) => other.address === address.address)) {
        push(addresses, canonicalName(name), address);
      }
    }
  }
  return { addresses, names };
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const values = map.get(key);
  if (values) values.push(value);
  else map.set(key, [value]);
}
