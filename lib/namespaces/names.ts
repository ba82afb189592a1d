import { lstat, mkdir, open, unlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { abortError, type NsnetError, systemError } from '../syscalls/errors.js';
import { checked, HERE, isFailure } from '../syscalls/excursion.js';
import { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { checkString, invalidValue } from '../syscalls/validate.js';

/** Where iproute2 pins network namespaces, and so do we. */
export const NETNS_DIRECTORY = '/run/netns';

const MS = { BIND: 0x1000, REC: 0x4000, SHARED: 0x100000 } as const;
const MNT_DETACH = 2;
const O_NONBLOCK = 0o4000;
const O_DIRECTORY = 0o200000;
const LOCK = { EX: 2 } as const;
const NAME_MAX = 255;

/** What `ip netns` takes: one path component. */
export function checkNetnsName(name: unknown): asserts name is string {
  checkString('name', name);
  const fits =
    name !== '' &&
    name !== '.' &&
    name !== '..' &&
    !name.includes('/') &&
    Buffer.byteLength(name) <= NAME_MAX;
  if (!fits) throw invalidValue('name', 'a file name of 1 to 255 bytes, without / and not . or ..,', name);
}

export function pathOf(name: string): string {
  return `${NETNS_DIRECTORY}/${name}`;
}

/** The name that a path pins, of one in the directory of names. */
export function nameOf(path: string | undefined): string | undefined {
  return path?.startsWith(`${NETNS_DIRECTORY}/`) && !path.slice(NETNS_DIRECTORY.length + 1).includes('/')
    ? path.slice(NETNS_DIRECTORY.length + 1)
    : undefined;
}

/** Gives a name that this process and its Workers know; EEXIST if it is in use. */
export function label(name: string, namespace: Fd): void {
  const result = native().label(name, namespace.native);
  if (result >= 0) return;
  const hint = result === -17 ? NAME_IN_USE : undefined;
  throw systemError(result, 'label', { subject: `${subjectOf(name)} in this process`, hint });
}

const NAME_IN_USE = 'There is one of that name: Netns.open() it, or delete() it first';

function subjectOf(name: string): string {
  return `netns '${name}'`;
}

function mount(source: string, target: string, flags: number) {
  return native().mount(HERE.entries, HERE.ownMemory, source, target, 'none', flags, null);
}

/** Any user may hold the lock, so it is not waited for longer than this. */
const LOCK_MILLISECONDS = 1000;
const EAGAIN = -11;

/** Held while names come and go, as iproute2 does, so that two programs do not both make the directory a mount. */
async function locked<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  const opened = await native().open(
    HERE.entries,
    HERE.ownMemory,
    NETNS_DIRECTORY,
    O_NONBLOCK | O_DIRECTORY,
    0,
  );
  if (isFailure(opened)) throw systemError(opened.errno, opened.syscall, { subject: NETNS_DIRECTORY });
  const directory = new Fd(opened);
  try {
    const until = performance.now() + LOCK_MILLISECONDS;
    for (let wait = 1; native().flock(directory.native, LOCK.EX) === EAGAIN; wait = Math.min(2 * wait, 50)) {
      if (performance.now() > until) break;
      if (signal?.aborted) throw abortError(signal);
      await sleep(wait);
    }
    return await work();
  } finally {
    await directory.close();
  }
}

/** So that names appear in other mount namespaces too, the directory must be a shared mount of its own. */
async function share(): Promise<void> {
  const shared = await mount('', NETNS_DIRECTORY, MS.SHARED | MS.REC);
  if (!isFailure(shared)) return;
  if (shared.errno !== -22) throw systemError(shared.errno, 'mount', { subject: NETNS_DIRECTORY });
  checked(await mount(NETNS_DIRECTORY, NETNS_DIRECTORY, MS.BIND | MS.REC), { subject: NETNS_DIRECTORY });
  checked(await mount('', NETNS_DIRECTORY, MS.SHARED | MS.REC), { subject: NETNS_DIRECTORY });
}

/** Pins a network namespace under a name; EEXIST if the name is in use, and nothing is changed. */
export async function pin(name: string, namespace: Fd, signal?: AbortSignal): Promise<string> {
  const path = pathOf(name);
  const subject = subjectOf(name);
  try {
    await mkdir(NETNS_DIRECTORY, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw fromNode(error, subject);
  }
  return locked(signal, async () => {
    await share();
    await reserve(path, subject);
    const bound = await mount(`/proc/self/fd/${namespace.number}`, path, MS.BIND);
    if (!isFailure(bound)) return path;
    const notUndone = await unlink(path).then(
      () => undefined,
      (error) => [fromNode(error, subject)],
    );
    throw systemError(bound.errno, 'mount', { subject, notUndone });
  });
}

async function reserve(path: string, subject: string): Promise<void> {
  try {
    await (await open(path, 'wx', 0)).close();
  } catch (error) {
    throw fromNode(error, subject);
  }
}

/** An error of node:fs as one of ours. */
function fromNode(error: unknown, subject: string): NsnetError {
  const { errno, syscall } = error as NodeJS.ErrnoException;
  const hints: Record<number, string> = {
    [-17]: NAME_IN_USE,
    [-30]: `${NETNS_DIRECTORY} is on a read-only file system`,
  };
  return systemError(errno ?? -5, syscall ?? 'open', { subject, hint: hints[errno ?? 0] });
}

/** Takes a name away, if it still means that namespace. */
export async function unpin(name: string, id: number): Promise<void> {
  const path = pathOf(name);
  await locked(undefined, async () => {
    if (!(await means(path, id))) return;
    const unmounted = await native().umount(HERE.entries, HERE.ownMemory, path, MNT_DETACH);
    // EINVAL: no mount point, as after a crash between making the file and the mount. ENOENT: gone already.
    if (isFailure(unmounted) && unmounted.errno !== -22 && unmounted.errno !== -2) {
      throw systemError(unmounted.errno, 'umount2', { subject: subjectOf(name) });
    }
    await unlink(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw fromNode(error, subjectOf(name));
    });
  }).catch((error: NsnetError) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

/** Whether a name means a namespace still, or nothing any more: the empty file that a crash leaves. */
async function means(path: string, id: number): Promise<boolean> {
  if ((await idAt(path)) === id) return true;
  const status = await lstat(path).catch(() => undefined);
  return (
    status?.isFile() === true &&
    status.size === 0 &&
    (status.mode & 0o777) === 0 &&
    (await idAt(path)) === undefined
  );
}

async function idAt(path: string): Promise<number | undefined> {
  const opened = await native().open(HERE.entries, HERE.ownMemory, path, O_NONBLOCK, 0);
  if (isFailure(opened)) return undefined;
  const fd = new Fd(opened);
  const info = native().nsInfo(opened);
  await fd.close();
  return typeof info === 'number' || info[0] !== 0x40000000 ? undefined : info[1];
}

/** The labels of this process, each with the inode of what it means. */
export async function labels(): Promise<{ name: string; id: number }[]> {
  const all: { name: string; id: number }[] = [];
  for (const name of native().labelNames()) {
    const fd = native().labelled(name);
    if (typeof fd === 'number') continue;
    const info = native().nsInfo(fd);
    await new Fd(fd).close();
    if (typeof info !== 'number') all.push({ name, id: info[1] });
  }
  return all;
}
