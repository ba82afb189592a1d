import { abortError, closedError } from '../syscalls/errors.js';
import type { Internals } from './network.js';

/** When work is given up, beside the close of its namespace. */
export interface Patience {
  signal?: AbortSignal;
  /** Milliseconds, and the error of it. */
  timeout?: number;
  late?: () => Error;
}

/**
 * Work that is told to stop, and rejects, when its signal is aborted, when its time is over, and when the namespace object is
 * closed, which waits for it. What it has made by then is discarded.
 */
export async function untilGivenUp<T>(
  inner: Internals,
  { signal, timeout, late }: Patience,
  work: (stopped: AbortSignal) => Promise<T>,
  discard: (made: T) => void = () => {},
): Promise<T> {
  const stop = new AbortController();
  let settled: Promise<unknown> = Promise.resolve();
  const forget = inner.keep(async () => {
    stop.abort(closedError(inner.subject));
    await settled;
  });
  const onAbort = () => stop.abort(abortError(signal));
  const timer = timeout === undefined ? undefined : setTimeout(() => stop.abort(late?.()), timeout);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    if (signal?.aborted) onAbort();
    stop.signal.throwIfAborted();
    const working = work(stop.signal);
    settled = working.catch(() => {});
    const made = await working;
    if (stop.signal.aborted) discard(made);
    stop.signal.throwIfAborted();
    return made;
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    forget();
  }
}
