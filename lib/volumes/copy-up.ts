import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type Lock, openDirectory } from '../handles/lock.js';
import { withNotUndone } from '../syscalls/errors.js';
import type { Fd } from '../syscalls/fd.js';
import { copyTree } from '../syscalls/trees.js';
import type { CopyUpOptions } from './driver.js';
import { isEmpty } from './empty.js';
import { COPYING, fromNode, type Store, subjectOf } from './store.js';

/**
 * Copies into a volume that is held exclusively: beside its data first, and by one rename(2) into its place when it is
 * whole. The kernel does that only if the place is still empty, so the volume is empty, or complete, whatever ends
 * this process. (Of power failures that is not said: nothing is written to the disk before.)
 */
export async function fill(
  store: Store,
  name: string,
  lock: Lock,
  source: Fd,
  { owners, devices, signal }: CopyUpOptions,
): Promise<boolean> {
  const subject = subjectOf(name);
  const data = store.data(name);
  const [copying, links] = COPYING.map((entry) => join(store.path(name), entry)) as [string, string];
  const held: (Fd | undefined)[] = [];
  let failure: unknown;
  let filled = false;
  try {
    if (!(await isEmpty(data))) return false;
    await store.discardCopy(lock, signal);
    for (const path of [copying, links]) {
      await mkdir(path, { mode: 0o700 });
      held.push(await openDirectory(path));
    }
    const [target, aside] = held as [Fd, Fd];
    const options = { mapOwners: owners === 'map', devices };
    await copyTree({ source, target, aside, held: lock.directory }, options, subject, signal);
    filled = await rename(copying, data).then(() => true, ifFilled);
  } catch (error) {
    failure = fromNode(error, subject);
  } finally {
    await Promise.all(held.map((fd) => fd?.close()));
  }
  await store.discardCopy(lock).catch((error) => {
    failure = failure === undefined ? error : withNotUndone(failure, error);
  });
  if (failure !== undefined) throw failure;
  return filled;
}

/** Somebody has written into the volume without using it. */
function ifFilled(error: NodeJS.ErrnoException): false {
  if (error.code === 'ENOTEMPTY' || error.code === 'EEXIST') return false;
  throw error;
}
