import { setImmediate as turn } from 'node:timers/promises';

/** The longest that long work keeps the event loop, in milliseconds. */
const SLICE = 4;

/** For work on much: `if (pace.due) await pace.turn()` between its parts, each of less than a millisecond. */
export class Pace {
  #until = performance.now() + SLICE;

  get due(): boolean {
    return performance.now() >= this.#until;
  }

  /** Gives the event loop its turn. */
  async turn(): Promise<void> {
    await turn();
    this.#until = performance.now() + SLICE;
  }
}
