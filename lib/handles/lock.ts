import { constants } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { abortError, systemError } from '../syscalls/errors.js';
import { HERE, isFailure } from '../syscalls/excursion.js';
import { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';

const FLOCK = { SH: 1, EX: 2, UN: 8 } as const;
const EAGAIN = -11;
const ENOENT = -2;

/** Not only closed: what is cloned from this process has the descriptor, too, until it has become another program. */
export async function unlockAndClose(fd: Fd): Promise<void> {
  native().flock(fd.native, FLOCK.UN);
  await fd.close();
}

export type Hold = 'shared' | 'exclusive';

/** A directory, not reached through a symbolic link at the end of its path; undefined if there is none. */
export async function openDirectory(path: string): Promise<Fd | undefined> {
  const flags = constants.O_DIRECTORY | constants.O_NOFOLLOW;
  const opened = await native().open(HERE.entries, HERE.ownMemory, path, flags, 0);
  if (!isFailure(opened)) return new Fd(opened);
  if (opened.errno === ENOENT) return undefined;
  throw systemError(opened.errno, opened.syscall, { subject: path });
}

/**
 * flock(2) of a directory: gone with the process, kill -9 included. Who uses a volume holds it shared, who makes, fills
 * or removes one exclusively.
 */
export class Lock {
  readonly directory: Fd;

  private constructor(directory: Fd) {
    this.directory = directory;
  }

  /** 'busy' if others hold it otherwise, 'gone' if there is no such directory. Never waits. */
  static async try(path: string, hold: Hold): Promise<Lock | 'busy' | 'gone'> {
    const directory = await openDirectory(path);
    if (!directory) return 'gone';
    const lock = new Lock(directory);
    const held = native().flock(directory.native, hold === 'shared' ? FLOCK.SH : FLOCK.EX);
    // Between opening and locking it may have been removed, and another one made.
    if (held === 0 && (await lock.isStill(path))) return lock;
    await lock.close();
    if (held === 0) return Lock.try(path, hold);
    if (held === EAGAIN) return 'busy';
    throw systemError(held, 'flock', { subject: path });
  }

  /** Waits for others, until the signal; undefined if there is no such directory. */
  static async wait(path: string, hold: Hold, signal?: AbortSignal): Promise<Lock | undefined> {
    for (const pause = new Pause(signal); ; await pause.pass()) {
      const lock = await Lock.try(path, hold);
      if (lock instanceof Lock) return lock;
      if (lock === 'gone') return undefined;
    }
  }

  /** Whether this is what the path means now. */
  async isStill(path: string): Promise<boolean> {
    const mine = this.directory.stat();
    const there = await lstat(path, { bigint: true }).catch(() => undefined);
    return there !== undefined && there.ino === mine.ino && there.dev === mine.dev;
  }

  /** From exclusive to shared; false if somebody else was quicker, which leaves nothing held. */
  share(): boolean {
    return native().flock(this.directory.native, FLOCK.SH) === 0;
  }

  close(): Promise<void> {
    return unlockAndClose(this.directory);
  }
}

/** Waits a little, and each time a little longer, no two processes the same. */
export class Pause {
  readonly #signal: AbortSignal | undefined;
  readonly #until: number;
  #milliseconds = 1;

  constructor(signal?: AbortSignal, milliseconds = Number.POSITIVE_INFINITY) {
    this.#signal = signal;
    this.#until = performance.now() + milliseconds;
  }

  get over(): boolean {
    return performance.now() >= this.#until;
  }

  async pass(): Promise<void> {
    if (this.#signal?.aborted) throw abortError(this.#signal);
    await sleep(this.#milliseconds * (0.5 + Math.random()));
    this.#milliseconds = Math.min(2 * this.#milliseconds, 40);
  }
}
