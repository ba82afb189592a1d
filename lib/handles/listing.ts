import { abortError } from '../syscalls/errors.js';

/** What takes an AbortSignal. An aborted call rejects with an AbortError. */
export interface Call {
  signal?: AbortSignal;
}

/**
 * One reading of a table of the kernel's, begun by the first await or loop. Awaited it is an array; looped over it
 * gives element by element. A second loop throws; awaiting again gives the same array.
 */
export class Listing<T> implements PromiseLike<T[]>, AsyncIterable<T> {
  #read: (() => Promise<T[]>) | undefined;
  readonly #around: (work: Promise<T[]>) => Promise<T[]>;
  readonly #signal: AbortSignal | undefined;
  #all: Promise<T[]> | undefined;

  /** `around` is told of the reading. */
  constructor(
    read: () => Promise<T[]>,
    around: (work: Promise<T[]>) => Promise<T[]> = (work) => work,
    signal?: AbortSignal,
  ) {
    this.#read = read;
    this.#around = around;
    this.#signal = signal;
  }

  // biome-ignore lint/suspicious/noThenProperty: a listing is awaited
  then<A = T[], B = never>(
    fulfilled?: ((value: T[]) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#all ??= this.#start();
    return this.#all.then(fulfilled, rejected);
  }

  catch<B = never>(rejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<T[] | B> {
    return this.then(undefined, rejected);
  }

  finally(settled?: (() => void) | null): Promise<T[]> {
    return this.then().finally(settled);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (const element of await this.#start()) {
      if (this.#signal?.aborted) throw abortError(this.#signal);
      yield element;
    }
  }

  async #start(): Promise<T[]> {
    const read = this.#read;
    if (!read) throw new TypeError('A listing can be read only once');
    this.#read = undefined;
    return this.#around(read());
  }
}
