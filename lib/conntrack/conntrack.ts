import { type Call, Listing } from '../handles/listing.js';
import type { Internals } from '../namespaces/network.js';
import type { Family } from '../netlink/addresses.js';
import { abortError } from '../syscalls/errors.js';
import { checkKeys, checkObject, checkSignal, needs } from '../syscalls/validate.js';
import { describeEntry } from './describe.js';
import type { ConntrackEntry } from './entry.js';
import { type ConntrackFilter, checkFamily, checkFilter } from './filter.js';
import { flush } from './flush.js';
import { find, removeAll } from './table.js';

/**
 * The connections that a namespace tracks: as soon as a rule of its firewall asks for the state of connections, or
 * translates addresses. Reading needs CAP_NET_ADMIN in the user namespace that owns it, as deleting does.
 */
export class Conntrack {
  readonly #inner: Internals;

  /** @internal */
  constructor(inner: Internals) {
    this.#inner = inner;
  }

  /** As `conntrack -L`, of both families. The table goes on changing while it is read. */
  list(filter: ConntrackFilter & Call = {}): Listing<ConntrackEntry> {
    const { signal, ...rest } = checkCall(filter);
    const checked = checkFilter(rest);
    const read = async () => (await find(this.#inner, checked, signal)).map(({ entry }) => entry);
    return new Listing(read, this.#inner.during, signal);
  }

  /** As `conntrack -L` prints them. */
  async describe(filter: ConntrackFilter & Call = {}): Promise<string> {
    return (await this.list(filter)).map(describeEntry).join('');
  }

  /**
   * Deletes those that match, as `conntrack -D`, and resolves to how many that were: what comes next is a new connection to
   * the firewall. The filter has to say something: all of them is flush(). What goes meanwhile does not count, and is no
   * error.
   */
  async delete(filter: ConntrackFilter, { signal }: Call = {}): Promise<number> {
    checkSignal(signal);
    if (checkFilter(filter).all)
      throw needs('delete()', 'a filter that says something; all are deleted by flush()');
    if (signal?.aborted) throw abortError(signal);
    return this.#inner.during(flush(this.#inner, filter, signal));
  }

  /** Deletes all, or all of a family (Linux 4.20), in one request: `conntrack -F`. */
  async flush(options: { family?: Family } & Call = {}): Promise<void> {
    const { signal, ...rest } = checkCall(options);
    checkKeys('options', rest, ['family']);
    checkFamily(rest.family);
    if (signal?.aborted) throw abortError(signal);
    await this.#inner.during(removeAll(this.#inner, rest.family, signal));
  }
}

function checkCall<T extends Call>(options: T): T {
  checkObject('options', options);
  checkSignal(options.signal);
  return options;
}
