import { statSync } from 'node:fs';
import type { NamespaceType } from '../syscalls/excursion.js';

const ids = new Map<NamespaceType, number>();

/**
 * The inode of the namespace this process is in; NaN where /proc is not there to tell. No Node thread ever changes
 * namespace, so it is asked once.
 */
export function ownNamespaceId(type: NamespaceType): number {
  let id = ids.get(type);
  if (id === undefined) {
    try {
      id = statSync(`/proc/self/ns/${type}`).ino;
    } catch {
      return Number.NaN;
    }
    ids.set(type, id);
  }
  return id;
}
