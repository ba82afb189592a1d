import { canonicalName, isDomainName } from './hostname.js';
import { type Nameserver, nameserverAt } from './nameserver.js';

/** How nameservers are asked: what resolv.conf(5) can say. */
export interface ResolverSettings {
  nameservers: Nameserver[];
  /** Domains that a name with few dots may be in. */
  search: string[];
  /** From so many dots on, a name is tried as it is before the search list. */
  ndots: number;
  /** Milliseconds that one nameserver is waited for. */
  timeout: number;
  /** How often each is asked. */
  attempts: number;
  /** Begin with another one each time. */
  rotate: boolean;
  /** By TCP only. */
  tcp: boolean;
  /** One question after the other. */
  oneByOne: boolean;
  /** Asks for the AD flag. */
  trustAd: boolean;
  /** Where this comes from, for messages: 'netns.nameservers', or a file. */
  source: string;
}

/** More nameservers in a file are not asked (MAXNS). */
const MOST_NAMESERVERS = 3;

/** What the C library allows (RES_MAXNDOTS, RES_MAXRETRANS, RES_MAXRETRY), and takes where nothing is said. */
const NUMBERS: Readonly<Record<string, readonly [lowest: number, usual: number, highest: number]>> = {
  ndots: [0, 1, 15],
  timeout: [1, 5, 30],
  attempts: [1, 2, 5],
};

/** Of a file without a nameserver, and with nothing: the nameserver of the namespace itself. */
const LOCAL: Nameserver = { address: '127.0.0.1', family: 4, port: 53 };

/** What is so where nothing is said. */
export function usualSettings(nameservers: Nameserver[], source: string): ResolverSettings {
  return {
    nameservers: nameservers.length > 0 ? nameservers : [LOCAL],
    search: [],
    ndots: 1,
    timeout: 5000,
    attempts: 2,
    rotate: false,
    tcp: false,
    oneByOne: false,
    trustAd: false,
    source,
  };
}

/**
 * Reads a resolv.conf (resolv.conf(5)). What cannot be read is skipped, as the C library does. Without `search` and
 * `domain` no domain is searched: this machine's own name means nothing in a namespace.
 */
export function parseResolvConf(text: string, source: string): ResolverSettings {
  const nameservers: Nameserver[] = [];
  let search: string[] = [];
  const options: string[] = [];
  for (const line of text.split('\n')) {
    if (/^[#;]/.test(line)) continue;
    const [keyword, ...words] = line.trim().split(/\s+/);
    if (keyword === 'nameserver') {
      const server = nameserverAt(words[0] ?? '');
      if (server && nameservers.length < MOST_NAMESERVERS) nameservers.push(server);
    } else if (keyword === 'search') search = words;
    else if (keyword === 'domain') search = words.slice(0, 1);
    else if (keyword === 'options') options.push(...words);
  }
  const has = (option: string) => options.includes(option);
  return {
    ...usualSettings(nameservers, source),
    search: search.map(canonicalName).filter(isDomainName),
    ndots: numberOf('ndots', options),
    timeout: numberOf('timeout', options) * 1000,
    attempts: numberOf('attempts', options),
    rotate: has('rotate'),
    tcp: has('use-vc') || has('usevc'),
    oneByOne: has('single-request') || has('single-request-reopen'),
    trustAd: has('trust-ad'),
  };
}

function numberOf(name: 'ndots' | 'timeout' | 'attempts', options: string[]): number {
  const [lowest, usual, highest] = NUMBERS[name]!;
  const given = options.findLast((option) => new RegExp(`^${name}:\\d+$`).test(option));
  if (given === undefined) return usual;
  return Math.min(Math.max(Number(given.slice(name.length + 1)), lowest), highest);
}

/** The names to ask for, in turn: with the domains of the search list, and as it is. */
export function candidates(hostname: string, name: string, { search, ndots }: ResolverSettings): string[] {
  if (hostname.endsWith('.')) return [name];
  const searched = search.map((domain) => `${name}.${domain}`).filter(isDomainName);
  const dots = name.split('.').length - 1;
  return dots >= ndots ? [name, ...searched] : [...searched, name];
}
