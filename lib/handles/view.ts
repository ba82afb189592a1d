import type { Call, Listing } from './listing.js';

/** One thing that is other than it was when the reader last heard of it. */
export type Change<T> =
  | { type: 'added'; value: T /** Was there when the watch began. */; initial: boolean }
  | { type: 'changed'; value: T; previous: T }
  | { type: 'removed'; value: T };

export interface WatchOptions extends Call {
  /** Whether what is there already comes first, as `added` with `initial`. Default true. */
  snapshot?: boolean;
}

/** A table of the kernel's that can be read. */
export interface View<T, Filter = Partial<T>> {
  /** Begun by the first await or loop. */
  list(filter?: Filter & Call): Listing<T>;
  /**
   * What is there, and then what changes. A slow reader gets the net change of each thing; nothing is queued. `break`,
   * return() and close() of the namespace end it quietly.
   */
  watch(filter?: Filter & Call & { snapshot?: boolean }): AsyncIterableIterator<Change<T>>;
  /** As iproute2 prints it; mounts as mount(8) does. */
  describe(filter?: Filter & Call): Promise<string>;
}
