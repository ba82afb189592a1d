import { isIP } from 'node:net';
import { type LookupWish, lookupAll } from '../names/lookup.js';
import type { Internals } from '../namespaces/network.js';
import { parseAddress } from '../netlink/addresses.js';
import { checkString, invalidType, invalidValue, outOfRange } from '../syscalls/validate.js';
import { encodeSocketAddress } from './socket-address.js';
import type { Place } from './socket-errors.js';
import { parseZonedAddress, resolveZone } from './zoned-address.js';

/** An address of a socket, as the kernel takes it and as people read it. */
export interface Endpoint {
  family: 4 | 6;
  bytes: Uint8Array;
  place: Required<Place>;
}

export function checkPort(name: string, port: unknown, min = 0): asserts port is number {
  if (typeof port !== 'number') throw invalidType(name, 'a number', port);
  if (!Number.isInteger(port) || port < min || port > 65_535)
    throw outOfRange(name, `a port from ${min} to 65535`, port);
}

/** '' means nothing; what it means elsewhere, any address, is said by leaving it out. */
export function checkHost(name: string, host: unknown): asserts host is string {
  checkString(name, host);
  if (host === '') throw invalidValue(name, 'an address or a name', host);
  if (/^\[.*\]$/.test(host)) throw invalidValue(name, 'an IPv6 address without the brackets of a URL', host);
}

/** A literal address and a port; the device of a link-local one is looked up inside. */
export async function endpointOf(
  inner: Internals,
  argument: string,
  address: string,
  port: number,
  signal?: AbortSignal,
): Promise<Endpoint> {
  const zoned = parseZonedAddress(argument, address);
  const socketAddress = await resolveZone(inner, zoned, signal);
  return {
    family: zoned.family === 'inet' ? 4 : 6,
    bytes: encodeSocketAddress({ ...socketAddress, port }),
    place: { address: zoned.text, port },
  };
}

/** The same of a host, by address or name: all that its name means in the namespace. */
export async function endpointsOf(
  inner: Internals,
  host: string,
  port: number,
  wish: LookupWish = {},
): Promise<Endpoint[]> {
  const family = isIP(host);
  if (family !== 0 && !host.includes('%')) return [plainEndpoint(host, family as 4 | 6, port)];
  const found = family !== 0 ? [{ address: host }] : await lookupAll(inner, host, wish);
  return Promise.all(found.map(({ address }) => endpointOf(inner, 'host', address, port, wish.signal)));
}

/** Of an address that needs no device; read where it is asked for. */
function plainEndpoint(address: string, family: 4 | 6, port: number): Endpoint {
  return {
    family,
    place: { address, port },
    get bytes() {
      return encodeSocketAddress({ bytes: parseAddress(address).bytes, scope: 0, port });
    },
  };
}
