import { isDeepStrictEqual } from 'node:util';
import { abortError } from '../syscalls/errors.js';
import { Pace } from './pace.js';
import type { Change, WatchOptions } from './view.js';

/** Where a watch hears of changes. */
export interface Feed<T> {
  /**
   * Begins to listen, and then reads what is there, by a key that stays the same while the thing does. `end` ends the
   * watch quietly.
   */
  begin(end: () => Promise<void>): Promise<Map<string, T>>;
  /** Waits for news, or for end(). */
  wait(): Promise<void>;
  /** Applies the news to `current` and gives the keys that they touched; or everything, read again. */
  news(current: Map<string, T>): Iterable<string> | Promise<Map<string, T>>;
  /** Stops listening; again is no error. */
  end(): Promise<void>;
}

/**
 * Changes as they happen. Nothing is queued for a slow reader: the feed is asked when the reader asks. A reader gets
 * the net change of each thing since it last heard of it.
 */
export class Watch<T, Shown = T> implements AsyncIterableIterator<Change<Shown>> {
  readonly #feed: Feed<T>;
  readonly #options: WatchOptions;
  readonly #show: (value: T) => Shown;
  readonly #told = new Map<string, T>();
  #current = new Map<string, T>();
  readonly #touched = new Set<string>();
  #initial: boolean;
  #beginning: Promise<void> | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #ended = false;
  readonly #onAbort = () => void this.#end();

  /** `show` makes what the reader sees of what is compared. */
  constructor(feed: Feed<T>, options: WatchOptions, show: (value: T) => Shown) {
    this.#feed = feed;
    this.#options = options;
    this.#show = show;
    this.#initial = options.snapshot !== false;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Change<Shown>, undefined>> {
    // At once, so that what is issued behind the first call is a change to be told.
    this.#beginning ??= this.#begin();
    this.#beginning.catch(() => {});
    const turn = this.#turn.then(() => this.#next());
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async return(): Promise<IteratorResult<Change<Shown>, undefined>> {
    await this.#end();
    return { done: true, value: undefined };
  }

  async #next(): Promise<IteratorResult<Change<Shown>, undefined>> {
    try {
      for (;;) {
        await this.#beginning;
        this.#check();
        if (this.#ended) return { done: true, value: undefined };
        const change = this.#take();
        if (change) return { done: false, value: change };
        this.#initial = false;
        await this.#listen();
      }
    } catch (error) {
      await this.#end();
      throw error;
    }
  }

  #check(): void {
    const { signal } = this.#options;
    if (signal?.aborted) throw abortError(signal);
  }

  async #begin(): Promise<void> {
    const { signal, snapshot = true } = this.#options;
    this.#check();
    if (this.#ended) return;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#current = await this.#feed.begin(() => this.#end());
    const pace = new Pace();
    for (const [key, value] of this.#current) {
      if (snapshot) this.#touched.add(key);
      else this.#told.set(key, value);
      if (pace.due) await pace.turn();
    }
  }

  async #listen(): Promise<void> {
    await this.#feed.wait();
    this.#check();
    if (this.#ended) return;
    const news = this.#feed.news(this.#current);
    if (!(news instanceof Promise)) {
      for (const key of news) this.#touched.add(key);
      return;
    }
    this.#current = await news;
    const pace = new Pace();
    for (const keys of [this.#told.keys(), this.#current.keys()]) {
      for (const key of keys) {
        this.#touched.add(key);
        if (pace.due) await pace.turn();
      }
    }
  }

  /** The next net change, if there is one. */
  #take(): Change<Shown> | undefined {
    for (const key of this.#touched) {
      this.#touched.delete(key);
      const previous = this.#told.get(key);
      const value = this.#current.get(key);
      if (value === undefined) {
        this.#told.delete(key);
        if (previous !== undefined) return { type: 'removed', value: this.#show(previous) };
      } else {
        this.#told.set(key, value);
        if (previous === undefined)
          return { type: 'added', value: this.#show(value), initial: this.#initial };
        if (!isDeepStrictEqual(value, previous)) {
          return { type: 'changed', value: this.#show(value), previous: this.#show(previous) };
        }
      }
    }
    return undefined;
  }

  async #end(): Promise<void> {
    this.#ended = true;
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    await this.#feed.end();
  }
}
