import { Mailbox } from './mailbox.js';

/** Values that are kept for a loop that is slower than they come, or yet to begin. */
const KEPT = 1024;

/** What is under way once a run has begun. */
export interface Running<R> {
  /** The outcome, once nothing of the run is left. */
  readonly done: Promise<R>;
  /** Ends it quietly. */
  stop(): void;
  /** The loop has taken a value: there may be room again. */
  resume(): void;
}

/** Where a run's values go. */
export interface Outlet<T> {
  /** What is `expendable` is left out where a loop is far behind. */
  put(value: T, expendable?: boolean): void;
  /** Whether so many are unread that it should wait. */
  readonly full: boolean;
}

/** Something that goes on for a while, begun by the first await or loop: values on the way, and an outcome. */
export abstract class Run<T, R> implements AsyncIterable<T>, PromiseLike<R> {
  readonly #start: (outlet: Outlet<T>) => Running<R>;
  readonly #unread = new Mailbox<T>();
  #running: Running<R> | undefined;
  #looping = false;

  constructor(start: (outlet: Outlet<T>) => Running<R>) {
    this.#start = start;
  }

  /** For errors: 'The echoes of a ping'. */
  protected abstract readonly values: string;

  // biome-ignore lint/suspicious/noThenProperty: a run is awaited
  then<A = R, B = never>(
    fulfilled?: ((value: R) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#run().done.then(fulfilled, rejected);
  }

  catch<B = never>(rejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<R | B> {
    return this.then(undefined, rejected);
  }

  finally(settled?: (() => void) | null): Promise<R> {
    return this.#run().done.finally(settled);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    if (this.#looping) throw new TypeError(`${this.values} can be read only once`);
    this.#looping = true;
    const stop = async (): Promise<IteratorResult<T, undefined>> => {
      const running = this.#running;
      running?.stop();
      this.#unread.close();
      await running?.done.catch(() => {});
      return { done: true, value: undefined };
    };
    const iterator: AsyncIterableIterator<T> = {
      next: () => {
        if (this.#unread.closed) return this.#unread.next();
        const running = this.#run();
        const next = this.#unread.next();
        running.resume();
        return next;
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

  #run(): Running<R> {
    if (this.#running) return this.#running;
    const unread = this.#unread;
    const isLooping = () => this.#looping;
    const running = this.#start({
      put: (value, expendable = false) => {
        if (unread.size >= KEPT) {
          if (isLooping() && expendable) return;
          if (!isLooping()) unread.shift();
        }
        unread.put(value);
      },
      get full() {
        return isLooping() && unread.size >= KEPT;
      },
    });
    this.#running = running;
    running.done.then(
      () => unread.end(),
      (error) => unread.end(error),
    );
    return running;
  }
}
