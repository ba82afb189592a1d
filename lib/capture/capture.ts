import type { Internals } from '../namespaces/network.js';
import { abortError, closedError } from '../syscalls/errors.js';
import { CaptureFile } from './file.js';
import { type CaptureOptions, type CaptureSettings, checkCaptureOptions } from './options.js';
import type { Packet } from './packet.js';
import { Ring } from './ring.js';
import { Unread } from './unread.js';

/** What capture.stats() gives. */
export interface CaptureStats {
  /** Packets that passed the filter, those that were dropped included. */
  received: number;
  /** Those of them that got lost on the way to the reader: in the kernel, or since they were not read. */
  dropped: number;
  /** Of these, those for which the kernel had no room in `buffer`: neither the file nor the reader has them. */
  droppedByKernel: number;
  /** Of these, those that the loop did not ask for in time; a file has them. */
  droppedByReader: number;
  /** Packets that were written to the file, or are about to be. */
  written: number;
}

/** Milliseconds within which the kernel hands over its last packets. */
const LAST = 500;

/**
 * Packets that pass through a network namespace, from the call on; `ready` says from when exactly. Loop over it for
 * each packet; with `file` a loop is not needed. The first loop is the only one: leaving it ends the capture.
 *
 * close() ends it as well: what was caught until then is written to the file, and can still be read. Closing the
 * namespace does the same. 16 MiB of packets are kept for a loop that is slow, or yet to begin; with `file` only once
 * it has begun. What comes while there are so many is counted in `stats().dropped`.
 */
export class Capture implements AsyncIterableIterator<Packet>, AsyncDisposable {
  readonly #inner: Internals;
  readonly #settings: CaptureSettings;
  readonly #unread = new Unread();
  readonly #ready: Promise<void>;
  readonly #total = { received: 0, dropped: 0 };
  #droppedByReader = 0;
  #ring: Ring | undefined;
  #file: CaptureFile | undefined;
  #reading = false;
  /** Nobody has been told yet why it ended. */
  #untold: { error: unknown } | undefined;
  #ended: { error?: unknown; discard: boolean } | undefined;
  #ending: Promise<void> | undefined;
  readonly #forget: () => void;
  readonly #onAbort = () => void this.#end({ error: abortError(this.#settings.signal), discard: true });

  constructor(inner: Internals, settings: CaptureSettings) {
    this.#inner = inner;
    this.#settings = settings;
    this.#reading = settings.file === undefined;
    this.#forget = inner.keep(() => this.#end({ discard: false }));
    const { signal } = settings;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#ready = this.#open();
    this.#ready.catch((error) => {
      if (!this.#ended) this.#untold = { error };
      void this.#end({ error, discard: true });
    });
    if (signal?.aborted) this.#onAbort();
  }

  /** Once it resolves, every packet that passes is caught. Rejects where the capture cannot begin. */
  get ready(): Promise<void> {
    this.#ready.catch(() => {
      this.#untold = undefined;
    });
    return this.#ready;
  }

  /** What was counted so far; of a capture that has ended, in all. */
  stats(): CaptureStats {
    if (this.#ring && !this.#closed) this.#count(this.#ring);
    const { received, dropped } = this.#total;
    return {
      received,
      dropped: dropped + this.#droppedByReader,
      droppedByKernel: dropped,
      droppedByReader: this.#droppedByReader,
      written: this.#file?.written ?? 0,
    };
  }

  [Symbol.asyncIterator](): this {
    this.#reading = true;
    return this;
  }

  async next(): Promise<IteratorResult<Packet, undefined>> {
    this.#reading = true;
    try {
      return await this.#unread.next();
    } catch (error) {
      this.#untold = undefined;
      throw error;
    }
  }

  async return(): Promise<IteratorResult<Packet, undefined>> {
    this.#unread.clear();
    await this.#end({ discard: true });
    this.#unread.clear();
    return { done: true, value: undefined };
  }

  async throw(error?: unknown): Promise<IteratorResult<Packet, undefined>> {
    await this.return();
    throw error;
  }

  /**
   * Ends it; again is no error. Rejects where the capture failed, or its file could not be written, and nobody was told
   * so far.
   */
  async close(): Promise<void> {
    await this.#end({ discard: false });
    const untold = this.#untold;
    this.#untold = undefined;
    if (untold) throw untold.error;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #closed = false;

  async #open(): Promise<void> {
    const { file, snaplen, text, signal } = this.#settings;
    if (signal?.aborted) throw abortError(signal);
    const ring = await Ring.open(this.#inner, this.#settings);
    this.#ring = ring;
    if (this.#ended === undefined && file !== undefined) {
      this.#file = await CaptureFile.create(file, snaplen, text, (error) => this.#fail(error));
    }
    if (this.#ended) throw this.#ended.error ?? closedError(`a capture in ${this.#inner.subject}`);
    this.#read();
  }

  /** Once a turn of the event loop, of a bounded number of bytes. */
  readonly #read = (): void => {
    if (this.#ended) return;
    try {
      const more = this.#take(this.#ring as Ring);
      if (this.#file?.full) void this.#file.flushed().then(this.#read, () => {});
      else if (more) setImmediate(this.#read);
      else (this.#ring as Ring).whenReadable(this.#read);
    } catch (error) {
      this.#fail(error);
    }
  };

  #take(ring: Ring): boolean {
    const { batch, more } = ring.read();
    if (batch.array.length === 0) return more;
    this.#file?.put(batch);
    if (this.#reading && !this.#ended?.discard && !this.#unread.put(batch))
      this.#droppedByReader += batch.count;
    return more;
  }

  #fail(error: unknown): void {
    if (this.#ended) return;
    this.#untold = { error };
    void this.#end({ error, discard: true });
  }

  #end(how: { error?: unknown; discard: boolean }): Promise<void> {
    this.#ended ??= how;
    if (how.discard) this.#unread.clear();
    this.#ending ??= this.#finish();
    return this.#ending;
  }

  /** Never rejects. */
  async #finish(): Promise<void> {
    const { error, discard } = this.#ended!;
    this.#settings.signal?.removeEventListener('abort', this.#onAbort);
    if (error !== undefined) this.#unread.end(error);
    await this.#ready.catch(() => {});
    const ring = this.#ring;
    if (ring) {
      ring.stop();
      if (!discard || this.#file) await this.#drain(ring).catch((failure) => this.#tell(failure));
      this.#count(ring);
      await this.#file?.finish(this.#total).catch((failure) => this.#tell(failure));
      this.#closed = true;
      await ring.close();
    }
    this.#forget();
    this.#unread.end();
  }

  #tell(error: unknown): void {
    if (this.#ended?.error === undefined) this.#untold = { error };
  }

  /** All that was caught before it was stopped. The kernel hands over a block that is not full some milliseconds later. */
  async #drain(ring: Ring): Promise<void> {
    const late = performance.now() + LAST;
    for (;;) {
      while (this.#take(ring)) {
        if (this.#file?.full) await this.#file.flushed();
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (!ring.filling || performance.now() > late) return;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  #count(ring: Ring): void {
    const { received, dropped } = ring.counts();
    this.#total.received += received;
    this.#total.dropped += dropped;
  }
}

/**
 * Catches the packets that pass through a network namespace. Throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE or
 * ERR_OUT_OF_RANGE for what is malformed, a FilterError for a filter that cannot be read. `ready`, the loop and close()
 * reject with EPERM where CAP_NET_RAW is lacking in the namespace, ENODEV for a link that there is not, ENOMEM, and
 * what open(2) and write(2) of the file say.
 */
export function capture(inner: Internals, options: CaptureOptions = {}): Capture {
  return new Capture(inner, checkCaptureOptions(options, inner));
}
