import { type Lock, openDirectory, Pause } from '../../handles/lock.js';
import { abortError, NsnetError, systemError, withNotUndone } from '../../syscalls/errors.js';
import { type Base, bases, FOLDER, REFUSED, refusedThere } from './base.js';
import { enable } from './enable.js';
import { makeGroup, readFiles, writeFiles } from './files.js';
import { Group, type Part } from './group.js';
import { hold, setFate } from './owner.js';
import { pathIn, removeParts } from './parts.js';
import { reap } from './reap.js';
import { removeTree } from './remove.js';

const EEXIST = -17;
const ENOENT = -2;
/** What every group has, where it is there: what a process uses is then known, and an OOM kill told. */
const ALWAYS = ['memory', 'pids'];

/** A group and the lock that says that somebody has it. */
export interface Held {
  group: Group;
  lock: Lock;
}

/** Makes a group in every hierarchy where it can be made; v1's freezer only without v2, which freezes better. */
export async function makeEverywhere(name: string, signal?: AbortSignal): Promise<Held> {
  const subject = `cgroup '${name}'`;
  const parts: Part[] = [];
  const missing: Group['missing'][number][] = [];
  let lock: Lock | undefined;
  try {
    for (const base of await bases()) {
      if (signal?.aborted) throw abortError(signal);
      const { version, controllers } = base.hierarchy;
      const first = parts[0];
      if (first?.base.hierarchy.version === 2 && controllers.join() === 'freezer') continue;
      try {
        if (lock) await makeOver(base, name, subject);
        else lock = await makeFirst(base, name, subject, signal);
      } catch (error) {
        if (!(error instanceof NsnetError) || !REFUSED.includes(error.errno ?? 0)) throw error;
        missing.push({ base, error });
        continue;
      }
      const path = pathIn(base, name);
      const directory = await openDirectory(path);
      if (!directory) throw systemError(ENOENT, 'open', { subject });
      parts.push({ base, path, directory });
      // Not below another group: that one could then have no processes itself. Whoever sets a limit hears of refusals.
      if (version === 2 && !name.includes('/')) await enable(base, path, ALWAYS).catch(unlessRefused);
      else if (controllers.includes('cpuset')) await fillCpuset(base, name);
    }
    if (!lock) throw missing[0]?.error ?? systemError(ENOENT, 'open', { subject });
    return { group: new Group(name, parts, missing), lock };
  } catch (error) {
    await Promise.all(parts.map(({ directory }) => directory.close()));
    throw await undone(error, parts, subject, lock);
  }
}

function unlessRefused(error: unknown): void {
  if (!(error instanceof NsnetError)) throw error;
}

async function undone(error: unknown, parts: Part[], subject: string, lock?: Lock): Promise<unknown> {
  try {
    await removeParts({ parts, subject });
  } catch (left) {
    return withNotUndone(error, left);
  } finally {
    await lock?.close();
  }
  return error;
}

/** The first directory of a group: whoever makes it and locks it has the name. */
async function makeFirst(base: Base, name: string, subject: string, signal?: AbortSignal): Promise<Lock> {
  for (const pause = new Pause(signal); ; await pause.pass()) {
    const errno = await makeBelow(base, name);
    if (errno === EEXIST && !(await reap(name)))
      throw systemError(errno, 'mkdirat', { subject, hint: 'Cgroup.open() opens what is there' });
    if (errno === EEXIST) continue;
    if (errno < 0) throw await refused(base, name, errno, subject);
    const path = pathIn(base, name);
    const lock = await hold(path, signal);
    // Somebody cleared up just now, and took it for what was left behind.
    if (!lock) continue;
    await setFate(path, 'owned');
    return lock;
  }
}

/** The directories in the other hierarchies: one that is there already is of somebody who died. */
async function makeOver(base: Base, name: string, subject: string): Promise<void> {
  let errno = await makeBelow(base, name);
  if (errno === EEXIST) {
    await removeTree(pathIn(base, name), subject);
    errno = await makeBelow(base, name);
  }
  if (errno < 0) throw await refused(base, name, errno, subject);
}

async function refused(base: Base, name: string, errno: number, subject: string): Promise<NsnetError> {
  if (errno === ENOENT && name.includes('/')) {
    const parent = name.slice(0, name.lastIndexOf('/'));
    return systemError(errno, 'mkdirat', { subject, hint: `There is no cgroup '${parent}' to make it in` });
  }
  return REFUSED.includes(errno)
    ? refusedThere(base, errno, subject)
    : systemError(errno, 'mkdirat', { subject: `${subject} in ${base.path}` });
}

/** mkdir(2), with the folder of all groups, which somebody may remove meanwhile because it is empty. */
async function makeBelow(base: Base, name: string): Promise<number> {
  const folder = `${base.path}/${FOLDER}`;
  for (let attempt = 1; ; attempt++) {
    const errno = await makeGroup(pathIn(base, name));
    if (errno !== ENOENT || attempt === 100) return errno;
    const made = await makeGroup(folder);
    if (made === EEXIST && name.includes('/')) return errno;
    if (made < 0 && made !== EEXIST) return made;
    if (made === 0 && base.hierarchy.controllers.includes('cpuset')) await fillCpuset(base, '');
  }
}

/** On v1 a new group has no CPUs and no memory nodes, and takes no process before it has. */
async function fillCpuset(base: Base, name: string): Promise<void> {
  const files = ['cpuset.cpus', 'cpuset.mems'] as const;
  const names = [FOLDER, ...name.split('/').filter((part) => part !== '')];
  let from = await openDirectory(base.path);
  for (let i = 0; from && i < names.length; i++) {
    const path = [base.path, ...names.slice(0, i + 1)].join('/');
    const to = await openDirectory(path);
    try {
      if (!to) return;
      const [has, given] = await Promise.all([readFiles(to, files), readFiles(from, files)]);
      const empty = files.filter((file) => has[file] === '');
      await writeFiles(
        to,
        empty.map((file) => [file, given[file] ?? '']),
        `cgroup ${path}`,
      );
    } finally {
      await from.close();
      from = to;
    }
  }
  await from?.close();
}
