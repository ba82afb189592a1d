import type { Internals } from '../namespaces/network.js';
import { describeHop, type Hop } from './hop.js';
import { Run } from './run.js';
import { Tracer } from './tracer.js';
import {
  checkTracerouteOptions,
  type TracerouteOptions,
  type TracerouteSettings,
} from './traceroute-options.js';

export type { Hop, Probe } from './hop.js';
export type { TracerouteOptions } from './traceroute-options.js';

const HEADERS = { inet: 28, inet6: 48 } as const;

/**
 * The way to a host, begun by the first await or loop. Looped over it gives each hop, in order, as soon as all of its
 * requests are decided; awaited it is the list of them; both may be done, in either order. A second loop throws.
 *
 * Leaving the loop ends it, as does closing the namespace: the list is then of the hops until then.
 */
export class TracerouteRun extends Run<Hop, Hop[]> {
  protected readonly values = 'The hops of a traceroute';
  readonly #settings: TracerouteSettings;

  constructor(inner: Internals, settings: TracerouteSettings) {
    super((outlet) => new Tracer(inner, settings, outlet));
    this.#settings = settings;
  }

  /** Once it is over, the text that traceroute(8) -n prints; '!N', '!H', '!X', '!F-1400' behind a time say unreachable. */
  async describe(): Promise<string> {
    const hops = await this;
    const { host, maxHops, size } = this.#settings;
    const end = hops.at(-1);
    const known = host.address?.text ?? (end?.reached ? end.from : undefined);
    const family = host.family ?? (hops.some(({ from }) => from?.includes(':')) ? 'inet6' : 'inet');
    const to = `${host.text}${known === undefined ? '' : ` (${known})`}`;
    const title = `traceroute to ${to}, ${maxHops} hops max, ${size + HEADERS[family]} byte packets`;
    return [title, ...hops.map(describeHop)].join('\n');
  }
}

/**
 * The routers on the way to a host, by echo requests of growing TTL, or hop limit, as `traceroute -I`. Several hops
 * are asked for at once; beyond the destination, or where a router says that it is unreachable, nothing is.
 *
 * A Linux router says no more than six times in a row, and then once a second for each destination, that a TTL came to
 * nothing (sysctl net.ipv4.icmp_ratelimit, net.ipv6.icmp.ratelimit): what it leaves unsaid is 'lost'.
 *
 * Throws and rejects as ping(). Hears nothing of routers, and is useless, where there is only a ping socket.
 */
export function traceroute(inner: Internals, host: string, options: TracerouteOptions = {}): TracerouteRun {
  return new TracerouteRun(inner, checkTracerouteOptions(host, options));
}
