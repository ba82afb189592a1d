interface Waiting<T> {
  what: T;
  resolve(): void;
  reject(reason: unknown): void;
}

/**
 * Has what is asked for while something is under way done next, all at once. Where that fails each is done by itself, so
 * that everybody is told of his own.
 */
export class Together<T> {
  readonly #run: (all: readonly T[]) => Promise<void>;
  #waiting: Waiting<T>[] = [];
  #running = false;

  /** `run` does all of what it is given, in order, or fails and does none of it. */
  constructor(run: (all: readonly T[]) => Promise<void>) {
    this.#run = run;
  }

  do(what: T): Promise<void> {
    const done = new Promise<void>((resolve, reject) => this.#waiting.push({ what, resolve, reject }));
    if (!this.#running) this.#runAll();
    return done;
  }

  async #runAll(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const round = this.#waiting.splice(0);
      if (!(await this.#try(round)) && round.length > 1) for (const one of round) await this.#try([one]);
    }
    this.#running = false;
  }

  async #try(round: readonly Waiting<T>[]): Promise<boolean> {
    try {
      await this.#run(round.map(({ what }) => what));
      for (const { resolve } of round) resolve();
      return true;
    } catch (error) {
      if (round.length === 1) round[0]?.reject(error);
      return false;
    }
  }
}
