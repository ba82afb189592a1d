import { abortError } from '../syscalls/errors.js';
import type { MessageSocket } from './message-socket.js';
import { bellOf, type Waiter } from './waiter.js';

/** Milliseconds until a device whose queue was full is tried again: there is no event for that. */
const NO_ROOM = 5;

const EAGAIN = -11;
const ENOMEM = -12;
const ENOBUFS = -105;

interface Letter {
  bytes: Uint8Array;
  to: Uint8Array | undefined;
  signal: AbortSignal | undefined;
  resolve(errno: number): void;
  reject(error: unknown): void;
}

/** What is to be sent by a socket, in the order it was given: what there is no room for waits until there is. */
export class Outbox {
  readonly #socket: MessageSocket;
  #letters: Letter[] = [];
  readonly #waiter: Waiter = {};
  #timer: NodeJS.Timeout | undefined;
  /** One listener for a signal, however many letters it is given to. */
  readonly #listeners = new Map<AbortSignal, () => void>();

  constructor(socket: MessageSocket) {
    this.#socket = socket;
  }

  /** Messages that wait for room. */
  get count(): number {
    return this.#letters.length;
  }

  /** Their bytes. */
  get size(): number {
    return this.#letters.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** Resolves to 0 once the kernel has it, or to -errno; rejects with an AbortError, and then it was not sent. */
  send(bytes: Uint8Array, to: Uint8Array | undefined, signal?: AbortSignal): Promise<number> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(abortError(signal));
      const now = this.#letters.length > 0 ? EAGAIN : this.#socket.send(bytes, to);
      if (!isFull(now)) return resolve(Math.min(now, 0));
      // The caller may change its bytes as soon as this has returned.
      this.#letters.push({ bytes: new Uint8Array(bytes), to, signal, resolve, reject });
      if (signal) this.#listen(signal);
      if (this.#letters.length === 1) this.#wait(now);
    });
  }

  /** What waits is settled with this errno. */
  close(errno: number): void {
    for (const { resolve } of this.#letters.splice(0)) resolve(errno);
    this.#rest();
  }

  #listen(signal: AbortSignal): void {
    if (this.#listeners.has(signal)) return;
    const onAbort = () => {
      const left = this.#letters.filter((letter) => letter.signal === signal);
      this.#letters = this.#letters.filter((letter) => letter.signal !== signal);
      for (const { reject } of left) reject(abortError(signal));
      this.#listeners.delete(signal);
      if (this.#letters.length === 0) this.#rest();
    };
    this.#listeners.set(signal, onAbort);
    signal.addEventListener('abort', onAbort, { once: true });
  }

  /** Nothing waits, and nothing keeps the event loop alive. */
  #rest(): void {
    clearTimeout(this.#timer);
    this.#waiter.wake = undefined;
    this.#socket.unwatchWritable();
    for (const [signal, onAbort] of this.#listeners) signal.removeEventListener('abort', onAbort);
    this.#listeners.clear();
  }

  #wait(errno: number): void {
    if (errno !== EAGAIN) {
      this.#timer = setTimeout(() => this.#flush(), NO_ROOM);
      return;
    }
    const waiter = this.#waiter;
    waiter.wake = () => {
      waiter.wake = undefined;
      this.#flush();
    };
    this.#socket.whenWritable(bellOf(waiter));
  }

  #flush(): void {
    for (let first = this.#letters[0]; first; first = this.#letters[0]) {
      const sent = this.#socket.send(first.bytes, first.to);
      if (isFull(sent)) {
        this.#wait(sent);
        return;
      }
      this.#letters.shift();
      first.resolve(Math.min(sent, 0));
    }
    this.#rest();
  }
}

/** Whether there is no room at the moment. */
export function isFull(errno: number): boolean {
  return errno === EAGAIN || errno === ENOMEM || errno === ENOBUFS;
}
