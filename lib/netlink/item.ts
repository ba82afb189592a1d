import type { Pending } from './batch.js';
import type { DumpJob } from './dump.js';
import type { TransactionJob } from './transaction.js';

/** A place in the queue that is kept: see Connection.barrier(). */
export interface Barrier {
  readonly barrier: true;
  until: Promise<unknown> | undefined;
  resolve(): void;
  reject(error: unknown): void;
  settled: boolean;
}

/** What waits in the queue of a connection. */
export type Item = Pending | DumpJob | TransactionJob | Barrier;

/** Whoever is first settles it. */
export function reject(item: Item, error: unknown): void {
  if (item.settled) return;
  item.settled = true;
  item.reject(error);
}
