import { abortError, systemError } from './errors.js';
import type { Fd } from './fd.js';
import { native, type TreeFailure } from './native.js';

export interface CopyTreeOptions {
  /** Owners that this user may not give are replaced by this user, without setuid and setgid. Default: EPERM. */
  mapOwners?: boolean;
  /** Device nodes are made. Default: EPERM. */
  devices?: boolean;
  /** Which ways to do without, so that tests reach what is done where a file system lacks them. */
  without?: { clone?: boolean; range?: boolean; threads?: boolean };
}

/** Where a tree is copied to. All descriptors stay open until nothing works on the tree any more. */
export interface CopyTreeDescriptors {
  source: Fd;
  /** An empty directory that this user alone reaches. */
  target: Fd;
  /** Another one on the same file system: further names of files are kept there meanwhile. */
  aside: Fd;
  /** Whatever shall stay open as long: a lock. */
  held: Fd;
}

const ECANCELED = -125;
const OPTION = { MAP_OWNERS: 1, DEVICES: 2, NO_CLONE: 4, NO_RANGE: 8, ONE_THREAD: 16 } as const;

const HINTS: Record<string, string> = {
  'EPERM fchown': "This user may not give files to others: owners: 'map' makes them its own",
  'EPERM fchownat': "This user may not give files to others: owners: 'map' makes them its own",
  'EINVAL fchown':
    "That owner does not exist in this user namespace: owners: 'map' makes the files this user's",
  'EPERM mknodat': 'It is a device node: devices: true makes it, where the kernel lets this user',
  'EPERM setxattr': "This user may not set that attribute: owners: 'map' leaves it out",
  'EOPNOTSUPP setxattr': 'The file system copied to cannot hold an attribute that this file has',
  'EXDEV statx': 'Another file system is mounted there',
  'EINVAL mkdirat': 'The tree would contain its own copy',
  'ENAMETOOLONG mkdirat': 'It is deeper than 1,000 directories',
};

/**
 * Copies a directory's content, with all that `cp -a` keeps, into an empty directory. Nothing is followed: a symbolic
 * link is copied as one, and whoever changes the source meanwhile cannot lead out of it. If it fails, or is aborted,
 * the target holds a part of it. Resolves to how many were copied.
 */
export function copyTree(
  { source, target, aside, held }: CopyTreeDescriptors,
  { mapOwners, devices, without = {} }: CopyTreeOptions = {},
  subject = '',
  signal?: AbortSignal,
): Promise<number> {
  let options = 0;
  if (mapOwners) options |= OPTION.MAP_OWNERS;
  if (devices) options |= OPTION.DEVICES;
  if (without.clone) options |= OPTION.NO_CLONE;
  if (without.range) options |= OPTION.NO_RANGE;
  if (without.threads) options |= OPTION.ONE_THREAD;
  const begin = () => native().copyTree(source.native, target.native, aside.native, held.native, options);
  return settled(begin, subject, signal);
}

/**
 * Removes `name` in a directory, and all that is below it: never through a symbolic link, never across a mount
 * (EXDEV), however deep. It may be done again after it failed. Resolves to how many were removed.
 */
export function removeTree(
  directory: Fd,
  name: string,
  held: Fd,
  subject = '',
  signal?: AbortSignal,
): Promise<number> {
  return settled(() => native().removeTree(directory.native, name, held.native), subject, signal);
}

async function settled(
  begin: () => [Promise<number | TreeFailure>, () => void],
  subject: string,
  signal?: AbortSignal,
): Promise<number> {
  if (signal?.aborted) throw abortError(signal);
  const [promise, stop] = begin();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const result = await promise;
    if (typeof result === 'number') return result;
    if (result.errno === ECANCELED) throw abortError(signal);
    const error = systemError(result.errno, result.syscall, {
      subject: [result.path && `'${result.path}'`, subject].filter(Boolean).join(' in '),
    });
    throw error.with({ hint: HINTS[`${error.code} ${result.syscall}`] });
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
