import type { Call, Listing } from '../handles/listing.js';
import type { Change, WatchOptions } from '../handles/view.js';
import { checkLinkRef } from '../links/devices.js';
import { type AnyNetns, type Internals, openInternals } from '../namespaces/network.js';
import { type Family, familyNumber } from '../netlink/addresses.js';
import { NTF } from '../rtnetlink/constants.js';
import type { NeighbourMessage } from '../rtnetlink/neighbour.js';
import { checkBoolean, checkKeys, checkObject, checkSignal, invalidValue } from '../syscalls/validate.js';
import type { Collection } from './collection.js';
import { type AltNames, checkFamily, matches } from './filter.js';
import {
  checkNeighbour,
  checkNeighbourState,
  describeNeighbour,
  NEIGHBOUR_KEYS,
  type Neighbour,
  type NeighbourSpec,
  type NeighbourState,
  neighbourMessage,
  neighbourOf,
} from './neighbour.js';
import { changeNeighbour, dumpNeighbours, listNeighbours } from './neighbour-table.js';
import { watchTable } from './watch.js';
import { watchedNeighbours } from './watched.js';

/**
 * Which neighbours. As `ip neigh`: without those of the state 'noarp' and 'none', unless `state` asks for one of these
 * or for 'all'; and with `proxy: true` the proxies alone.
 */
export type NeighbourFilter = Omit<Partial<NeighbourSpec>, 'state'> & {
  family?: Family;
  state?: NeighbourState | 'all';
} & Call;

const HINTS: Record<string, string> = {
  EEXIST: 'There is such a neighbour; replace() takes its place',
  ENOENT: 'There is no such neighbour',
  EINVAL: 'It needs a `mac` as long as those of its device, unless its `state` says that none is known',
  ENODEV: 'The link is gone',
};

/** The neighbours of a namespace: ARP's table, and that of IPv6's neighbour discovery. */
export class Neighbours implements Collection<NeighbourSpec, Neighbour> {
  readonly #netns: AnyNetns;

  constructor(netns: AnyNetns) {
    this.#netns = netns;
  }

  /** EEXIST if the link has one with that address, also if the kernel found it; of a proxy never. */
  add(item: NeighbourSpec, o: Call = {}): Promise<void> {
    return this.#change('add', item, o);
  }

  /** Adds it, or takes the place of the one with that address. */
  replace(item: NeighbourSpec, o: Call = {}): Promise<void> {
    return this.#change('replace', item, o);
  }

  /** By `device`, `address` and `proxy`; ENOENT if there is none. */
  delete(item: NeighbourSpec, o: Call = {}): Promise<void> {
    return this.#change('delete', item, o);
  }

  list(filter: NeighbourFilter = {}): Listing<Neighbour> {
    const inner = openInternals(this.#netns);
    checkFilter(filter, inner);
    const reading = { table: tableOf(filter), entryOf: neighbourOf, wanted: isWanted(filter) };
    return listNeighbours(inner, reading, filter.signal);
  }

  /** The kernel is silent about proxies: they cannot be watched. */
  watch({
    snapshot,
    ...filter
  }: NeighbourFilter & WatchOptions = {}): AsyncIterableIterator<Change<Neighbour>> {
    const inner = openInternals(this.#netns);
    checkFilter(filter, inner);
    if (filter.proxy) throw invalidValue('proxy', 'no proxies, which the kernel does not tell of,', true);
    const { signal } = filter;
    const dump = (decode: (message: NeighbourMessage) => NeighbourMessage, read?: AbortSignal) =>
      dumpNeighbours(inner, tableOf(filter), decode, read);
    const what = watchedNeighbours(inner, dump, neighbourOf, isWanted(filter));
    return watchTable(inner, what, { snapshot, signal }, (neighbour) => neighbour);
  }

  /** As `ip neigh` prints them, a line each. */
  async describe(filter: NeighbourFilter = {}): Promise<string> {
    let text = '';
    for await (const neighbour of this.list(filter)) text += `${describeNeighbour(neighbour)}\n`;
    return text;
  }

  async #change(mode: 'add' | 'replace' | 'delete', item: NeighbourSpec, { signal }: Call): Promise<void> {
    const inner = openInternals(this.#netns);
    const family = checkNeighbour(item, mode !== 'delete');
    checkSignal(signal);
    const given = { ...item };
    await changeNeighbour(inner, {
      mode,
      devices: { device: item.device },
      body: (indexOf) => neighbourMessage(family, indexOf(given.device), given),
      subject: `neighbour ${item.address}`,
      hints: HINTS,
      signal,
    });
  }
}

function tableOf({ family, proxy }: NeighbourFilter): { family: number; flags: number } {
  return { family: family ? familyNumber(family) : 0, flags: proxy ? NTF.PROXY : 0 };
}

function isWanted({ signal: _signal, state, proxy, mac, ...wanted }: NeighbourFilter) {
  const exact = { ...wanted, mac: mac?.toLowerCase() };
  return (neighbour: Neighbour, message: NeighbourMessage, altNames?: AltNames): boolean => {
    if ((neighbour.proxy ?? false) !== (proxy ?? false)) return false;
    const quiet = neighbour.state === 'noarp' || neighbour.state === 'none';
    const shown = state === undefined ? !quiet : state === 'all' || neighbour.state === state;
    return (shown || proxy === true) && matches(neighbour, exact, message.index, altNames);
  };
}

function checkFilter(filter: NeighbourFilter, inner: Internals): void {
  checkObject('filter', filter);
  checkKeys('filter', filter, [...NEIGHBOUR_KEYS, 'signal']);
  checkSignal(filter.signal);
  if (filter.family !== undefined) checkFamily(filter.family);
  if (filter.device !== undefined) checkLinkRef(filter.device, inner, 'device');
  if (filter.state !== undefined && filter.state !== 'all') checkNeighbourState(filter.state);
  if (filter.proxy !== undefined) checkBoolean('proxy', filter.proxy);
}
