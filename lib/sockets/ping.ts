import type { Call } from '../handles/listing.js';
import type { Internals } from '../namespaces/network.js';
export interface PingOptions extends Call {
  count?: number;
  interval?: number;
  timeout?: number;
  size?: number;
  ttl?: number;
  source?: string;
}
export type PingRun = PromiseLike<unknown>;
export function ping(_inner: Internals, _host: string, _options?: PingOptions): PingRun {
  throw new Error('not yet');
}
