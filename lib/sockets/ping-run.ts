import type { Echo } from './echo.js';
import { Mailbox } from './mailbox.js';
import type { PingSummary } from './ping-statistics.js';
import type { Listener, Pinger } from './pinger.js';

/** Echoes that are kept for a loop that is slower than they come, or yet to begin. */
const KEPT = 1024;

/**
 * A run of pings, begun by the first await or loop. Looped over it gives each echo when it is decided; awaited it is
 * the summary; both may be done, in either order. A second loop throws.
 *
 * Leaving the loop ends the run, as does closing the namespace: the summary is then of what was sent until then. A
 * loop that is slow delays the sending: no more than 1,024 echoes wait for it. Without a loop so many of the last are
 * kept for one that is begun later.
 */
export class PingRun implements AsyncIterable<Echo>, PromiseLike<PingSummary> {
  readonly #start: (listener: Listener) => Pinger;
  readonly #unread = new Mailbox<Echo>();
  #pinger: Pinger | undefined;
  #looping = false;

  constructor(start: (listener: Listener) => Pinger) {
    this.#start = start;
  }

  // biome-ignore lint/suspicious/noThenProperty: a run is awaited
  then<A = PingSummary, B = never>(
    fulfilled?: ((value: PingSummary) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#run().done.then(fulfilled, rejected);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Echo> {
    if (this.#looping) throw new TypeError('The echoes of a ping can be read only once');
    this.#looping = true;
    const stop = async (): Promise<IteratorResult<Echo, undefined>> => {
      const pinger = this.#pinger;
      pinger?.stop();
      this.#unread.close();
      await pinger?.done.catch(() => {});
      return { done: true, value: undefined };
    };
    const iterator: AsyncIterableIterator<Echo> = {
      next: () => {
        if (this.#unread.closed) return this.#unread.next();
        const pinger = this.#run();
        const next = this.#unread.next();
        pinger.resume();
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

  #run(): Pinger {
    if (this.#pinger) return this.#pinger;
    const unread = this.#unread;
    const isLooping = () => this.#looping;
    const pinger = this.#start({
      decided: (echo) => {
        if (unread.size >= KEPT) {
          // A loop has been told of what it has not read; of duplicates there is no end.
          if (isLooping() && echo.type === 'duplicate') return;
          if (!isLooping()) unread.shift();
        }
        unread.put(echo);
      },
      get full() {
        return isLooping() && unread.size >= KEPT;
      },
    });
    this.#pinger = pinger;
    pinger.done.then(
      () => unread.end(),
      (error) => unread.end(error),
    );
    return pinger;
  }
}
