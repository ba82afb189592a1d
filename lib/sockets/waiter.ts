/** Who waits for a socket, apart from it. */
export interface Waiter {
  wake?: () => void;
}

/**
 * What the add-on calls back. It holds on to this, so it must be made here, where nothing but the waiter is in reach:
 * else a socket that nobody waits for would never be collected.
 */
export function bellOf(waiter: Waiter): () => void {
  return () => waiter.wake?.();
}
