import { isLink } from '../links/brand.js';

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
