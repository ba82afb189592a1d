import { Lock } from '../../handles/lock.js';
import { attributeOf, setAttribute } from './files.js';

/**
 * Who has a group holds a shared flock on its first directory; it goes with the process, kill -9 included. What is to
 * become of a group that nobody holds is written on it, as an extended attribute: 'owned' ones go with their owner,
 * 'kept' ones stay, and one without was being made when its maker died.
 */
const ATTRIBUTE = 'user.nsnet';

export type Fate = 'owned' | 'kept';

/** Where the kernel stores none (before Linux 5.7) the group is kept for as long as there are processes in it. */
export async function setFate(path: string, fate: Fate): Promise<void> {
  await setAttribute(path, ATTRIBUTE, fate);
}

export async function fateOf(path: string): Promise<Fate | undefined> {
  const value = await attributeOf(path, ATTRIBUTE);
  return value === 'owned' || value === 'kept' ? value : undefined;
}

/** Waits while somebody looks whether it was left behind; undefined if there is no such group. */
export function hold(path: string, signal?: AbortSignal): Promise<Lock | undefined> {
  return Lock.wait(path, 'shared', signal);
}
