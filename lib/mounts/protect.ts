import { constants } from 'node:fs';
import { type NsnetError, systemError } from '../syscalls/errors.js';
import { Fd } from '../syscalls/fd.js';
import { within } from '../syscalls/inside.js';
import { type Step, Steps } from '../syscalls/steps.js';
import { AT, MOUNT_ATTR, MOVE_MOUNT, O_CLOEXEC, O_PATH, OPEN_TREE } from './constants.js';
import { mountAttr } from './flags.js';
import type { Mount } from './mount.js';
import type { MountNamespace } from './mount-namespace.js';
import { renamedMeanwhile } from './renames.js';
import { openInRoot } from './source.js';
import { Tmpfs } from './tmpfs.js';

const NOTHING_THERE = [-2, -20]; // ENOENT, ENOTDIR

/** STATX_TYPE. */
const STATX_TYPE = 0x1;

const optional = { optional: true };
const ATTACH = MOVE_MOUNT.F_EMPTY_PATH | MOVE_MOUNT.T_EMPTY_PATH;
const CLONE_TREE = AT.EMPTY_PATH | OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC;

/** Where paths of a tree are looked up. */
export interface Tree {
  namespace: MountNamespace;
  /** Where its root is mounted. */
  root: string;
  /** What the kernel itself shows, and where: paths in it are looked up from its own root, whatever leads there by now. */
  kernel: readonly { mount: Mount; target: string }[];
}

/** What is done with a path that was opened, in the program that opened it; each step is optional. */
type Work = (steps: Steps, at: Step) => Step[];

/** What is at a path, held. */
interface Found {
  at: Fd;
  directory: boolean;
}

/** Looks up paths, and does something with what is found; those at which nothing is are left out. */
async function find(tree: Tree, paths: readonly string[], work: Work = () => []): Promise<Found[]> {
  const found: Found[] = [];
  const held = tree.kernel.map(({ mount, target }) => ({ fd: Fd.duplicate(mount.fd), target }));
  try {
    let left = [...paths];
    for (let tries = 1; left.length > 0; tries++) {
      const again: string[] = [];
      const { looked, outcome } = await lookUp(tree, left, held, work);
      let failure: NsnetError | undefined;
      for (const { path, at, status, steps } of looked) {
        const details = { subject: path };
        const opened = outcome.result(at);
        if (opened < 0) {
          if (renamedMeanwhile(opened, tries)) again.push(path);
          else if (!NOTHING_THERE.includes(opened)) failure ??= systemError(opened, 'openat2', details);
          continue;
        }
        found.push({ at: outcome.fd(at), directory: isDirectory(outcome.room(status)) });
        const failed = steps.find((step) => outcome.result(step) < 0);
        if (failed) failure ??= systemError(outcome.result(failed), 'move_mount', details);
      }
      if (failure) throw failure;
      left = again;
    }
    return found;
  } catch (error) {
    await Promise.all(found.map(({ at }) => at.close()));
    throw error;
  } finally {
    await Promise.all(held.map(({ fd }) => fd.close()));
  }
}

async function lookUp(
  { namespace, root }: Tree,
  paths: readonly string[],
  kernel: readonly { fd: Fd; target: string }[],
  work: Work,
) {
  const how = openInRoot(O_PATH);
  const steps = new Steps();
  const from = steps.add('openat', [AT.FDCWD, root, O_PATH | O_CLOEXEC | constants.O_DIRECTORY, 0]);
  const looked = paths.map((path) => {
    const leaves = path.split('/').includes('..');
    const own = leaves ? undefined : kernel.findLast(({ target }) => path.startsWith(`${target}/`));
    const inside = path.slice(own?.target.length ?? 0).replace(/^\/+/, '') || '.';
    const at = steps.add('openat2', [own?.fd ?? from, inside, how], { optional: true, keep: true });
    const status = steps.add('statx', [at, '', AT.EMPTY_PATH, STATX_TYPE, 256], optional);
    return { path, at, status, steps: work(steps, at) };
  });
  const outcome = await within({ inside: { mnt: namespace } }, (inside) => steps.run(inside, { move: true }));
  const error = outcome.error({ subject: root });
  if (error) throw error;
  return { looked, outcome };
}

const isDirectory = (status: Uint8Array) =>
  (Buffer.from(status).readUInt16LE(28) & constants.S_IFMT) === constants.S_IFDIR;

/** Mounts what is at the paths over itself, read-only, with what is mounted in it. They go with the namespace. */
export async function makeReadonly(tree: Tree, paths: readonly string[]): Promise<void> {
  const readonly = mountAttr({ set: MOUNT_ATTR.RDONLY, clear: 0, propagation: 0 });
  const found = await find(tree, paths, (steps, at) => {
    const copy = steps.add('open_tree', [at, '', CLONE_TREE | AT.RECURSIVE], optional);
    return [
      copy,
      steps.add('mount_setattr', [copy, '', AT.EMPTY_PATH | AT.RECURSIVE, readonly], optional),
      steps.add('move_mount', [copy, '', at, '', ATTACH], optional),
    ];
  });
  await Promise.all(found.map(({ at }) => at.close()));
}

/**
 * Hides what is at the paths: files behind a device, directories behind an empty one. What was found is held, and
 * that is mounted on. They go with the namespace, and not before: whoever is still in it sees no more than ever.
 * `nothing` is /dev/null, mounted in the namespace already.
 */
export async function mask(tree: Tree, paths: readonly string[], nothing: Mount): Promise<void> {
  const found = await find(tree, paths);
  try {
    const [directories, files] = [true, false].map((wanted) =>
      found.filter(({ directory }) => directory === wanted).map(({ at }) => at),
    ) as [Fd[], Fd[]];
    if (files.length > 0) await cover(tree, files, nothing, true);
    if (directories.length === 0) return;
    await using empty = await Tmpfs.create({ size: '4K', readonly: true });
    await cover(tree, directories, empty, false);
  } finally {
    await Promise.all(found.map(({ at }) => at.close()));
  }
}

/** Copies of a mount on all of them; of one that is detached, itself on the first: copied it can be from 6.15 on. */
async function cover(
  { namespace }: Tree,
  targets: readonly Fd[],
  mount: Mount,
  attached: boolean,
): Promise<void> {
  const fd = Fd.duplicate(mount.fd);
  try {
    const steps = new Steps();
    for (const [i, target] of targets.entries()) {
      const put = attached || i > 0 ? steps.add('open_tree', [fd, '', CLONE_TREE]) : fd;
      steps.add('move_mount', [put, '', target, '', ATTACH]);
    }
    const outcome = await within({ inside: { mnt: namespace } }, (inside) =>
      steps.run(inside, { move: true }),
    );
    const error = outcome.error({ subject: mount.path });
    if (error) throw error;
  } finally {
    await fd.close();
  }
}
