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

/** Does what comes in bursts, in order: some milliseconds of it in one turn of the event loop, the rest in the next. */
export class Landing {
  #waiting: (() => void)[] = [];
  #until = 0;
  #turning = false;

  do(work: () => void): void {
    if (this.#waiting.length > 0 || (this.#turning && performance.now() >= this.#until)) {
      this.#waiting.push(work);
      return;
    }
    this.#begin();
    work();
  }

  #begin(): void {
    if (this.#turning) return;
    this.#turning = true;
    this.#until = performance.now() + SLICE;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#turning = false;
    if (this.#waiting.length === 0) return;
    this.#begin();
    const waiting = this.#waiting;
    let next = 0;
    try {
      while (next < waiting.length && performance.now() < this.#until) (waiting[next++] as () => void)();
    } finally {
      this.#waiting = waiting.slice(next);
    }
  }
}
