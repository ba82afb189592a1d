import type { Internals } from '../namespaces/network.js';
import { type Checked, type ConntrackFilter, checkFilter } from './filter.js';
import { count, find, remove } from './table.js';

/**
 * Deletes the entries that match, as `conntrack -D`, and resolves to how many that were. What has gone by itself meanwhile
 * does not count, and is no error.
 */
export async function flush(
  inner: Internals,
  filter: ConntrackFilter,
  signal?: AbortSignal,
): Promise<number> {
  return flushThose(inner, checkFilter(filter), signal);
}

/** The same of those that a function chooses. */
export async function flushThose(
  inner: Internals,
  which: Pick<Checked, 'family' | 'matches'>,
  signal?: AbortSignal,
): Promise<number> {
  if ((await count(inner)) === 0) return 0;
  const found = await find(inner, which, signal);
  const removed = await Promise.all(found.map((one) => remove(inner, one, signal)));
  return removed.filter(Boolean).length;
}
