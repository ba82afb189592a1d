import { Pause } from '../../handles/lock.js';
import { systemError } from '../../syscalls/errors.js';
import { groupsIn, removeGroup } from './files.js';

const ENOENT = -2;
const ENODEV = -19;
const EBUSY = -16;
/** A process that has just ended keeps its group for a moment. */
const PATIENCE = 2_000;

/** A group and all that are below it, by their paths, the innermost first. */
export async function innermostFirst(path: string): Promise<string[]> {
  const below = await Promise.all((await groupsIn(path)).map((name) => innermostFirst(`${path}/${name}`)));
  return [...below.flat(), path];
}

/** rmdir(2) of a group with those below it; one that is gone is no error, one in use is EBUSY. */
export async function removeTree(path: string, subject: string): Promise<void> {
  for (const pause = new Pause(undefined, PATIENCE); ; await pause.pass()) {
    const errno = await tryRemove(path);
    if (errno === 0) return;
    if (errno !== EBUSY || pause.over) {
      throw systemError(errno, 'rmdir', {
        subject,
        hint:
          errno === EBUSY ? 'There are processes in it, or in a group below it: kill() ends them' : undefined,
      });
    }
  }
}

async function tryRemove(path: string): Promise<number> {
  for (const one of await innermostFirst(path)) {
    const errno = await removeGroup(one);
    if (errno < 0 && errno !== ENOENT && errno !== ENODEV) return errno;
  }
  return 0;
}
