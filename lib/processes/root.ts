import { constants } from 'node:fs';
import {
  AT,
  FSCONFIG,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MNT_DETACH,
  MOUNT_ATTR,
  MOVE_MOUNT,
  MS,
  O_CLOEXEC,
  O_PATH,
} from '../mounts/constants.js';
import { mountAttr } from '../mounts/flags.js';
import type { Source } from '../mounts/source.js';
import { capable } from '../syscalls/capabilities.js';
import { Fd } from '../syscalls/fd.js';
import type { Step, Steps } from '../syscalls/steps.js';
import { ContainerTree, clone, type Shown } from './container-root.js';
import { addFiles, addPropagation, type Furnishing } from './furnishing.js';

const QUIET = MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC;
const MOVE = MOVE_MOUNT.F_EMPTY_PATH | MOVE_MOUNT.T_EMPTY_PATH;
const DIRECTORY = O_PATH | O_CLOEXEC | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** A root, with what had to be done before another mount namespace was entered. */
export interface Prepared {
  base: Source;
  tree: ContainerTree | undefined;
  copy: Step | undefined;
  about: (subject: string, step: Step) => void;
}

/** Of a detached mount a copy can be made only in the mount namespace that it was made in, and only with privileges. */
export function prepareRoot(
  steps: Steps,
  root: Source | ContainerTree | undefined,
  about: Prepared['about'],
): Prepared | undefined {
  if (!root) return undefined;
  const tree = root instanceof ContainerTree ? root : undefined;
  const base = root instanceof ContainerTree ? root.base : root;
  const early = capable('SYS_ADMIN');
  if (early) tree?.prepare(steps);
  const copy = early && base.isDetachedMount ? copyOf(steps, base, about) : undefined;
  return { base, tree, copy, about };
}

function copyOf(steps: Steps, base: Source, about: Prepared['about']): Step {
  const opened = base.openDirectory(steps);
  if (!(opened instanceof Fd)) about(base.path, opened);
  const copy = clone(steps, opened);
  about(base.path, copy);
  return copy;
}

/**
 * What a process sees of files: mounts of its own, by choice another root, and /proc of its pid namespace. With `about`
 * what is to be furnished was not yet.
 */
export function addRoot(
  steps: Steps,
  root: Prepared | undefined,
  shown: Shown,
  furnishing?: Furnishing,
  about?: Prepared['about'],
): void {
  // Before anything else: what is shared would be mounted on the host, too.
  if (furnishing && !root) addPropagation(steps);
  else steps.add('mount', [null, '/', null, MS.REC | MS.PRIVATE, null]);
  if (furnishing && about) addFiles(steps, furnishing, about);
  // While the old root's /proc is seen: without it a user namespace may not have another.
  const furnish = root?.tree?.add(steps, shown);
  const proc = shown.pid && !root?.tree ? addProc(steps) : undefined;
  if (root) pivot(steps, root);
  if (furnish) {
    // The modes of what is made are as they are said, whatever this process's mask is.
    steps.add('umask', [0]);
    furnish();
    steps.add('umask', [process.umask()]);
  }
  if (!proc) return;
  // A root that has no such directory is not given one: it may be somebody's data.
  const optional = root !== undefined;
  const at = steps.add('openat', [AT.FDCWD, '/proc', DIRECTORY, 0], { optional });
  steps.add('move_mount', [proc, '', at, '', MOVE], { optional });
}

function pivot(steps: Steps, { copy, base, tree: container, about }: Prepared): void {
  const tree = copy ?? copyOf(steps, base, about);
  if (container) {
    const set = MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV;
    const attributes = mountAttr({ set, clear: 0, propagation: 0 });
    steps.add('mount_setattr', [tree, '', AT.EMPTY_PATH | AT.RECURSIVE, attributes]);
  }
  // Nobody else sees what is on /proc here, and this one sees it only until its root is another.
  const place = steps.add('openat', [AT.FDCWD, '/proc', DIRECTORY, 0]);
  steps.add('move_mount', [tree, '', place, '', MOVE]);
  steps.add('fchdir', [tree]);
  steps.add('pivot_root', ['.', '.']);
  // The old root is mounted on the new one for a moment, and is found there by '.'.
  steps.add('umount2', ['.', MNT_DETACH]);
  steps.add('chdir', ['/']);
}

function addProc(steps: Steps): Step {
  const context = steps.add('fsopen', ['proc', FSOPEN_CLOEXEC]);
  steps.add('fsconfig', [context, FSCONFIG.CMD_CREATE, null, null, 0]);
  return steps.add('fsmount', [context, FSMOUNT_CLOEXEC, QUIET]);
}
