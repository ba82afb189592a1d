import { type Call, Listing } from '../handles/listing.js';
import type { Change, WatchOptions } from '../handles/view.js';
import {
  type Address,
  type AddressSpec,
  addressOf,
  addressRequest,
  checkAddressSpec,
} from '../links/addresses.js';
import { checkLinkRef, Devices } from '../links/devices.js';
import { dumpAddresses } from '../links/dump-addresses.js';
import { readNames } from '../links/read.js';
import { type AnyNetns, type Internals, openInternals } from '../namespaces/network.js';
import type { Family } from '../netlink/addresses.js';
import type { AddressMessage } from '../rtnetlink/address.js';
import { checkKeys, checkObject, checkSignal } from '../syscalls/validate.js';
import type { Collection } from './collection.js';
import { describeAddresses } from './describe.js';
import { checkFamily, matches } from './filter.js';
import { watchTable } from './watch.js';
import { watchedAddresses } from './watched.js';

/** Which addresses. */
export type AddressFilter = Partial<AddressSpec> & { family?: Family } & Call;

/** The addresses of a namespace's links. */
export class Addresses implements Collection<AddressSpec, Address> {
  readonly #netns: AnyNetns;

  constructor(netns: AnyNetns) {
    this.#netns = netns;
  }

  /** EEXIST if the link has it already. */
  add(item: AddressSpec, o: Call = {}): Promise<void> {
    return this.#change('add', item, o);
  }

  /** Adds it, or changes lifetimes and flags of the one that is there. */
  replace(item: AddressSpec, o: Call = {}): Promise<void> {
    return this.#change('replace', item, o);
  }

  /** EADDRNOTAVAIL if the link has no such address. */
  delete(item: AddressSpec, o: Call = {}): Promise<void> {
    return this.#change('delete', item, o);
  }

  list(filter: AddressFilter = {}): Listing<Address> {
    const inner = openInternals(this.#netns);
    checkFilter(filter, inner);
    const { signal, family, ...wanted } = filter;
    return new Listing(
      async () => {
        const names = readNames(inner, signal);
        const decode = (message: AddressMessage) => {
          const address = addressOf(message, names.nameOf(message.index) ?? String(message.index));
          return matches(address, wanted, message.index, names.altNamesOf) ? address : undefined;
        };
        const addresses = dumpAddresses(inner, family, decode, signal, names.ready);
        return (await Promise.all([addresses, names.ready]))[0];
      },
      inner.during,
      signal,
    );
  }

  watch({ snapshot, ...filter }: AddressFilter & WatchOptions = {}): AsyncIterableIterator<Change<Address>> {
    const inner = openInternals(this.#netns);
    checkFilter(filter, inner);
    const { signal, family, ...wanted } = filter;
    const what = watchedAddresses(
      inner,
      (decode, read) => dumpAddresses(inner, family, decode, read),
      (address, { index }) =>
        (family === undefined || address.family === family) && matches(address, wanted, index),
    );
    return watchTable(inner, what, { snapshot, signal }, (address) => address);
  }

  /** The links with their addresses, as `ip address` prints them. */
  async describe(filter: AddressFilter = {}): Promise<string> {
    const inner = openInternals(this.#netns);
    checkFilter(filter, inner);
    return describeAddresses(inner, filter);
  }

  async #change(mode: 'add' | 'replace' | 'delete', item: AddressSpec, { signal }: Call): Promise<void> {
    const inner = openInternals(this.#netns);
    checkAddressSpec(item);
    checkLinkRef(item.device, inner, 'device');
    checkSignal(signal);
    const devices = Devices.of(inner);
    const request = addressRequest(mode, () => devices.index(item.device), item, inner.subject);
    await inner.route.request({ ...request, prepare: (ask) => devices.prepare(item.device, ask), signal });
  }
}

function checkFilter(filter: AddressFilter, inner: Internals): void {
  checkObject('filter', filter);
  checkKeys('filter', filter, [
    'device',
    'address',
    'peer',
    'label',
    'valid',
    'preferred',
    'dad',
    'family',
    'scope',
    'signal',
  ]);
  checkSignal(filter.signal);
  if (filter.family !== undefined) checkFamily(filter.family);
  if (filter.device !== undefined) checkLinkRef(filter.device, inner, 'device');
}
