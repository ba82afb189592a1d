import { isLink } from '../links/brand.js';
import type { Family } from '../netlink/addresses.js';
import { invalidValue } from '../syscalls/validate.js';

export function checkFamily(family: unknown): asserts family is Family {
  if (family !== 'inet' && family !== 'inet6') throw invalidValue('family', "'inet' or 'inet6'", family);
}

/** Whether `item` has what is wanted of it; `device` may be wanted as a link, any of its names, or an index. */
export function matches(
  item: object,
  wanted: object,
  device: number | undefined,
  altNames?: AltNames,
): boolean {
  for (const [key, value] of Object.entries(wanted)) {
    if (value === undefined) continue;
    const own = (item as Record<string, unknown>)[key];
    if (key === 'device') {
      const index = isLink(value) ? value.index : value;
      if (index !== device && index !== own && altNames?.(device)?.includes(String(index)) !== true)
        return false;
    } else if (own !== value && !(key === 'type' && value === 'unicast' && own === undefined)) {
      return false;
    }
  }
  return true;
}

/** The alternative names of a link, by its index. */
export type AltNames = (index: number | undefined) => readonly string[] | undefined;
