import type { Call } from '../handles/listing.js';
import type { View } from '../handles/view.js';
import type { Family } from '../netlink/addresses.js';

/** A table of the kernel's that can be read and written. What `list()` yields, the others take. */
export interface Collection<Spec, T = Spec, Key = Spec> extends View<T, Partial<Spec> & { family?: Family }> {
  add(item: Spec, o?: Call): Promise<void>;
  replace(item: Spec, o?: Call): Promise<void>;
  delete(key: Key, o?: Call): Promise<void>;
}
