import { constants } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { NsnetError, systemError } from '../../syscalls/errors.js';
import { HERE } from '../../syscalls/excursion.js';
import type { Fd } from '../../syscalls/fd.js';
import { native } from '../../syscalls/native.js';
import { type Step, Steps } from '../../syscalls/steps.js';

const AT_FDCWD = -100;
const AT_REMOVEDIR = 0x200;
const O_CLOEXEC = 0o2000000;
const ENOENT = -2;
const ENODEV = -19;
const ROOM = 8 * 1024;
/** A line for each device: room for some hundreds. */
const ROOMY: Record<string, number> = { 'io.stat': 48 * 1024, 'blkio.throttle.io_service_bytes': 48 * 1024 };
const XATTR_ROOM = 64;

/**
 * Control files are read and written by the add-on's threads: a write may wait for the lock over all cgroups and for
 * every thread of a process that is moved, and libuv's few threads must not.
 */
export type Written = readonly [file: string, text: string];

/** A control file that is not there, or whose group is gone: ENOENT, ENODEV. */
export function isGone(error: unknown): boolean {
  return error instanceof NsnetError && (error.errno === ENOENT || error.errno === ENODEV);
}

/** The texts of several files of one group, without the newline at the end; undefined for those that are not there. */
export async function readFiles<Name extends string>(
  directory: Fd,
  files: readonly Name[],
): Promise<Record<Name, string | undefined>> {
  const steps = new Steps();
  const reads = files.map((file): Step => {
    const flags = constants.O_RDONLY | O_CLOEXEC;
    const opened = steps.add('openat', [directory, file, flags, 0], { optional: true });
    return steps.add('read', [opened, ROOMY[file] ?? ROOM], { optional: true });
  });
  const done = await steps.run(HERE);
  const error = done.error();
  if (error) throw error;
  const texts = files.map((file, i): [Name, string | undefined] => {
    const step = reads[i] as Step;
    return [file, done.result(step) < 0 ? undefined : textOf(done.bytes(step))];
  });
  return Object.fromEntries(texts) as Record<Name, string | undefined>;
}

export async function readOne(directory: Fd, file: string): Promise<string | undefined> {
  return (await readFiles(directory, [file]))[file];
}

/** A file of any length; '' where it, or its group, is gone. */
export async function readLong(directory: Fd, file: string, subject: string): Promise<string> {
  const opened = await openIn(directory, file, constants.O_RDONLY, subject).catch((error) => {
    if (isGone(error)) return undefined;
    throw error;
  });
  if (!opened) return '';
  try {
    const read = await native().readTable(opened.native);
    if (typeof read !== 'number') return textOf(read[0]);
    if (read === ENODEV) return '';
    throw systemError(read, 'read', { subject: `${file} of ${subject}` });
  } finally {
    await opened.close();
  }
}

/** Writes them in order; the first that fails ends it. `subject` is whose they are: "cgroup 'web'". */
export async function writeFiles(directory: Fd, all: readonly Written[], subject: string): Promise<void> {
  const steps = new Steps();
  const opens = all.map(([file, text]) => {
    const opened = steps.add('openat', [directory, file, constants.O_WRONLY | O_CLOEXEC, 0]);
    steps.add('write', [opened, Buffer.from(text)]);
    return opened;
  });
  const done = await steps.run(HERE);
  const { failed } = done;
  if (!failed) return;
  const [file] = all[opens.findLastIndex(({ number }) => number <= failed.number)] as Written;
  throw done.error({ subject: `${file} of ${subject}` });
}

export async function openIn(directory: Fd, file: string, flags: number, subject: string): Promise<Fd> {
  const steps = new Steps();
  const opened = steps.add('openat', [directory, file, flags | O_CLOEXEC, 0], { keep: true });
  const done = await steps.run(HERE);
  const error = done.error({ subject: `${file} of ${subject}` });
  if (error) throw error;
  return done.fd(opened);
}

/** mkdir(2) → 0 or −errno. */
export async function makeGroup(path: string): Promise<number> {
  const steps = new Steps();
  steps.add('mkdirat', [AT_FDCWD, path, 0o755]);
  return (await steps.run(HERE)).errno;
}

/** rmdir(2) → 0 or −errno. */
export async function removeGroup(path: string): Promise<number> {
  const steps = new Steps();
  steps.add('unlinkat', [AT_FDCWD, path, AT_REMOVEDIR]);
  return (await steps.run(HERE)).errno;
}

/** The names of the groups right below a path; none where it is gone. */
export async function groupsIn(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENODEV') return [];
    throw systemError((error as NodeJS.ErrnoException).errno ?? 0, 'readdir', { subject: path });
  }
}

/** An extended attribute of a group; undefined without. */
export async function attributeOf(path: string, name: string): Promise<string | undefined> {
  const steps = new Steps();
  const got = steps.add('lgetxattr', [path, name, XATTR_ROOM], { optional: true });
  const done = await steps.run(HERE);
  return done.result(got) < 0 ? undefined : textOf(done.bytes(got));
}

/** lsetxattr(2) → 0 or −errno. `user.*` are stored by cgroups from Linux 5.7 on. */
export async function setAttribute(path: string, name: string, value: string): Promise<number> {
  const steps = new Steps();
  steps.add('lsetxattr', [path, name, Buffer.from(value), 0]);
  return (await steps.run(HERE)).errno;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8').replace(/\n$/, '');
}

/** 'usage_usec 12\nuser_usec 3' as numbers by key. */
export function keyed(text: string | undefined): Record<string, number> {
  const pairs = (text ?? '').split('\n').map((line) => line.split(' '));
  return Object.fromEntries(pairs.map(([key = '', value]) => [key, Number(value)]));
}
