import { untilGivenUp } from '../namespaces/give-up.js';
import type { Internals } from '../namespaces/network.js';
import { checkSignal, checkString, invalidValue } from '../syscalls/validate.js';
import { adviceOn, askerOf, findAddresses } from './dns.js';
import { lookupError } from './errors.js';
import { configured, familiesOf, inOrder } from './families.js';
import { canonicalName, isHostName, isLocalhost, isNeverAsked } from './hostname.js';
import { hostsLookup } from './hosts.js';
import { literal, numericIPv4, type ResolvedAddress } from './literal.js';
import { Names } from './names.js';

export type { ResolvedAddress };

/** Which addresses are wanted, and in what order. */
export interface LookupWish {
  /** 4 or 6; 0, the default, for both. */
  family?: 0 | 4 | 6;
  /** Only of families that the namespace has addresses of. */
  configured?: boolean;
  /** Of a name without IPv6 addresses, where IPv6 is wanted: its IPv4 addresses, as '::ffff:192.0.2.1'. */
  mapped?: boolean;
  /** Default 'verbatim': as they should be tried. */
  order?: 'verbatim' | 'ipv4first' | 'ipv6first';
  signal?: AbortSignal;
}

const LOCALHOST: readonly ResolvedAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

/**
 * The addresses of a host name in a namespace, in the order in which they should be tried; at least one, but none for
 * ''. An IP address is answered as it is, whatever family is wanted.
 *
 * Asked in turn: 'localhost', `netns.hosts`, /etc/netns/<name>/hosts, then nameservers, from inside the namespace. Rejects
 * with ENOTFOUND, EAI_AGAIN where no nameserver has answered, ERR_NSNET_CLOSED, an AbortError; ERR_INVALID_ARG_VALUE for
 * an entry of `netns.hosts` that is no address.
 */
export async function lookupAll(
  inner: Internals,
  hostname: string,
  wish: LookupWish = {},
): Promise<ResolvedAddress[]> {
  checkString('hostname', hostname);
  const { family = 0, signal } = wish;
  if (family !== 0 && family !== 4 && family !== 6) throw invalidValue('family', '0, 4 or 6', family);
  checkSignal(signal);
  return untilGivenUp(inner, { signal }, async (stopped) => {
    if (hostname === '') return [];
    const itself = literal(hostname) ?? numericIPv4(hostname);
    if (itself) return [itself];
    const known = (await find(inner, hostname, wish, stopped)).filter(
      (one, i, all) => all.findIndex(({ address }) => address === one.address) === i,
    );
    const fits = select(known, wish);
    const found = await arrange(inner, fits, wish, stopped);
    if (found.length === 0) throw lookupError(inner, hostname, 'ENOTFOUND');
    return found;
  });
}

/** All addresses of a name that are known; from nameservers those that are wanted. */
async function find(
  inner: Internals,
  hostname: string,
  { family = 0, mapped }: LookupWish,
  stopped: AbortSignal,
): Promise<readonly ResolvedAddress[]> {
  const name = canonicalName(hostname);
  if (isLocalhost(name)) return LOCALHOST;
  const known = await hostsLookup(Names.of(inner), name);
  stopped.throwIfAborted();
  if (known) return known;
  if (!isHostName(name) || isNeverAsked(name)) return [];
  const families = family === 0 || (family === 6 && mapped) ? ([4, 6] as const) : [family];
  const asker = await askerOf(inner, stopped);
  const { addresses, failures, settings } = await findAddresses(asker, hostname, name, families);
  if (!failures) return addresses;
  const hint = `${adviceOn(failures, settings)}. A name that needs no nameserver: netns.hosts.set(name, address)`;
  throw lookupError(inner, hostname, 'EAI_AGAIN', { hint });
}

function select(known: readonly ResolvedAddress[], { family = 0, mapped }: LookupWish): ResolvedAddress[] {
  const fits = known.filter((one) => family === 0 || one.family === family);
  if (fits.length > 0 || family !== 6 || !mapped) return fits;
  return known.map(({ address }) => ({ address: `::ffff:${address}`, family: 6 }));
}

async function arrange(
  inner: Internals,
  found: ResolvedAddress[],
  { configured: onlyConfigured, order = 'verbatim' }: LookupWish,
  stopped: AbortSignal,
): Promise<ResolvedAddress[]> {
  const sorts = order === 'verbatim' && new Set(found.map(({ family }) => family)).size > 1;
  if (sorts || onlyConfigured) {
    const families = await familiesOf(inner, stopped);
    const fits = onlyConfigured ? configured(found, families) : found;
    if (order === 'verbatim') return inOrder(fits, families);
    return byFamily(fits, order);
  }
  return order === 'verbatim' ? found : byFamily(found, order);
}

function byFamily(found: ResolvedAddress[], order: 'ipv4first' | 'ipv6first'): ResolvedAddress[] {
  const first = order === 'ipv4first' ? 4 : 6;
  return [...found].sort((a, b) => Number(b.family === first) - Number(a.family === first));
}
