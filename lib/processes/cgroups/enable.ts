// Controllers of v2 are handed down: a group has those that the one above lists in its cgroup.subtree_control.
import { openDirectory } from '../../handles/lock.js';
import { NsnetError, systemError } from '../../syscalls/errors.js';
import type { Fd } from '../../syscalls/fd.js';
import { type Base, FOLDER, SELF } from './base.js';
import { isGone, makeGroup, readFiles, readLong, writeFiles } from './files.js';

const EBUSY = -16;
const EEXIST = -17;
const ESRCH = -3;
/** Processes may be born while others are moved. */
const ROUNDS = 100;

const words = (text: string | undefined): string[] => (text ?? '').split(' ').filter((word) => word !== '');

/**
 * Hands controllers down from `base` to the group at `path`, as far as they are there to be handed down. They stay so:
 * others may have come to rely on them.
 */
export async function enable(base: Base, path: string, wanted: readonly string[]): Promise<void> {
  const inner = path.slice(base.path.length + 1).split('/');
  const above = inner.map((_, i) => [base.path, ...inner.slice(0, i)].join('/'));
  for (const group of above) {
    const directory = await openDirectory(group);
    // Removed meanwhile: whoever needs it will hear of it.
    if (!directory) return;
    try {
      await enableIn(directory, group, wanted, base);
    } finally {
      await directory.close();
    }
  }
}

async function enableIn(directory: Fd, path: string, wanted: readonly string[], base: Base): Promise<void> {
  const { 'cgroup.controllers': there, 'cgroup.subtree_control': on } = await readFiles(directory, [
    'cgroup.controllers',
    'cgroup.subtree_control',
  ]);
  const add = wanted.filter((name) => words(there).includes(name) && !words(on).includes(name));
  if (add.length === 0) return;
  const text = add.map((name) => `+${name}`).join(' ');
  const subject = `cgroup ${path}`;
  const write = async () => {
    // The kernel refuses memory and io itself. With cpu, cpuset or pids alone it takes the group for the root of a
    // threaded tree, and those below it for groups that no process may enter.
    const isRoot = (await readFiles(directory, ['cgroup.type']))['cgroup.type'] === undefined;
    if (!isRoot && (await readLong(directory, 'cgroup.procs', subject)) !== '')
      throw systemError(EBUSY, 'write', { subject: `cgroup.subtree_control of ${subject}` });
    await writeFiles(directory, [['cgroup.subtree_control', text]], subject);
  };
  for (let round = 1; ; round++) {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof NsnetError) || error.errno !== EBUSY || round === ROUNDS) throw error;
      if (path !== base.path || !base.own) {
        throw error.with({
          hint: 'It holds processes itself, and on cgroup v2 a group has either processes or limits for groups below it: move them into a group below',
        });
      }
      await vacate(directory, base);
    }
  }
}

/**
 * Moves what is in this process's group, the process itself among it, to one below: what is delegated is meant to be
 * used like that (systemd's CGROUP_DELEGATION, "no processes in inner nodes").
 */
async function vacate(directory: Fd, base: Base): Promise<void> {
  const target = `${base.path}/${FOLDER}/${SELF}`;
  for (const path of [`${base.path}/${FOLDER}`, target]) {
    const errno = await makeGroup(path);
    if (errno < 0 && errno !== EEXIST) return;
  }
  const leaf = await openDirectory(target);
  if (!leaf) return;
  try {
    const pids = (await readLong(directory, 'cgroup.procs', `cgroup ${base.path}`)).split('\n');
    for (const pid of pids.filter((text) => Number(text) > 0)) {
      await writeFiles(leaf, [['cgroup.procs', pid]], `cgroup ${target}`).catch((error) => {
        if (!(error instanceof NsnetError && error.errno === ESRCH) && !isGone(error)) throw error;
      });
    }
    base.home = target;
  } finally {
    await leaf.close();
  }
}
