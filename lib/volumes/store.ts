import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { Lock, openDirectory } from '../handles/lock.js';
import { abortError, NsnetError, systemError } from '../syscalls/errors.js';
import { HERE, isFailure } from '../syscalls/excursion.js';
import { native } from '../syscalls/native.js';
import { Steps } from '../syscalls/steps.js';
import { removeTree } from '../syscalls/trees.js';
import { invalidValue } from '../syscalls/validate.js';
import { isVolumeName } from './names.js';

const AT_FDCWD = -100;
const RENAME_NOREPLACE = 1;
const O_CLOEXEC = 0o2000000;
const EINVAL = -22;
const ENOENT = -2;
const ENOSPC = -28;

/** Beside a volume's data. Written before the volume has its name, and never again. */
const LABELS = 'volume.json';
const LABELS_MAX = 64 * 1024;
const DATA = 'data';
/** Of what is being made, or removed: hidden, and removed by whoever finds it unlocked. */
const MAKING = '.new-';
const REMOVING = '.gone-';
const LEFT = /^\.(new|gone)-[0-9a-f]{32}$/;
/** In a volume: what is being copied into it. */
export const COPYING = ['.copying', '.links'] as const;

/** What does not change in a volume's life. */
export interface Described {
  labels: Record<string, string>;
  createdAt: number;
}

/** An error of node:fs as one of ours. */
export function fromNode(error: unknown, subject: string, hint?: string): unknown {
  const { errno, syscall } = error as NodeJS.ErrnoException;
  if (error instanceof NsnetError || errno === undefined) return error;
  return systemError(errno, syscall ?? 'open', { subject, hint });
}

export const subjectOf = (name: string): string => `volume '${name}'`;

/**
 * The directory that volumes are in: `<name>/data` is the content, `<name>/volume.json` the labels. What is there is
 * all there is to know. They are no extended attributes, since not every file system has those, and those that have
 * take few bytes of them (ext4: 4 KiB for all). A directory without that file is none of ours and left alone.
 */
export class Store {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  data(name: string): string {
    return join(this.directory, name, DATA);
  }

  /** Undefined if there is no such volume. */
  async describe(name: string): Promise<Described | undefined> {
    const path = this.path(name);
    const status = await lstat(path).catch((error) => {
      if (error.code !== 'ENOENT') throw fromNode(error, subjectOf(name));
      return undefined;
    });
    if (!status?.isDirectory()) return undefined;
    const read = await native().readFile(HERE.entries, HERE.ownMemory, join(path, LABELS));
    if (!isFailure(read)) return described(Buffer.from(read).toString(), status.birthtimeMs);
    if (read.errno === ENOENT) return undefined;
    throw systemError(read.errno, read.syscall, { subject: subjectOf(name) });
  }

  async names(): Promise<string[]> {
    return (await this.#entries()).filter(isVolumeName).sort();
  }

  /** Made under a hidden name and renamed when it is whole, so that one of two wins and none is ever half-made. */
  async create(name: string, labels: Record<string, string>, signal?: AbortSignal): Promise<void> {
    const text = Buffer.from(`${JSON.stringify({ labels, createdAt: Date.now() } satisfies Described)}\n`);
    if (text.length > LABELS_MAX) throw invalidValue('labels', 'less than 64 KiB', labels);
    await mkdir(this.directory, { recursive: true, mode: 0o700 }).catch((error) => {
      throw fromNode(error, this.directory);
    });
    await this.sweep(signal);
    const hidden = MAKING + randomBytes(16).toString('hex');
    const path = this.path(hidden);
    try {
      await mkdir(path, { mode: 0o700 });
    } catch (error) {
      throw fromNode(error, subjectOf(name));
    }
    const lock = await Lock.try(path, 'exclusive');
    // Somebody who swept just now: what has been made is gone, or will be.
    if (!(lock instanceof Lock)) return this.create(name, labels, signal);
    try {
      await write(join(path, LABELS), text);
      await mkdir(join(path, DATA), { mode: 0o755 });
      if (signal?.aborted) throw abortError(signal);
      await renameNew(path, this.path(name), subjectOf(name));
    } catch (error) {
      await this.discard(hidden, lock);
      throw fromNode(error, subjectOf(name));
    } finally {
      await lock.close();
    }
  }

  /** Out of sight, by a rename, and then to pieces; what is left of it after a kill is swept. The lock is held on. */
  async remove(name: string, lock: Lock, signal?: AbortSignal): Promise<void> {
    const hidden = REMOVING + randomBytes(16).toString('hex');
    if (signal?.aborted) throw abortError(signal);
    try {
      await rename(this.path(name), this.path(hidden));
    } catch (error) {
      throw fromNode(error, subjectOf(name));
    }
    await this.discard(hidden, lock, signal, name);
  }

  /** Removes what is in this directory, or in one of its volumes. */
  async discard(entry: string, lock: Lock, signal?: AbortSignal, name = entry): Promise<void> {
    const directory = await openDirectory(this.directory);
    try {
      if (directory) await removeTree(directory, entry, lock.directory, subjectOf(name), signal);
    } finally {
      await directory?.close();
    }
  }

  /** Removes what those who were killed have left; what cannot be removed is left to the next. */
  async sweep(signal?: AbortSignal): Promise<void> {
    for (const entry of await this.#entries()) {
      if (signal?.aborted) throw abortError(signal);
      const left = LEFT.test(entry);
      const copying = isVolumeName(entry) && (await this.#isVolume(entry)) && (await this.#isCopying(entry));
      if (!left && !copying) continue;
      const lock = await Lock.try(this.path(entry), 'exclusive').catch(() => 'gone');
      if (!(lock instanceof Lock)) continue;
      const work = left ? this.discard(entry, lock, signal) : this.discardCopy(lock, signal);
      await work.catch((error) => {
        if (signal?.aborted) throw error;
      });
      await lock.close();
    }
  }

  /** Removes what was copied of a copy that was not finished. */
  async discardCopy(volume: Lock, signal?: AbortSignal): Promise<void> {
    for (const entry of COPYING) {
      await removeTree(volume.directory, entry, volume.directory, 'an unfinished copy', signal);
    }
  }

  /** Whether it is one of these, and not a directory that somebody keeps here. */
  async #isVolume(name: string): Promise<boolean> {
    const status = await lstat(join(this.path(name), LABELS)).catch(() => undefined);
    return status?.isFile() ?? false;
  }

  async #isCopying(name: string): Promise<boolean> {
    const found = await Promise.all(
      COPYING.map((entry) => lstat(join(this.path(name), entry)).catch(() => undefined)),
    );
    return found.some((status) => status !== undefined);
  }

  async #entries(): Promise<string[]> {
    try {
      return await readdir(this.directory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw fromNode(error, this.directory);
    }
  }
}

/** Whatever the file says: it may have been written by hand. */
function described(text: string, birth: number): Described {
  let given: Partial<Described> | null = null;
  try {
    given = JSON.parse(text);
  } catch {
    // No labels, then.
  }
  const { labels = {}, createdAt = birth } = given ?? {};
  const pairs = Object.entries(labels ?? {}).filter(([, value]) => typeof value === 'string');
  return { labels: Object.fromEntries(pairs), createdAt: Number(createdAt) || birth };
}

/** By descriptors that never come to JavaScript, where a Worker that is terminated would lose them. */
async function write(path: string, bytes: Uint8Array): Promise<void> {
  const steps = new Steps();
  const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | O_CLOEXEC;
  const file = steps.add('openat', [AT_FDCWD, path, flags, 0o600]);
  const written = steps.add('write', [file, bytes]);
  const outcome = await steps.run(HERE);
  const error = outcome.error({ subject: path });
  if (error) throw error;
  if (outcome.result(written) < bytes.length) throw systemError(ENOSPC, 'write', { subject: path });
}

/** EEXIST if there is anything of that name. */
async function renameNew(from: string, to: string, subject: string): Promise<void> {
  const steps = new Steps();
  steps.add('renameat2', [AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE]);
  const outcome = await steps.run(HERE);
  if (outcome.errno === 0) return;
  const hint =
    outcome.errno === -17 ? 'There is one of that name: Volume.open() it, or remove() it' : undefined;
  if (outcome.errno !== EINVAL) throw outcome.error({ subject, hint });
  // A file system without that flag (NFS). A plain rename replaces an empty directory, which no volume is.
  await rename(from, to).catch((error) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR')
      throw systemError(-17, 'rename', { subject, hint });
    throw error;
  });
}
