import { type NsnetError, systemError } from '../syscalls/errors.js';
import { HERE } from '../syscalls/excursion.js';
import type { Fd } from '../syscalls/fd.js';
import { type Step, Steps } from '../syscalls/steps.js';
import { AT, MNT_DETACH, OPEN_TREE, UMOUNT_NOFOLLOW } from './constants.js';
import { MountTable } from './table.js';
import { type Place, statusOf, Target } from './target.js';

/** While directories above it are renamed, a mount is looked for so often. */
const TRIES = 128;

const renamedError = ({ path }: Target) =>
  systemError(-16, 'umount2', { subject: path, hint: 'Directories above it are being renamed' });

/** A mount on its target. */
export interface Attached {
  fd: Fd;
  target: Target;
  recursive: boolean;
}

/** Takes it off even if it is in use; never by its path, on which something else may be by now. */
export async function unmount({ fd, target }: Attached): Promise<void> {
  const { mountId, directory } = await statusOf(fd);
  let place = await placeOf(target, mountId);
  // A file elsewhere is found in its directory alone.
  for (let tries = 1; !place && !directory && target.namespace && tries < TRIES; tries++)
    place = await placeOf(target, mountId);
  try {
    if (!place && !directory && target.namespace) throw renamedError(target);
    const outcome = await target.run(
      (steps) => {
        // Elsewhere there may be no /proc: a directory is gone into, a file is named in its directory.
        const named = directory ? undefined : place;
        if (target.namespace) steps.add('fchdir', [named?.directory ?? fd]);
        const name = named?.name ?? '.';
        steps.add('umount2', [target.namespace ? name : `/proc/self/fd/${fd.number}`, MNT_DETACH]);
      },
      { move: target.namespace !== undefined },
    );
    const error = outcome.error({ subject: target.path });
    if (error) throw error;
  } finally {
    await place?.directory.close();
  }
}

/**
 * In another mount namespace programs may have mounted over it what only they can take off. It stays there then, for as
 * long as that namespace does.
 */
const isBuried = ({ code }: NsnetError, { namespace }: Target) => code === 'EBUSY' && namespace !== undefined;

/** The same, and lets go of it; quietly if it is not mounted any more. */
export async function unmountAndClose(attached: Attached): Promise<void> {
  const { fd, target } = attached;
  const steps = new Steps();
  if (target.addCheck(steps, fd)) {
    steps.add('umount2', [`/proc/self/fd/${fd.number}`, MNT_DETACH]);
    const { failed } = await steps.run(HERE, { closeLast: fd });
    if (!failed) return;
  }
  await unmount(attached).catch((error: NsnetError) => {
    if (error.code !== 'EINVAL' && !isBuried(error, target)) throw error;
  });
  await fd.close();
}

/** Takes it off though it may be in use, and goes on with a detached copy. */
export async function detachLazily(attached: Attached): Promise<Fd> {
  const after = await copyOf(attached);
  await unmount(attached).catch(async (error) => {
    if (isBuried(error, attached.target)) return;
    await after.close();
    throw error;
  });
  await attached.fd.close();
  return after;
}

/**
 * Takes it off if nobody uses it, and goes on with a detached copy. The descriptor itself would keep it busy, so it is
 * closed first; where that was in vain, `reopened` is told the new one.
 */
export async function detachIdle(attached: Attached, reopened: (fd: Fd) => void): Promise<Fd> {
  const { target, fd } = attached;
  const { after, directory, name } = (await lookAtHand(attached)) ?? (await look(attached));
  try {
    const error = await unmountIdle(attached, directory, name);
    if (!error) return after;
    await after.close();
    if (fd.closed) reopened(await target.open());
    throw error.code === 'EBUSY'
      ? error.with({ hint: 'It is in use; { lazy: true } takes it off all the same' })
      : error;
  } finally {
    void directory.close();
  }
}

/** A detached copy, and where the mount is, which cannot be renamed meanwhile. */
interface Looked extends Place {
  after: Fd;
}

async function lookAtHand({ fd, target, recursive }: Attached): Promise<Looked | undefined> {
  const steps = new Steps();
  const copy = addCopy(steps, fd, recursive);
  const check = target.addCheck(steps, fd, true);
  if (!check) return undefined;
  const outcome = await steps.run(HERE);
  if (outcome.failed) return undefined;
  return { after: outcome.fd(copy), directory: outcome.fd(check.parent), name: check.name };
}

async function look(attached: Attached): Promise<Looked> {
  const { fd, target } = attached;
  const after = await copyOf(attached);
  try {
    const { mountId } = await statusOf(fd);
    const place = await placeOf(target, mountId);
    if (place) return { after, ...place };
    throw renamedError(target);
  } catch (error) {
    await after.close();
    throw error;
  }
}

async function unmountIdle({ fd, target }: Attached, directory: Fd, name: string) {
  const elsewhere = target.namespace !== undefined;
  const outcome = await target.run(
    (steps) => {
      if (elsewhere) steps.add('fchdir', [directory]);
      const path = elsewhere ? name : `/proc/self/fd/${directory.number}/${name}`;
      steps.add('umount2', [path, UMOUNT_NOFOLLOW]);
    },
    { move: elsewhere, closeFirst: fd },
  );
  return outcome.error({ subject: target.path });
}

function addCopy(steps: Steps, fd: Fd, recursive: boolean): Step {
  const flags = AT.EMPTY_PATH | OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | (recursive ? AT.RECURSIVE : 0);
  return steps.add('open_tree', [fd, '', flags], { keep: true });
}

async function copyOf({ fd, target, recursive }: Attached): Promise<Fd> {
  let copy: Step | undefined;
  const outcome = await target.run((steps) => {
    copy = addCopy(steps, fd, recursive);
  });
  const error = outcome.error({ subject: target.path });
  if (error) throw error;
  return outcome.fd(copy as Step);
}

/**
 * Where a mount is. What is on top is what the kernel takes off, whatever it is told (LOOKUP_MOUNTPOINT), so it must be
 * this one. The path that it was attached by may mean something else by now; the list of mounts then tells. Undefined
 * where directories above it are being renamed.
 */
async function placeOf(target: Target, mountId: bigint): Promise<Place | undefined> {
  const found = await target.parentOf(mountId);
  if (found) return found;
  const { namespace, path: subject } = target;
  const table = new MountTable(namespace && { closed: false, fd: namespace.number, id: 0 });
  try {
    const { mounts, table: open } = await table.read();
    await open.close();
    const mount = mounts.find(({ id }) => id === Number(mountId));
    if (!mount) throw systemError(-22, 'umount2', { subject, hint: 'It is not mounted any more' });
    if (mounts.some((over) => over.parent === mount.id && over.target === mount.target))
      throw systemError(-16, 'umount2', {
        subject,
        hint: 'Something else is mounted over it: take that off first',
      });
    return await new Target(mount.target, { namespace }).parentOf(mountId);
  } finally {
    await table.close();
  }
}
