import { altNamesRequest } from '../links/requests.js';
import type { Internals } from '../namespaces/network.js';
import { NsnetError } from '../syscalls/errors.js';
import type { Fd } from '../syscalls/fd.js';
import { holdAddress } from './hold.js';
import { addressMark } from './marks.js';
import type { Settings } from './options.js';
import type { NetworkState } from './state.js';
import type { Subnet } from './subnet.js';

/** How long a reading of a network's leases is used to guess which address is free, in milliseconds… */
const FRESH = 50;
/** …and, of many, in the times that it took: no more than a part of all work is reading. */
const TIMES = 20;

/** An address that was taken. Until `hold` is closed nobody else gets it, even if its device goes. */
export interface Lease {
  address: string;
  hold: Fd;
}

/**
 * Leases of one network. A lease is an alternative name of an endpoint's host end, unique in the namespace: two
 * processes that take the same address never both get it, and it is gone with the endpoint.
 */
export class Leases {
  readonly #inner: Internals;
  readonly #read: () => Promise<NetworkState>;
  #taken: Set<string> = new Set();
  #reading: Promise<void> | undefined;
  #until = 0;

  /** `read` gives the network as it is now. */
  constructor(inner: Internals, read: () => Promise<NetworkState>) {
    this.#inner = inner;
    this.#read = read;
  }

  /** A lease of this address for a link; EADDRINUSE if another endpoint has it. */
  async takeThis(settings: Settings, address: string, index: number): Promise<Lease> {
    const taken = await this.#take(settings.name, address, index);
    if (typeof taken === 'object') return taken;
    throw new NsnetError('EADDRINUSE', 'address already in use', {
      subject: `address ${address} of network '${settings.name}' in ${this.#inner.subject}`,
      hint:
        taken === 'leased'
          ? 'Another endpoint of the network has this address'
          : 'Ports that are published still lead to this address: close() the endpoint that they are of',
    });
  }

  /** A lease of the first address that is free. */
  async takeFree(settings: Settings, subnet: Subnet, from: Subnet, index: number): Promise<Lease> {
    const gateway = subnet.family === 'inet' ? settings.gateway : settings.gateway6;
    await this.#refresh();
    const { from: first, to: last } = subnet.hosts;
    // The first two of a host's part are the part's own and its gateway's.
    const begin = settings.driver === 'vxlan' ? 2n : 0n;
    for (let place = begin; place < from.size; place++) {
      const address = from.at(place);
      if (address === gateway || this.#taken.has(address)) continue;
      const inSubnet = subnet.placeOf(address) as bigint;
      // The first is the gateway's, as Docker has it, also where there is none.
      if (inSubnet <= first || inSubnet > last) continue;
      const taken = await this.#take(settings.name, address, index);
      if (typeof taken === 'object') return taken;
    }
    throw new NsnetError('EADDRNOTAVAIL', 'address not available', {
      subject: `network '${settings.name}' in ${this.#inner.subject}`,
      hint: `All addresses of ${from} are taken`,
    });
  }

  /** An endpoint is gone: its addresses are free again. */
  free(...addresses: (string | undefined)[]): void {
    for (const address of addresses) if (address !== undefined) this.#taken.delete(address);
  }

  /** Who knows which are free. */
  forget(): void {
    this.#until = 0;
  }

  async #take(network: string, address: string, index: number): Promise<Lease | 'held' | 'leased'> {
    const inner = this.#inner;
    // At once, so that calls beside this one try the next.
    this.#taken.add(address);
    const hold = await holdAddress(inner, network, address);
    if (!hold) return 'held';
    const mark = addressMark(network, address);
    try {
      await inner.route.run(altNamesRequest('add', inner, () => index, [mark], inner.subject));
      return { address, hold };
    } catch (error) {
      await hold.close();
      if ((error as NsnetError).code === 'EEXIST') return 'leased';
      throw error;
    }
  }

  async #refresh(): Promise<void> {
    if (performance.now() < this.#until) return;
    this.#reading ??= this.#readThem().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  async #readThem(): Promise<void> {
    const during = new Set<string>();
    const before = this.#taken;
    // What is taken while it is read.
    this.#taken = new Set(before);
    const start = performance.now();
    const { endpoints } = await this.#read();
    for (const address of this.#taken) if (!before.has(address)) during.add(address);
    this.#taken = new Set([...during, ...endpoints.flatMap(({ addresses }) => addresses)]);
    const now = performance.now();
    this.#until = now + Math.max(FRESH, TIMES * (now - start));
  }
}
