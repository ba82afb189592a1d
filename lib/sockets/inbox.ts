import { abortError } from '../syscalls/errors.js';
import type { Message, MessageSocket } from './message-socket.js';
import { bellOf, type Waiter } from './waiter.js';

/** Messages that are read in one turn of the event loop. */
const BATCH = 64;

/** The longest that a flood keeps the event loop, in milliseconds. */
const SLICE = 4;

interface Waiting<T> {
  resolve(result: IteratorResult<T, undefined>): void;
  reject(error: unknown): void;
}

/** The messages of a socket for who loops over them: what nobody asks for waits in the kernel, as far as it has room. */
export class Inbox<T> {
  readonly #socket: MessageSocket;
  readonly #read: (message: Message) => T | undefined;
  readonly #check: () => unknown;
  #arrived: T[] = [];
  #waiting: Waiting<T>[] = [];
  #looping = false;
  #closed = false;
  #until = 0;
  #yielding = false;
  readonly #waiter: Waiter = {};

  /** `read` leaves out what is no message; `check` gives the error of a socket that will get no more. */
  constructor(
    socket: MessageSocket,
    read: (message: Message) => T | undefined,
    check: () => unknown = () => undefined,
  ) {
    this.#socket = socket;
    this.#read = read;
    this.#check = check;
  }

  /** One loop at a time. `owner` is kept for as long as it goes on. */
  iterate(owner: object, signal?: AbortSignal): AsyncIterableIterator<T> {
    if (this.#looping) throw new TypeError('The messages of a socket are read by one loop at a time');
    this.#looping = true;
    let over = false;
    const end = (finish: (waiting: Waiting<T>) => void) => {
      if (over) return;
      over = true;
      this.#looping = false;
      signal?.removeEventListener('abort', onAbort);
      const left = this.#waiting.splice(0);
      if (left.length > 0) this.#rest();
      for (const waiting of left) finish(waiting);
    };
    const onAbort = () => {
      failure = this.#waiting.length > 0 ? undefined : abortError(signal);
      end(({ reject }) => reject(abortError(signal)));
    };
    // What ended it while nobody was waiting, for who asks next.
    let failure: unknown;
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
    const stop = async (): Promise<IteratorResult<T, undefined>> => {
      failure = undefined;
      end(({ resolve }) => resolve({ done: true, value: undefined }));
      return { done: true, value: undefined };
    };
    const iterator: AsyncIterableIterator<T> & { owner: object } = {
      owner,
      next: async () => {
        const error = failure;
        failure = undefined;
        if (error !== undefined) throw error;
        if (over) return { done: true, value: undefined };
        const result = await this.#next();
        if (result.done) end(() => {});
        return result;
      },
      return: stop,
      throw: async (error) => {
        await stop();
        throw error;
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** Nothing is read any more; loops end quietly. */
  close(): void {
    this.#closed = true;
    this.#arrived = [];
    this.#waiter.wake = undefined;
    for (const { resolve } of this.#waiting.splice(0)) resolve({ done: true, value: undefined });
  }

  #next(): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return resolve({ done: true, value: undefined });
      if (this.#waiting.length === 0 && this.#arrived.length > 0) {
        return resolve({ done: false, value: this.#arrived.shift() as T });
      }
      this.#waiting.push({ resolve, reject });
      this.#wait();
    });
  }

  /**
   * By the poll thread even where more has arrived. In a flood its calls come one after the other in one turn of the
   * event loop: after some milliseconds of it others have their turn.
   */
  #wait(): void {
    if (performance.now() < this.#until) {
      this.#arm();
      return;
    }
    if (this.#yielding) return;
    this.#yielding = true;
    setImmediate(() => {
      this.#yielding = false;
      this.#until = performance.now() + SLICE;
      if (this.#waiting.length > 0 && !this.#closed) this.#arm();
    });
  }

  #arm(): void {
    const waiter = this.#waiter;
    waiter.wake = () => {
      waiter.wake = undefined;
      this.#receive();
    };
    try {
      this.#socket.whenReadable(bellOf(waiter));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Nobody waits, and nothing keeps the event loop alive. */
  #rest(): void {
    this.#waiter.wake = undefined;
    this.#socket.unwatchReadable();
  }

  #receive(): void {
    if (this.#closed || this.#waiting.length === 0) return;
    try {
      let failed: unknown;
      const messages = this.#socket.receive(BATCH, () => {
        failed = this.#check();
      });
      if (failed !== undefined) throw failed;
      for (const message of messages) {
        const value = this.#read(message);
        if (value !== undefined) this.#arrived.push(value);
      }
    } catch (error) {
      this.#fail(error);
      return;
    }
    while (this.#arrived.length > 0 && this.#waiting.length > 0) {
      const { resolve } = this.#waiting.shift() as Waiting<T>;
      resolve({ done: false, value: this.#arrived.shift() as T });
    }
    if (this.#waiting.length > 0) this.#wait();
  }

  #fail(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
