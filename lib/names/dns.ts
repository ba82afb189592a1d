import type { Internals } from '../namespaces/network.js';
import { type Asker, ask, type Failure, type Outcome } from './ask.js';
import { recordsOf } from './dns-message.js';
import { isHostName } from './hostname.js';
import { literal, type ResolvedAddress } from './literal.js';
import { Names, SHARED } from './names.js';
import { candidates, type ResolverSettings } from './resolv-conf.js';

/** Who asks in a namespace, by what its object says now. */
export async function askerOf(inner: Internals, stopped: AbortSignal): Promise<Asker> {
  const names = Names.of(inner);
  const settings = await names.settings();
  // The questions come after the requests that were issued before them.
  await inner.route.barrier();
  stopped.throwIfAborted();
  return { inner, settings, connect: names.connect, stopped };
}

/** What nameservers say of a host name. */
export interface Found {
  addresses: ResolvedAddress[];
  /** Without addresses: the nameservers that have not answered, if it is for that. */
  failures?: Failure[];
  settings: ResolverSettings;
}

/** The addresses of a host name, in the domains of the search list too, by nameservers. */
export async function findAddresses(
  asker: Asker,
  hostname: string,
  name: string,
  families: readonly (4 | 6)[],
): Promise<Found> {
  const { settings } = asker;
  let failures: Failure[] | undefined;
  for (const candidate of candidates(hostname, name, settings).filter(isHostName)) {
    const questions = families.map((family) => ({ name: candidate, type: typeOf(family) }));
    const outcomes = await ask(asker, questions);
    const addresses = outcomes.flatMap(({ response }, i) =>
      response === undefined
        ? []
        : recordsOf(response, questions[i]!).flatMap(({ data }) => addressOf(data, families[i])),
    );
    if (addresses.length > 0) return { addresses, settings };
    const silent = failuresOf(outcomes);
    failures ??= silent;
    // Nobody there to be asked: the next name would wait as long.
    if (silent?.every(({ code }) => code !== 'SERVFAIL')) break;
  }
  return { addresses: [], failures, settings };
}

function failuresOf(outcomes: Outcome[]): Failure[] | undefined {
  return outcomes.find(({ response }) => response === undefined)?.failures;
}

function typeOf(family: 4 | 6): 'A' | 'AAAA' {
  return family === 4 ? 'A' : 'AAAA';
}

function addressOf(data: unknown, family: 4 | 6 | undefined): ResolvedAddress[] {
  const address = literal(String(data));
  return address && address.family === family ? [address] : [];
}

/** What the nameservers have said, and what to do about it. */
export function adviceOn(failures: readonly Failure[], { source }: ResolverSettings): string {
  const said = failures.map(({ nameserver, code }) => `${nameserver}: ${WORDS[code] ?? code}`).join(', ');
  const asked = source === 'netns.nameservers' ? source : `The nameservers of ${source}`;
  const cure = source === SHARED ? `. ${CURE}` : '';
  return `${asked}, asked from inside the namespace: ${said}${cure}`;
}

const CURE =
  'Those of the host may not be reachable from there: set netns.nameservers, or /etc/netns/<name>/resolv.conf';

const WORDS: Readonly<Record<string, string>> = {
  ETIMEOUT: 'no answer',
  ECONNREFUSED: 'nobody listens there (ECONNREFUSED)',
  ENETUNREACH: 'no route (ENETUNREACH)',
};
