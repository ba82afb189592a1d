import { isLink } from '../links/brand.js';
import type { Family } from '../netlink/addresses.js';
import { invalidValue } from '../syscalls/validate.js';

export function checkFamily(family: unknown): asserts family is Family {
  if (family !== 'inet' && family !== 'inet6') throw invalidValue('family', "'inet' or 'inet6'", family);
}

/** Whether `item` has what is wanted of it; `device` may be wanted as a link, a name or an index. */
export function matches(item: object, wanted: object, deviceIndex: number | undefined): boolean {
  for (const [key, value] of Object.entries(wanted)) {
    if (value === undefined) continue;
    if (key === 'device' && isLink(value)) {
      if (value.index !== deviceIndex) return false;
    } else if (key === 'device' && typeof value === 'number') {
      if (value !== deviceIndex) return false;
    } else if ((item as Record<string, unknown>)[key] !== value) {
      return false;
    }
  }
  return true;
}
