import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { Handle } from '../handles/handle.js';
import { closedError, systemError } from '../syscalls/errors.js';
import { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { illegalConstructor, invalidValue } from '../syscalls/validate.js';
import type { Terminal } from './terminal.js';
import type { Exit } from './types.js';

const ENDED = [-3, -9]; // ESRCH; EBADF, as its descriptor goes with it

/** @internal What spawn() knows of a process that it has started. */
export interface Started {
  pid: number;
  pidfd: Fd;
  file: string;
  stdio: readonly (Readable | Writable | null)[];
  terminal: Terminal | null;
  exited: Promise<Exit>;
  hold: (held: boolean) => void;
}

/** One whose 0, 1 and 2 are streams. */
export interface PipedProcess extends Process {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
}

/** A process that spawn() started, held by a descriptor (pidfd_open(2)): no other can be meant by it. */
export class Process extends Handle {
  /** As this process sees it. */
  readonly pid: number;
  /** Descriptors 0, 1, 2 and so on; null unless 'pipe'. */
  readonly stdio: readonly (Readable | Writable | null)[];
  /** Null unless it was asked for. */
  readonly terminal: Terminal | null;
  /** Resolves when it has ended, and never rejects. */
  readonly exited: Promise<Exit>;
  readonly #pidfd: Fd;
  readonly #file: string;
  readonly #hold: (held: boolean) => void;

  /** @internal */
  constructor(started: Started) {
    if (!(started?.pidfd instanceof Fd)) throw illegalConstructor('Process', 'spawn(file, args, options)');
    super(true);
    const { pid, pidfd, file, stdio, terminal, exited, hold } = started;
    this.pid = pid;
    this.stdio = stdio;
    this.terminal = terminal;
    this.exited = exited;
    this.#pidfd = pidfd;
    this.#file = file;
    this.#hold = hold;
    // Nothing is held of what has ended, closed or not.
    void exited.then(() => pidfd.close());
  }

  /** −1 once it has ended, or was closed. It stays this object's. */
  get pidfd(): number {
    return this.#pidfd.number;
  }

  get stdin(): Writable | null {
    return (this.stdio[0] ?? null) as Writable | null;
  }

  get stdout(): Readable | null {
    return (this.stdio[1] ?? null) as Readable | null;
  }

  get stderr(): Readable | null {
    return (this.stdio[2] ?? null) as Readable | null;
  }

  /** Sends a signal; false if it has ended. Throws if the kernel refuses (EPERM). */
  kill(signal: NodeJS.Signals | 0 = 'SIGTERM'): boolean {
    const number = signal === 0 ? 0 : constants.signals[signal];
    if (number === undefined) throw invalidValue('signal', 'the name of a signal, or 0', signal);
    if (this.closed) throw closedError(this.toString());
    return sendSignal(this.#pidfd, number, this.toString());
  }

  /** The event loop waits for its end: the default. */
  ref(): this {
    this.#hold(true);
    return this;
  }

  /** The event loop may end before it. */
  unref(): this {
    this.#hold(false);
    return this;
  }

  override toString(): string {
    return `Process { pid: ${this.pid}, file: '${this.#file}' }`;
  }

  override toJSON(): unknown {
    return { pid: this.pid, file: this.#file };
  }

  /** Kills it, and waits until it has ended; after release() only lets go. */
  protected override async dispose(owned: boolean): Promise<void> {
    try {
      if (owned) {
        sendSignal(this.#pidfd, constants.signals.SIGKILL, this.toString());
        await this.exited;
      } else this.unref();
    } finally {
      this.#letGo();
    }
    await this.#pidfd.close();
  }

  #letGo(): void {
    for (const stream of [...this.stdio, this.terminal]) stream?.destroy();
  }
}

function sendSignal(pidfd: Fd, signal: number, subject: string): boolean {
  const error = native().signalProcess(pidfd.native, signal);
  if (error !== 0 && !ENDED.includes(error)) throw systemError(error, 'pidfd_send_signal', { subject });
  return error === 0;
}
