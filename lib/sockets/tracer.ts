import type { Internals } from '../namespaces/network.js';
import type { Echo } from './echo.js';
import { type Hop, hopOf, type Probe } from './hop.js';
import { Pinger } from './pinger.js';
import type { Outlet, Running } from './run.js';
import type { TracerouteSettings } from './traceroute-options.js';

/** One traceroute: pings of growing TTL, several hops at once, up to the first that is the last. */
export class Tracer implements Running<Hop[]> {
  readonly done: Promise<Hop[]>;
  readonly #settings: TracerouteSettings;
  readonly #outlet: Outlet<Hop>;
  readonly #pinger: Pinger;
  /** Of hops that are not complete, by number. */
  readonly #open = new Map<number, (Probe | undefined)[]>();
  readonly #hops: Hop[] = [];
  /** The next to be told. */
  #next: number;
  /** The smallest that the way is known to end at. */
  #last: number;

  constructor(inner: Internals, settings: TracerouteSettings, outlet: Outlet<Hop>) {
    this.#settings = settings;
    this.#outlet = outlet;
    this.#next = settings.firstHop;
    this.#last = settings.maxHops;
    const isFull = () => this.#isFull();
    this.#pinger = new Pinger(inner, settings, {
      decided: (echo, rtt) => this.#decided(echo, rtt),
      get full() {
        return isFull();
      },
    });
    this.done = this.#pinger.done.then(() => this.#hops);
    this.done.catch(() => {});
  }

  stop(): void {
    this.#pinger.stop();
  }

  resume(): void {
    this.#pinger.resume();
  }

  /** Beyond where the way ends there is nothing to ask. */
  #isFull(): boolean {
    return this.#outlet.full || this.#settings.ttl(this.#pinger.sent + 1) > this.#last;
  }

  #decided(echo: Echo, rtt: number | undefined): void {
    if (echo.type === 'duplicate') return;
    const { queries, ttl } = this.#settings;
    const hop = ttl(echo.sequence);
    const probes = this.#open.get(hop) ?? new Array<Probe | undefined>(queries).fill(undefined);
    this.#open.set(hop, probes);
    probes[(echo.sequence - 1) % queries] = probeOf(echo, rtt);
    if (echo.type === 'reply' || echo.type === 'unreachable') this.#last = Math.min(this.#last, hop);
    this.#tell();
  }

  /** Hops are told in their order. */
  #tell(): void {
    for (; this.#next <= this.#last; this.#next++) {
      const probes = this.#open.get(this.#next);
      if (!probes?.every((probe) => probe !== undefined)) return;
      this.#open.delete(this.#next);
      const hop = hopOf(this.#next, probes as Probe[]);
      this.#hops.push(hop);
      this.#outlet.put(hop);
    }
    this.#pinger.stop();
  }
}

function probeOf(echo: Exclude<Echo, { type: 'duplicate' }>, rtt: number | undefined): Probe {
  if (echo.type === 'lost') return { type: 'lost' };
  const time = rtt === undefined ? {} : { rtt };
  if (echo.type !== 'unreachable') return { type: echo.type, from: echo.from, ...time };
  const { type, from, reason, mtu } = echo;
  return { type, from, ...time, ...(reason && { reason }), ...(mtu !== undefined && { mtu }) };
}
