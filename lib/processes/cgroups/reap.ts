import { Lock } from '../../handles/lock.js';
import { NsnetError } from '../../syscalls/errors.js';
import { bases, FOLDER, REFUSED } from './base.js';
import { groupsIn, makeGroup } from './files.js';
import type { Group } from './group.js';
import { kill } from './kill.js';
import { isPopulated } from './members.js';
import { fateOf } from './owner.js';
import { openParts, pathIn, removeFolders, removeParts } from './parts.js';
import { innermostFirst } from './remove.js';

const EEXIST = -17;
const PATIENCE = 10_000;

/** Removes all that dead owners left, with the processes in it, and resolves to the names. */
export async function reapAll(): Promise<string[]> {
  const names = new Set<string>();
  for (const { path } of await bases())
    for (const name of await groupsIn(`${path}/${FOLDER}`)) names.add(name);
  const removed: string[] = [];
  for (const name of [...names].sort()) removed.push(...(await reapBelow(name)));
  await removeFolders();
  return removed;
}

/** Below a group that somebody has, only what is marked as nsnet's: programs may make groups of their own there. */
async function reapBelow(name: string): Promise<string[]> {
  if (await reap(name)) return [name];
  const [first] = await placesOf(name);
  const removed: string[] = [];
  for (const child of first ? await groupsIn(first) : [])
    if ((await fateOf(`${first}/${child}`)) !== undefined)
      removed.push(...(await reapBelow(`${name}/${child}`)));
  return removed;
}

async function placesOf(name: string): Promise<string[]> {
  const group = await openParts(name);
  await group?.close();
  return group?.parts.map(({ path }) => path) ?? [];
}

/** Removes a group if its owner is dead; false if it is somebody's, or meant to stay, or not this user's to remove. */
export async function reap(name: string): Promise<boolean> {
  const locks = await lockAll(name);
  if (!locks) return false;
  const group = await openParts(name);
  try {
    if (!group) return true;
    if (!(await isLeft(group))) return false;
    await kill(group, { most: PATIENCE });
    await removeParts(group);
    return true;
  } catch (error) {
    if (error instanceof NsnetError && REFUSED.includes(error.errno ?? 0)) return false;
    throw error;
  } finally {
    await group?.close();
    await Promise.all(locks.map((lock) => lock.close()));
  }
}

async function isLeft(group: Group): Promise<boolean> {
  const fate = await fateOf(group.first.path);
  if (fate !== undefined) return fate === 'owned';
  return !(await isPopulated(group));
}

/**
 * The locks of a group and of all below it; undefined if somebody has one of them. Where its first directory is missing
 * it is made, so that nobody else makes that name meanwhile.
 */
async function lockAll(name: string): Promise<Lock[] | undefined> {
  for (const base of await bases()) {
    const path = pathIn(base, name);
    const errno = await makeGroup(path);
    // Not there, and not to be made: its first directory is in another hierarchy.
    if (errno < 0 && errno !== EEXIST) continue;
    const locks: Lock[] = [];
    for (const one of await innermostFirst(path)) {
      const lock = await Lock.try(one, 'exclusive');
      if (lock instanceof Lock) locks.push(lock);
      else if (lock === 'busy') {
        await Promise.all(locks.map((held) => held.close()));
        return undefined;
      }
    }
    return locks;
  }
  return [];
}
