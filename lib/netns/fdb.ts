import type { Call, Listing } from '../handles/listing.js';
import type { Change, WatchOptions } from '../handles/view.js';
import { checkLinkRef } from '../links/devices.js';
import { type AnyNetns, type Internals, openInternals } from '../namespaces/network.js';
import { AF } from '../netlink/constants.js';
import type { NeighbourMessage } from '../rtnetlink/neighbour.js';
import { checkKeys, checkObject, checkSignal } from '../syscalls/validate.js';
import type { Collection } from './collection.js';
import {
  checkFdbEntry,
  checkFdbState,
  describeFdbEntry,
  FDB_KEYS,
  type FdbEntry,
  type FdbSpec,
  fdbEntryOf,
  fdbMessage,
  isForMany,
} from './fdb-entry.js';
import { type AltNames, matches } from './filter.js';
import { changeNeighbour, dumpNeighbours, listNeighbours } from './neighbour-table.js';
import { watchTable } from './watch.js';
import { watchedFdb } from './watched.js';

/** Which entries. */
export type FdbFilter = Omit<Partial<FdbSpec>, 'via'> & Call;

const HINTS: Record<string, string> = {
  EEXIST: 'There is such an entry; replace() takes its place',
  ENOENT: 'There is no such entry',
  EOPNOTSUPP: 'The device has no forwarding table, or with `master` it is no port of a bridge',
  ENODEV: 'The link is gone',
  EINVAL: 'The device is none of Ethernet, or a VXLAN that needs a `destination`',
};

/** The forwarding tables of a namespace's bridges and VXLANs, and the addresses that other links listen to. */
export class Fdb implements Collection<FdbSpec, FdbEntry> {
  readonly #netns: AnyNetns;

  constructor(netns: AnyNetns) {
    this.#netns = netns;
  }

  /**
   * EEXIST if the table has one for that `mac` (and `vlan`). Of a VXLAN an address of a group, and all zeros, may have
   * several destinations: each is added to the others, as `bridge fdb append` does, and one that is there already is
   * no error.
   */
  add(item: FdbSpec, o: Call = {}): Promise<void> {
    return this.#change('add', item, o);
  }

  /** Adds it, or takes the place of the one for that `mac`; where there may be several destinations, as add(). */
  replace(item: FdbSpec, o: Call = {}): Promise<void> {
    return this.#change('replace', item, o);
  }

  /**
   * By `device`, `mac`, `vlan` and table; all destinations unless one is given. ENOENT if there is none for the `mac`;
   * of a destination that is not among others Linux says nothing.
   */
  delete(item: FdbSpec, o: Call = {}): Promise<void> {
    return this.#change('delete', item, o);
  }

  list(filter: FdbFilter = {}): Listing<FdbEntry> {
    const inner = openInternals(this.#netns);
    checkFilter(filter, inner);
    const reading = { table: { family: AF.BRIDGE }, entryOf: fdbEntryOf, wanted: isWanted(filter) };
    return listNeighbours(inner, reading, filter.signal);
  }

  /** What a bridge or a VXLAN learns, too. Of other links' own addresses the kernel does not tell all. */
  watch({ snapshot, ...filter }: FdbFilter & WatchOptions = {}): AsyncIterableIterator<Change<FdbEntry>> {
    const inner = openInternals(this.#netns);
    checkFilter(filter, inner);
    const { signal } = filter;
    const dump = (decode: (message: NeighbourMessage) => NeighbourMessage, read?: AbortSignal) =>
      dumpNeighbours(inner, { family: AF.BRIDGE }, decode, read);
    const what = watchedFdb(inner, dump, fdbEntryOf, isWanted(filter));
    return watchTable(inner, what, { snapshot, signal }, (entry) => entry);
  }

  /** As `bridge fdb show` prints them, a line each. */
  async describe(filter: FdbFilter = {}): Promise<string> {
    let text = '';
    for await (const entry of this.list(filter)) text += `${describeFdbEntry(entry)}\n`;
    return text;
  }

  async #change(mode: 'add' | 'replace' | 'delete', item: FdbSpec, { signal }: Call): Promise<void> {
    const inner = openInternals(this.#netns);
    checkFdbEntry(item);
    checkSignal(signal);
    const given = { ...item };
    const appends = mode !== 'delete' && given.destination !== undefined && isForMany(given.mac);
    await changeNeighbour(inner, {
      mode: appends ? 'append' : mode,
      devices: { device: given.device, via: given.via },
      body: (indexOf) => fdbMessage(given, indexOf),
      subject: `forwarding entry ${given.mac}`,
      hints: HINTS,
      signal,
    });
  }
}

function isWanted({ signal: _signal, mac, ...wanted }: FdbFilter) {
  const exact = { ...wanted, mac: mac?.toLowerCase() };
  return (entry: FdbEntry, { index }: NeighbourMessage, altNames?: AltNames): boolean =>
    matches(entry, exact, index, altNames);
}

function checkFilter(filter: FdbFilter, inner: Internals): void {
  checkObject('filter', filter);
  checkKeys('filter', filter, [...FDB_KEYS.filter((key) => key !== 'via'), 'signal']);
  checkSignal(filter.signal);
  if (filter.device !== undefined) checkLinkRef(filter.device, inner, 'device');
  if (filter.state !== undefined) checkFdbState(filter.state);
}
