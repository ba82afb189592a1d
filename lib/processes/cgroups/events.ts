import { abortError } from '../../syscalls/errors.js';
import type { Group } from './group.js';
import { type Counts, closeAll, type Source, sourcesOf } from './sources.js';

/** What happened to a group, or to one below it; `count` times since it was last told. */
export type CgroupEvent =
  /** It needed more memory than it may have, and nothing could be reclaimed; and a process was killed for it. */
  | { type: 'oom' | 'oomKill'; count: number }
  /** It came up against memory.max (not told on cgroup v1), or a fork against pids.max. */
  | { type: 'max'; controller: 'memory' | 'pids'; count: number }
  /** The last process has ended, or left. */
  | { type: 'empty' };

/** In ms: how often it is looked where the kernel wakes nobody, on cgroup v1. */
const INTERVAL = 100;
/** And whether the group is still there: of that it tells nobody on v2. */
const ALIVE_INTERVAL = 1000;

/**
 * Events from the moment it is made. Nothing is queued: the counts are compared when the reader asks, so a slow one
 * loses nothing and holds nothing up. Ends quietly with the group.
 */
export class Events implements AsyncIterableIterator<CgroupEvent> {
  /** Settles when it has begun: what is done after that is told. */
  readonly begun: Promise<void>;
  readonly #signal: AbortSignal | undefined;
  readonly #ended: (events: Events) => void;
  readonly #now: Counts = { oom: 0, oomKill: 0, memoryMax: 0, pidsMax: 0, empty: 0 };
  #told: Counts = { ...this.#now };
  #sources: Source[] = [];
  #turn: Promise<unknown>;
  #over = false;
  #closing: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  readonly #onAbort = () => void this.end();

  constructor(group: Group, signal: AbortSignal | undefined, ended: (events: Events) => void) {
    this.#signal = signal;
    this.#ended = ended;
    this.begun = this.#begin(group);
    this.#turn = this.begun.catch(() => {});
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<CgroupEvent, undefined>> {
    const turn = this.#turn.then(() => this.#next());
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async return(): Promise<IteratorResult<CgroupEvent, undefined>> {
    await this.end();
    return { done: true, value: undefined };
  }

  /** Quietly; again is no error. */
  end(): Promise<void> {
    this.#over = true;
    for (const { bell } of this.#sources) bell?.stop();
    this.#wake?.();
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    await this.begun.catch(() => {});
    await closeAll(this.#sources);
    this.#ended(this);
  }

  async #begin(group: Group): Promise<void> {
    if (this.#signal?.aborted) return;
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#sources = await sourcesOf(group);
    for (const source of this.#sources) await source.read(this.#now);
    this.#told = { ...this.#now };
  }

  async #next(): Promise<IteratorResult<CgroupEvent, undefined>> {
    try {
      await this.begun;
      for (;;) {
        if (this.#signal?.aborted) throw abortError(this.#signal);
        if (this.#over) return { done: true, value: undefined };
        const event = this.#take();
        if (event) return { done: false, value: event };
        if (!(await this.#look())) {
          const last = this.#take();
          if (last) return { done: false, value: last };
          await this.end();
        }
      }
    } catch (error) {
      await this.end();
      throw error;
    }
  }

  /** Reads the counts; if they are as they were, waits for news. False if the group is gone. */
  async #look(): Promise<boolean> {
    if (!(await this.#read())) return false;
    if (this.#isNews()) return true;
    await this.#wait();
    return true;
  }

  async #read(): Promise<boolean> {
    let there = true;
    for (const source of this.#sources) {
      if (this.#over) return true;
      there = (await source.read(this.#now)) && there;
    }
    return there;
  }

  #isNews(): boolean {
    return Object.keys(this.#now).some(
      (key) => this.#now[key as keyof Counts] !== this.#told[key as keyof Counts],
    );
  }

  #wait(): Promise<void> {
    if (this.#over) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timed = this.#sources.some(({ bell }) => !bell);
      const timer = setTimeout(() => this.#wake?.(), timed ? INTERVAL : ALIVE_INTERVAL);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      for (const { bell, wasRung } of this.#sources) {
        bell?.wait(wasRung).then(
          () => this.#wake?.(),
          (error) => {
            clearTimeout(timer);
            reject(error);
          },
        );
      }
    });
  }

  /** The next event that is not yet told. */
  #take(): CgroupEvent | undefined {
    const since = (key: keyof Counts): number => {
      const count = this.#now[key] - this.#told[key];
      this.#told[key] = this.#now[key];
      return count;
    };
    for (const [key, controller] of [
      ['memoryMax', 'memory'],
      ['pidsMax', 'pids'],
    ] as const) {
      const count = since(key);
      if (count > 0) return { type: 'max', controller, count };
    }
    for (const type of ['oom', 'oomKill'] as const) {
      const count = since(type);
      if (count > 0) return { type, count };
    }
    return since('empty') > 0 ? { type: 'empty' } : undefined;
  }
}
