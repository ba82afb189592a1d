import * as workerThreads from 'node:worker_threads';
import { expect } from 'vitest';

/** Refused by a Node that can refuse it (22.10); before that what comes of it is no handle, and holds nothing. */
export function expectUncloneable(handle: object): void {
  if ('markAsUncloneable' in workerThreads) {
    expect(() => structuredClone(handle)).toThrow(expect.objectContaining({ name: 'DataCloneError' }));
    return;
  }
  const clone = structuredClone(handle);
  expect(Object.getPrototypeOf(clone)).toBe(Object.prototype);
  expect(Symbol.asyncDispose in clone).toBe(false);
}
