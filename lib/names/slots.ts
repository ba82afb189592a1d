/** Work of which only so much is done at once; the rest waits for its turn. */
export class Slots {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  /** Rejects with the reason of the signal when that is aborted before its turn has come. */
  async run<T>(stopped: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#turn(stopped);
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  #turn(stopped: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (stopped.aborted) return reject(stopped.reason);
      if (this.#free > 0) {
        this.#free--;
        return resolve();
      }
      const onStop = () => {
        this.#waiting.delete(go);
        reject(stopped.reason);
      };
      const go = () => {
        stopped.removeEventListener('abort', onStop);
        resolve();
      };
      stopped.addEventListener('abort', onStop, { once: true });
      this.#waiting.add(go);
    });
  }

  /** The slot goes to the one that has waited longest. */
  #leave(): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
