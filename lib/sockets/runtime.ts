import cluster from 'node:cluster';
import { unsupportedError } from '../syscalls/errors.js';
import { isBun, isDeno } from '../syscalls/runtime.js';

/** Whether this is Node itself. */
export const isNode = !isBun && !isDeno;

/** A worker of node:cluster would have its primary listen, elsewhere. */
export function checkMayListen(): void {
  if (!cluster.isWorker) return;
  throw unsupportedError('a worker of node:cluster hands listening sockets to its primary', {
    hint: 'Listen in the primary, in a Worker, or in a process of its own',
  });
}
