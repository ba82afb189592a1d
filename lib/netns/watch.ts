import { isDeepStrictEqual } from 'node:util';
import type { Call } from '../handles/listing.js';
import { Pace } from '../handles/pace.js';
import type { Internals } from '../namespaces/network.js';
import { NETLINK } from '../netlink/constants.js';
import { Monitor, type News } from '../netlink/monitor.js';
import { openNetlink } from '../netlink/socket.js';
import { abortError } from '../syscalls/errors.js';

/** One thing that is other than it was when the reader last heard of it. */
export type Change<T> =
  | { type: 'added'; value: T /** Was there when the watch began. */; initial: boolean }
  | { type: 'changed'; value: T; previous: T }
  | { type: 'removed'; value: T };

export interface WatchOptions extends Call {
  /** Whether what is there already comes first, as `added` with `initial`. Default true. */
  snapshot?: boolean;
}

/** What is watched, and how it is read. */
export interface Watched<T> {
  /** Multicast groups, RTNLGRP. */
  groups: readonly number[];
  /** Everything that is there, by a key that stays the same while the thing does. */
  read(signal?: AbortSignal): Promise<Map<string, T>>;
  /**
   * Applies news to `current`; returns the keys that it touched, or undefined if only reading everything again will
   * tell.
   */
  apply(news: News, current: Map<string, T>): Iterable<string> | undefined;
}

/**
 * Changes as they happen. Nothing is queued for a slow reader: the kernel's own queue is read when the reader asks,
 * and if it has overflowed meanwhile the table is read again and compared. A reader gets the net change of each thing
 * since it last heard of it.
 */
export class Watch<T, Shown = T> implements AsyncIterableIterator<Change<Shown>> {
  readonly #inner: Internals;
  readonly #what: Watched<T>;
  readonly #options: WatchOptions;
  readonly #show: (value: T) => Shown;
  readonly #told = new Map<string, T>();
  #current = new Map<string, T>();
  readonly #touched = new Set<string>();
  #initial: boolean;
  #monitor: Monitor | undefined;
  #forget: (() => void) | undefined;
  #beginning: Promise<void> | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #ended = false;
  readonly #onAbort = () => void this.#end();

  /** `show` makes what the reader sees of what is compared. */
  constructor(inner: Internals, what: Watched<T>, options: WatchOptions, show: (value: T) => Shown) {
    this.#inner = inner;
    this.#what = what;
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
    this.#forget = this.#inner.keep(() => this.#end());
    // Listening begins before reading, so that nothing falls between the two.
    const listening = this.#open();
    this.#inner.route.barrier(listening).catch(() => {});
    const reading = this.#what.read(signal);
    reading.catch(() => {});
    await listening;
    this.#current = await reading;
    const pace = new Pace();
    for (const [key, value] of this.#current) {
      if (snapshot) this.#touched.add(key);
      else this.#told.set(key, value);
      if (pace.due) await pace.turn();
    }
  }

  async #open(): Promise<void> {
    const socket = await openNetlink(this.#inner.inside(), NETLINK.ROUTE, this.#inner.subject);
    if (this.#ended) await socket.close();
    else this.#monitor = new Monitor(socket, this.#what.groups);
  }

  async #listen(): Promise<void> {
    const monitor = this.#monitor as Monitor;
    await monitor.wait();
    this.#check();
    if (this.#ended) return;
    const news = monitor.read();
    const keys = news.lost ? undefined : this.#what.apply(news, this.#current);
    if (keys) {
      for (const key of keys) this.#touched.add(key);
      return;
    }
    this.#current = await this.#what.read(this.#options.signal);
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
    this.#forget?.();
    await this.#monitor?.close();
  }
}
