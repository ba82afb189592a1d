import { abortError } from '../syscalls/errors.js';
import { type Item, reject } from './item.js';

/** One listener for a signal, however many requests it is given to. Whoever is first, it or the kernel, settles. */
export class Signals {
  readonly #waiting = new Map<AbortSignal, Set<Item>>();
  readonly #forget = new WeakMap<Set<Item>, () => void>();

  listen(signal: AbortSignal, item: Item): void {
    const items = this.#waiting.get(signal) ?? this.#begin(signal);
    items.add(item);
    const done = () => {
      items.delete(item);
      if (items.size > 0) return;
      this.#forget.get(items)?.();
      this.#waiting.delete(signal);
    };
    const resolve = item.resolve as (value: unknown) => void;
    const rejectItem = item.reject;
    item.resolve = (value: unknown) => {
      done();
      resolve(value);
    };
    item.reject = (error) => {
      done();
      rejectItem(error);
    };
  }

  #begin(signal: AbortSignal): Set<Item> {
    const items = new Set<Item>();
    this.#waiting.set(signal, items);
    const onAbort = () => {
      for (const each of items) {
        if (!('handedOver' in each && each.handedOver)) reject(each, abortError(signal));
      }
    };
    this.#forget.set(items, () => signal.removeEventListener('abort', onAbort));
    signal.addEventListener('abort', onAbort, { once: true });
    return items;
  }
}
