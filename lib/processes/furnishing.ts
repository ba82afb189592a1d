import { constants } from 'node:fs';
import { AT, MNT_DETACH, MOVE_MOUNT, MS, O_CLOEXEC, O_PATH, OPEN_TREE } from '../mounts/constants.js';
import { parseMountinfo } from '../mounts/mountinfo.js';
import { systemError } from '../syscalls/errors.js';
import { CLONE, checkedFd, HERE } from '../syscalls/excursion.js';
import { native } from '../syscalls/native.js';
import type { Step, Steps } from '../syscalls/steps.js';

const MOVE = MOVE_MOUNT.F_EMPTY_PATH | MOVE_MOUNT.T_EMPTY_PATH;

/** What a process sees of this machine's files otherwise than this process, in a mount namespace of its own. */
export interface Furnishing {
  /** /sys is that of its network namespace: the source that mountinfo shows. */
  sys: string | undefined;
  /** Files and directories that are seen in the place of others. */
  binds: readonly { source: string; target: string }[];
  /** The same, of files that are nowhere else, and gone with the mount namespace. */
  files: readonly { name: string; target: string; text: string }[];
}

/** With what has to be found out before. */
export interface Furnished extends Furnishing {
  sysFlags: number;
}

/** What a container's root makes its /sys of where that is nobody's to mount once it is in a user namespace of its own. */
export const ONLY_SYS: Furnishing = { sys: 'sysfs', binds: [], files: [] };

export async function findFlags(furnishing: Furnishing): Promise<Furnished> {
  return { ...furnishing, sysFlags: furnishing.sys === undefined ? 0 : await flagsOfSys() };
}

/**
 * Those that /sys has: without privileges another may forbid no less than the one it covers, and notes the times of
 * access in the same way (mount_too_revealing() of fs/namespace.c).
 */
async function flagsOfSys(): Promise<number> {
  let found = 0;
  for (const { target, type, options, superOptions } of parseMountinfo(await readMountinfo())) {
    if (target !== '/sys' || type !== 'sysfs') continue;
    found = options.nosuid ? MS.NOSUID : 0;
    if (options.readonly || superOptions.includes('ro')) found |= MS.RDONLY;
    if (options.nodev) found |= MS.NODEV;
    if (options.noexec) found |= MS.NOEXEC;
    if (options.nodiratime) found |= MS.NODIRATIME;
    if (options.atime === 'noatime') found |= MS.NOATIME;
    if (options.atime === 'strictatime') found |= MS.STRICTATIME;
  }
  return found;
}

/** In two turns of a thread, where node:fs takes five. */
async function readMountinfo(): Promise<Uint8Array> {
  const subject = '/proc/self/mountinfo';
  const opened = checkedFd(await native().open(HERE.entries, HERE.ownMemory, subject, 0, 0), 'open', {
    subject,
  });
  try {
    const read = await native().readTable(opened.native);
    if (typeof read === 'number') throw systemError(read, 'pread', { subject });
    return read[0];
  } finally {
    await opened.close();
  }
}

type About = (subject: string, step: Step) => void;

/**
 * In a mount namespace that belongs to the owner of the network namespace: nobody else may mount a sysfs that shows it
 * (kobj_ns_current_may_mount() of lib/kobject.c).
 */
export function addEarly(steps: Steps, { sys, sysFlags, ...rest }: Furnished, about: About): void {
  steps.add('unshare', [CLONE.mnt]);
  addPropagation(steps);
  if (sys !== undefined) {
    // As `ip netns exec`: it takes off what is there with all that is on it, or covers it where it may not.
    steps.add('umount2', ['/sys', MNT_DETACH], { optional: true });
    about('/sys', steps.add('mount', [sys, '/sys', 'sysfs', sysFlags, null]));
  }
  addFiles(steps, rest, about);
}

/** What is mounted here shows nowhere else; what the machine mounts and unmounts later shows here. */
export function addPropagation(steps: Steps): void {
  steps.add('mount', [null, '/', null, MS.REC | MS.SLAVE, null]);
}

export function addFiles(steps: Steps, { binds, files }: Omit<Furnishing, 'sys'>, about: About): void {
  for (const { source, target } of binds)
    about(`${source} on ${target}`, steps.add('mount', [source, target, null, MS.BIND | MS.REC, null]));
  if (files.length === 0) return;
  const open = (path: string, flags: number) =>
    steps.add('openat', [AT.FDCWD, path, flags | O_CLOEXEC, 0o644]);
  // Before /proc is covered: /etc/resolv.conf may be a link to /proc/net/pnp.
  const places = files.map(({ target }) => {
    const place = open(target, O_PATH);
    about(target, place);
    return place;
  });
  // A copy can be made only of what is in the mount namespace (before Linux 6.15), where nobody else sees what is on /proc.
  steps.add('mount', ['nsnet', '/proc', 'tmpfs', MS.NOSUID | MS.NODEV | MS.NOEXEC, 'mode=755']);
  for (const [i, { name, target, text }] of files.entries()) {
    const path = `/proc/${name}`;
    const file = open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL);
    steps.add('write', [file, Buffer.from(text)]);
    // Whatever this process's mask is.
    steps.add('fchmodat', [AT.FDCWD, path, 0o644]);
    const copy = steps.add('open_tree', [AT.FDCWD, path, OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC]);
    about(target, steps.add('move_mount', [copy, '', places[i] as Step, '', MOVE]));
  }
  steps.add('umount2', ['/proc', MNT_DETACH]);
}
