import { invalidValue } from '../syscalls/validate.js';
import { canonicalName, isLocalhost } from './hostname.js';
import { checkEntry } from './hosts.js';
import { literal } from './literal.js';

/** Host names, each with its address or addresses. */
export type Hosts = ReadonlyMap<string, string | readonly string[]>;

/**
 * The text of a hosts(5) file: these names first, then `base` without them, so that nobody finds two answers for one of
 * them. 'localhost' stays what it is, as for netns.lookup. Throws ERR_INVALID_ARG_TYPE or ERR_INVALID_ARG_VALUE for what
 * no such file can hold.
 */
export function hostsText(hosts: Hosts, base: string): string {
  const own = new Set<string>();
  const lines: string[] = [];
  for (const [key, value] of hosts) {
    const name = canonicalName(key);
    if (isLocalhost(name)) continue;
    if (!/^[^\s#\0]+$/.test(name))
      throw invalidValue('a key of netns.hosts', 'a name without blanks and #', key);
    own.add(name);
    for (const { address } of checkEntry(key, value)) lines.push(`${address}\t${name}`);
  }
  for (const line of base.split('\n')) {
    const [content = ''] = line.split('#');
    const [address, ...names] = content.split(/\s+/).filter((word) => word !== '');
    const others = names.filter((name) => !own.has(canonicalName(name)));
    if (others.length === names.length) lines.push(line);
    else if (others.length > 0) lines.push([address, ...others].join('\t'));
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

/** The text of a resolv.conf(5): these servers, and what `base` says besides. Throws as above. */
export function resolvText(nameservers: readonly string[], base: string): string {
  const lines = nameservers.map((address) => {
    if (!literal(address)) throw invalidValue('nameservers', 'IP addresses', address);
    return `nameserver ${address}`;
  });
  const rest = base.split('\n').filter((line) => !/^nameserver\s/.test(line));
  return `${[...lines, ...rest].join('\n').trimEnd()}\n`;
}
