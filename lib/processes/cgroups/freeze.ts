import { Pause } from '../../handles/lock.js';
import { abortError, unsupportedError } from '../../syscalls/errors.js';
import { isGone, keyed, readOne, type Written, writeFiles } from './files.js';
import type { Group, Part } from './group.js';

/** On v1 a process that forks just then leaves a group half frozen: thawing it for a moment and trying anew helps. */
const ROUNDS_BEFORE_THAW = 20;

/** The two freezers: v2's is part of every group and stops what is traced or asleep in the kernel as well. */
interface Freezer {
  part: Part;
  on: Written;
  off: Written;
  isFrozen(): Promise<boolean>;
}

function freezerOf(group: Group): Freezer | undefined {
  const { unified } = group;
  if (unified) {
    const isFrozen = async () => keyed(await readOne(unified.directory, 'cgroup.events')).frozen === 1;
    return { part: unified, on: ['cgroup.freeze', '1'], off: ['cgroup.freeze', '0'], isFrozen };
  }
  const part = group.legacy('freezer');
  if (!part) return undefined;
  const isFrozen = async () => (await readOne(part.directory, 'freezer.state')) === 'FROZEN';
  return { part, on: ['freezer.state', 'FROZEN'], off: ['freezer.state', 'THAWED'], isFrozen };
}

function needed(group: Group): Freezer {
  const freezer = freezerOf(group);
  if (freezer) return freezer;
  throw unsupportedError('neither cgroup v2 nor the freezer controller is mounted', {
    subject: group.subject,
  });
}

/** Resolves when all of it stands still; undone if that is given up. */
export async function freeze(group: Group, signal?: AbortSignal): Promise<void> {
  const { part, on, off, isFrozen } = needed(group);
  const write = (what: Written) => writeFiles(part.directory, [what], group.subject);
  const pause = new Pause(signal);
  try {
    for (let round = 1; ; round++) {
      if (signal?.aborted) throw abortError(signal);
      if (round % ROUNDS_BEFORE_THAW === 0 && !group.unified) await write(off);
      await write(on);
      if (await isFrozen()) return;
      await pause.pass();
    }
  } catch (error) {
    await write(off).catch(() => {});
    throw error;
  }
}

export async function thaw(group: Group): Promise<void> {
  const { part, off } = needed(group);
  await writeFiles(part.directory, [off], group.subject);
}

/** While they stand still nobody is born, and no number comes to mean another process. */
export async function whileFreezing(group: Group, work: () => Promise<void>): Promise<void> {
  const freezer = freezerOf(group);
  const write = async (what: Written) => {
    await writeFiles((freezer as Freezer).part.directory, [what], group.subject).catch((error) => {
      if (!isGone(error)) throw error;
    });
  };
  if (freezer) await write(freezer.on);
  try {
    await work();
  } finally {
    if (freezer) await write(freezer.off);
  }
}
