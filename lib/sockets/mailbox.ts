interface Waiting<T> {
  resolve(result: IteratorResult<T, undefined>): void;
  reject(error: unknown): void;
}

/** Values on their way from what happens to who loops over them. What was put in comes out, then the end. */
export class Mailbox<T> {
  #values: T[] = [];
  #waiting: Waiting<T>[] = [];
  #end: { error?: unknown } | undefined;
  #closed = false;

  /** Values nobody has taken yet. */
  get size(): number {
    return this.#values.length;
  }

  /** Whether nobody reads any more. */
  get closed(): boolean {
    return this.#closed;
  }

  put(value: T): void {
    if (this.#end) return;
    const waiting = this.#waiting.shift();
    if (waiting) waiting.resolve({ done: false, value });
    else this.#values.push(value);
  }

  /** Drops the value that has waited longest. */
  shift(): void {
    this.#values.shift();
  }

  /** Nothing more will come. With an error: who asks behind the last value gets that, once. */
  end(error?: unknown): void {
    if (this.#end) return;
    this.#end = { error };
    for (const waiting of this.#waiting.splice(0)) this.#finish(waiting);
  }

  /** The reader has had enough. */
  close(): void {
    this.#closed = true;
    this.#values = [];
    this.end();
    this.#end = {};
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve, reject) => {
      const waiting = { resolve, reject };
      if (this.#values.length > 0) resolve({ done: false, value: this.#values.shift() as T });
      else if (this.#end) this.#finish(waiting);
      else this.#waiting.push(waiting);
    });
  }

  #finish({ resolve, reject }: Waiting<T>): void {
    const error = this.#end?.error;
    this.#end = {};
    if (error === undefined) resolve({ done: true, value: undefined });
    else reject(error);
  }
}
