import type { WatchOptions } from '../handles/view.js';
import { type Feed, Watch } from '../handles/watch.js';
import type { Internals } from '../namespaces/network.js';
import { NETLINK } from '../netlink/constants.js';
import { Monitor, type News } from '../netlink/monitor.js';
import { openNetlink } from '../netlink/socket.js';

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

/** Changes of a table of a network namespace. `show` makes what the reader sees of what is compared. */
export function watchTable<T, Shown>(
  inner: Internals,
  what: Watched<T>,
  options: WatchOptions,
  show: (value: T) => Shown,
): Watch<T, Shown> {
  return new Watch(new Multicast(inner, what, options.signal), options, show);
}

/**
 * The kernel's own queue is read when the reader asks; if it has overflowed meanwhile the table is read again and
 * compared.
 */
class Multicast<T> implements Feed<T> {
  readonly #inner: Internals;
  readonly #what: Watched<T>;
  readonly #signal: AbortSignal | undefined;
  #monitor: Monitor | undefined;
  #forget: (() => void) | undefined;
  #ended = false;

  constructor(inner: Internals, what: Watched<T>, signal: AbortSignal | undefined) {
    this.#inner = inner;
    this.#what = what;
    this.#signal = signal;
  }

  async begin(end: () => Promise<void>): Promise<Map<string, T>> {
    this.#forget = this.#inner.keep(end);
    // Listening begins before reading, so that nothing falls between the two.
    const listening = this.#open();
    this.#inner.route.barrier(listening).catch(() => {});
    const reading = this.#what.read(this.#signal);
    reading.catch(() => {});
    await listening;
    return reading;
  }

  async #open(): Promise<void> {
    const socket = await openNetlink(this.#inner.inside(), NETLINK.ROUTE, this.#inner.subject);
    if (this.#ended) await socket.close();
    else this.#monitor = new Monitor(socket, this.#what.groups);
  }

  async wait(): Promise<void> {
    await (this.#monitor as Monitor).wait();
  }

  news(current: Map<string, T>): Iterable<string> | Promise<Map<string, T>> {
    const news = (this.#monitor as Monitor).read();
    const keys = news.lost ? undefined : this.#what.apply(news, current);
    return keys ?? this.#what.read(this.#signal);
  }

  async end(): Promise<void> {
    this.#ended = true;
    this.#forget?.();
    await this.#monitor?.close();
  }
}
