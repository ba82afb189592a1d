import type { Call, Listing } from '../handles/listing.js';
import type { Family } from '../netlink/addresses.js';
import type { Change } from './watch.js';

/** A table of the kernel's that can be read. */
export interface View<T, Filter = Partial<T>> {
  /** Begun by the first await or loop. */
  list(filter?: Filter & Call): Listing<T>;
  /**
   * What is there, and then what changes. A slow reader gets the net change of each thing; nothing is queued. `break`,
   * return() and close() of the namespace end it quietly.
   */
  watch(filter?: Filter & Call & { snapshot?: boolean }): AsyncIterableIterator<Change<T>>;
  /** As iproute2 prints it. */
  describe(filter?: Filter & Call): Promise<string>;
}

/** A table that can be read and written. What `list()` yields, the others take. */
export interface Collection<Spec, T = Spec, Key = Spec> extends View<T, Partial<Spec> & { family?: Family }> {
  add(item: Spec, o?: Call): Promise<void>;
  replace(item: Spec, o?: Call): Promise<void>;
  delete(key: Key, o?: Call): Promise<void>;
}
