import { inspect } from 'node:util';
import * as workerThreads from 'node:worker_threads';

const uncloneable = (workerThreads as { markAsUncloneable?: (object: object) => void }).markAsUncloneable;

// Kept apart from the handles: the registry must not hold what it watches.
const collected = new FinalizationRegistry<{ text: string; open: boolean }>((state) => {
  if (!state.open) return;
  process.emitWarning(`${state.text} was garbage collected without close(); its descriptors are closed`, {
    code: 'NSNET_UNCLOSED',
    type: 'NsnetWarning',
  });
});

/**
 * Something of the kernel's that this program holds. close() undoes making: what this object made is removed, what
 * it opened or listed is only let go. release() disowns, so that close() only lets go.
 */
export abstract class Handle implements AsyncDisposable {
  #owned: boolean;
  #closing: Promise<void> | undefined;
  #watched: { text: string; open: boolean } | undefined;

  protected constructor(owned: boolean) {
    this.#owned = owned;
    uncloneable?.(this);
  }

  /** Whether this object made what it stands for, so that close() removes it. */
  get owned(): boolean {
    return this.#owned;
  }

  /** Whether close() was called. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Removes what this object made, or lets go of what it opened. Again is no error; after one that failed it tries again. */
  close(): Promise<void> {
    if (this.#watched) this.#watched.open = false;
    this.#closing ??= this.dispose(this.#owned).catch((error) => {
      this.#closing = undefined;
      throw error;
    });
    return this.#closing;
  }

  /** Disowns: from now on close() only lets go. A namespace without a pinned name then vanishes all the same. */
  release(): this {
    this.#owned = false;
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What util.inspect, console.log and error messages show: one line. */
  abstract toString(): string;

  /** Plain data, without secrets. */
  abstract toJSON(): unknown;

  [inspect.custom](): string {
    return this.toString();
  }

  /** Removes what was made if `owned`, and lets go of the rest. */
  protected abstract dispose(owned: boolean): Promise<void>;

  /** Of handles that hold descriptors: a warning if they are collected unclosed. */
  protected warnIfCollected(text: string): void {
    this.#watched = { text, open: true };
    collected.register(this, this.#watched);
  }
}
