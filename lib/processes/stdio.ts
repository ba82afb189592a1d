import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { systemError } from '../syscalls/errors.js';
import { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { isBun } from '../syscalls/runtime.js';
import { BunReadable, BunWritable } from './bun-streams.js';
import { openTerminal } from './terminal.js';
import type { Stdio, StdioItem } from './types.js';

const STANDARD = 3;

/** What a process has as its descriptors 0, 1, 2 and so on, and this process's ends of it. */
export class StdioEnds {
  /** The child's, by their numbers; closed here once it has its own. Null is the null device, which it opens itself. */
  readonly theirs: (Fd | null)[] = [];
  readonly #copies = new Set<Fd>();
  readonly #ours: (Fd | undefined)[] = [];

  /** This side of a terminal, which is the child's 0, 1 and 2. */
  terminal: Fd | undefined;

  constructor(stdio: Stdio, terminal?: { columns: number; rows: number }) {
    const items = Array.isArray(stdio) ? (stdio as readonly StdioItem[]) : Array(STANDARD).fill(stdio);
    try {
      if (terminal) {
        const [own, peer] = openTerminal(terminal.columns, terminal.rows);
        this.terminal = own;
        this.theirs.push(peer, peer, peer);
        return;
      }
      for (let number = 0; number < Math.max(items.length, STANDARD); number++)
        this.#open(items[number] ?? (number < STANDARD ? 'pipe' : 'ignore'), number);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Lets go of the child's ends. A copy of the caller's own may take its file system a while. */
  handOver(): void {
    for (const fd of this.theirs) if (fd && !this.#copies.has(fd)) fd.closeNow();
    for (const fd of this.#copies) void fd.close();
  }

  /** This process's ends as streams; null where there is none. */
  streams(): (Readable | Writable | null)[] {
    return this.#ours.map((fd, number) => {
      if (!fd) return null;
      const readable = number > 0;
      if (isBun) return readable ? new BunReadable(fd) : new BunWritable(fd);
      return new Socket({ fd: fd.release(), readable, writable: !readable });
    });
  }

  close(): void {
    this.handOver();
    for (const fd of [...this.#ours, this.terminal]) fd?.closeNow();
  }

  #open(item: StdioItem, number: number): void {
    if (item === 'pipe') {
      const ends = native().pipe();
      if (typeof ends === 'number') throw systemError(ends, 'pipe2');
      const [read, write] = ends.map((end) => new Fd(end)) as [Fd, Fd];
      this.theirs.push(number === 0 ? read : write);
      this.#ours.push(number === 0 ? write : read);
      return;
    }
    this.#ours.push(undefined);
    if (item === 'ignore') {
      this.theirs.push(null);
      return;
    }
    const copy = Fd.duplicate(item === 'inherit' ? number : item);
    this.#copies.add(copy);
    this.theirs.push(copy);
  }
}
