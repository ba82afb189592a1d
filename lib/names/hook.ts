import { ADDRCONFIG, ALL, type LookupAddress, type LookupOptions, V4MAPPED } from 'node:dns';
import { promisify } from 'node:util';
import type { Internals } from '../namespaces/network.js';
import {
  checkBoolean,
  checkInteger,
  checkObject,
  checkString,
  invalidType,
  invalidValue,
} from '../syscalls/validate.js';
import { type LookupWish, lookupAll } from './lookup.js';

/** What dns.lookup takes, and AbortSignal. */
export type NetnsLookupOptions = LookupOptions & { signal?: AbortSignal };

type One = (error: NodeJS.ErrnoException | null, address: string, family: number) => void;
type All = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void;

/** Takes the place of dns.lookup: in net.connect(), http.request(), dgram.createSocket() and what is built on them. */
export interface LookupHook {
  (hostname: string, callback: One): void;
  (hostname: string, family: number, callback: One): void;
  (hostname: string, options: NetnsLookupOptions & { all: true }, callback: All): void;
  (hostname: string, options: NetnsLookupOptions & { all?: false }, callback: One): void;
  (
    hostname: string,
    options: NetnsLookupOptions,
    callback: (
      error: NodeJS.ErrnoException | null,
      address: string | LookupAddress[],
      family?: number,
    ) => void,
  ): void;
  __promisify__(hostname: string, options: NetnsLookupOptions & { all: true }): Promise<LookupAddress[]>;
  __promisify__(
    hostname: string,
    options?: number | (NetnsLookupOptions & { all?: false }),
  ): Promise<LookupAddress>;
}

/** A function for Node's `lookup` options that resolves names in a namespace. */
export function hookOf(inner: Internals): LookupHook {
  const hook = (hostname: unknown, options: unknown, callback?: unknown): void => {
    const done = typeof options === 'function' ? options : callback;
    if (typeof done !== 'function') throw invalidType('callback', 'a function', done);
    const { all, wish } = wishOf(typeof options === 'function' ? undefined : options);
    checkString('hostname', hostname);
    // An error thrown by the callback must end the program as one of an event does: not within a promise.
    answer(inner, hostname, all, wish).then(
      (values) => process.nextTick(done as All, null, ...values),
      (error) => process.nextTick(done as All, error),
    );
  };
  const promised = async (hostname: unknown, options?: unknown) => {
    const { all, wish } = wishOf(options);
    checkString('hostname', hostname);
    const [first, family] = await answer(inner, hostname, all, wish);
    return all ? first : { address: first, family };
  };
  return Object.assign(hook, { [promisify.custom]: promised }) as unknown as LookupHook;
}

/** What the callback is called with after the error. */
async function answer(
  inner: Internals,
  hostname: string,
  all: boolean,
  wish: LookupWish,
): Promise<[LookupAddress[]] | [string | null, number]> {
  const found = await lookupAll(inner, hostname, wish);
  if (all) return [found];
  const [first] = found;
  return first ? [first.address, first.family] : [null, wish.family === 6 ? 6 : 4];
}

const FAMILIES = new Map<unknown, 0 | 4 | 6>([
  [undefined, 0],
  [0, 0],
  [4, 4],
  [6, 6],
  ['IPv4', 4],
  ['IPv6', 6],
]);

/** Throws what dns.lookup throws for options that it does not take. */
function wishOf(given: unknown): { all: boolean; wish: LookupWish } {
  if (given !== undefined && given !== null && typeof given !== 'number') checkObject('options', given);
  const options: NetnsLookupOptions = typeof given === 'number' ? { family: given } : (given ?? {});
  const { hints = 0, all = false, order, verbatim, signal } = options;
  const family = FAMILIES.get(options.family);
  if (family === undefined) throw invalidValue('family', '0, 4 or 6', options.family);
  checkInteger('hints', hints, 0, ADDRCONFIG | ALL | V4MAPPED);
  checkBoolean('all', all);
  if (verbatim !== undefined) checkBoolean('verbatim', verbatim);
  if (order !== undefined && !['verbatim', 'ipv4first', 'ipv6first'].includes(order)) {
    throw invalidValue('order', "'verbatim', 'ipv4first' or 'ipv6first'", order);
  }
  const wish: LookupWish = {
    family,
    configured: (hints & ADDRCONFIG) !== 0,
    mapped: (hints & V4MAPPED) !== 0,
    order: order ?? (verbatim === false ? 'ipv4first' : 'verbatim'),
    signal,
  };
  return { all, wish };
}
