import { setImmediate as turn } from 'node:timers/promises';

/** What takes an AbortSignal. An aborted call rejects with an AbortError. */
export interface Call {
  signal?: AbortSignal;
}

/** The longest that working through a listing keeps the event loop, in milliseconds. */
const SLICE = 4;

/**
 * One reading of a table of the kernel's, begun by the first await or loop. Awaited it is an array; looped over it
 * gives element by element. A second loop throws; awaiting again gives the same array.
 */
export class Listing<T> implements PromiseLike<T[]>, AsyncIterable<T> {
  #read: (() => AsyncIterable<T[]>) | undefined;
  readonly #around: (work: Promise<T[]>) => Promise<T[]>;
  #all: Promise<T[]> | undefined;

  /** `read` gives the elements in slices. `around` is told of the reading of all of them. */
  constructor(read: () => AsyncIterable<T[]>, around: (work: Promise<T[]>) => Promise<T[]> = (work) => work) {
    this.#read = read;
    this.#around = around;
  }

  // biome-ignore lint/suspicious/noThenProperty: a listing is awaited
  then<A = T[], B = never>(
    fulfilled?: ((value: T[]) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#all ??= this.#around(this.#collect());
    return this.#all.then(fulfilled, rejected);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const slice of this.#start()) yield* slice;
  }

  async #collect(): Promise<T[]> {
    const all: T[] = [];
    for await (const slice of this.#start()) {
      for (const element of slice) all.push(element);
    }
    return all;
  }

  #start(): AsyncIterable<T[]> {
    const read = this.#read;
    if (!read) throw new TypeError('A listing can be read only once');
    this.#read = undefined;
    return read();
  }
}

/** Passes elements on in slices, giving the event loop its turn between them. */
export async function* slices<T>(elements: Iterable<T>): AsyncGenerator<T[], void, undefined> {
  let slice: T[] = [];
  let until = performance.now() + SLICE;
  for (const element of elements) {
    slice.push(element);
    if ((slice.length & 15) !== 0 || performance.now() < until) continue;
    yield slice;
    slice = [];
    await turn();
    until = performance.now() + SLICE;
  }
  if (slice.length > 0) yield slice;
}
