import { type Packet, packetAt } from './packet.js';
import type { Batch } from './records.js';

/** Bytes of packets that wait for a reader: what comes when there are more is not kept for it. */
const MOST = 16 * 2 ** 20;

interface Waiting {
  resolve(result: IteratorResult<Packet, undefined>): void;
  reject(error: unknown): void;
}

/** Packets on their way to who loops over them. They are taken out of their batch only when they are asked for. */
export class Unread {
  #batches: Batch[] = [];
  /** Where the next packet begins, in the first of them. */
  #at = 0;
  #bytes = 0;
  #waiting: Waiting[] = [];
  #end: { error?: unknown } | undefined;

  /** False where it was not kept, as too many wait already. */
  put(batch: Batch): boolean {
    if (this.#end || batch.array.length === 0) return true;
    if (this.#bytes > 0 && this.#bytes + batch.array.length > MOST) return false;
    this.#batches.push(batch);
    this.#bytes += batch.array.length;
    while (this.#waiting.length > 0) {
      const packet = this.#take();
      if (!packet) break;
      this.#waiting.shift()?.resolve({ done: false, value: packet });
    }
    return true;
  }

  /** Nothing more will come; with an error: who asks behind the last packet gets that, once. */
  end(error?: unknown): void {
    this.#end ??= { error };
    for (const waiting of this.#waiting.splice(0)) this.#finish(waiting);
  }

  /** The reader has had enough, or is not to have what waits. */
  clear(): void {
    this.#batches = [];
    this.#bytes = 0;
    this.#at = 0;
  }

  next(): Promise<IteratorResult<Packet, undefined>> {
    return new Promise((resolve, reject) => {
      const value = this.#take();
      if (value) resolve({ done: false, value });
      else if (this.#end) this.#finish({ resolve, reject });
      else this.#waiting.push({ resolve, reject });
    });
  }

  #take(): Packet | undefined {
    const [batch] = this.#batches;
    if (!batch) return undefined;
    const packet = packetAt(batch, this.#at);
    this.#at = batch.next(this.#at);
    if (this.#at >= batch.array.length) {
      this.#batches.shift();
      this.#bytes -= batch.array.length;
      this.#at = 0;
    }
    return packet;
  }

  #finish({ resolve, reject }: Waiting): void {
    const error = this.#end?.error;
    this.#end = {};
    if (error === undefined) resolve({ done: true, value: undefined });
    else reject(error);
  }
}
