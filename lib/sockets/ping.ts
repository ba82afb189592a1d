import type { Internals } from '../namespaces/network.js';
import { checkPingOptions, type PingOptions } from './ping-options.js';
import { PingRun } from './ping-run.js';
import { Pinger } from './pinger.js';

export type { Echo } from './echo.js';
export type { PingOptions } from './ping-options.js';
export type { PingRun } from './ping-run.js';
export type { PingSummary } from './ping-statistics.js';
export type { UnreachableReason } from './unreachable.js';

/**
 * ICMP echo requests from a namespace to an IPv4 or IPv6 address, a link-local one with its device, as
 * 'fe80::1%eth0', by the device's name or index in that namespace; or to a host name, which is looked up inside when
 * the run begins: the first of its addresses.
 *
 * Throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE or ERR_OUT_OF_RANGE for what is malformed, and nothing is sent.
 * The run rejects where a name is not found, with ENOTFOUND or EAI_AGAIN, and where its first request cannot be sent: with ENETUNREACH where there is no route, EHOSTUNREACH
 * for a route of type unreachable, EACCES for a broadcast address, EADDRNOTAVAIL for a source that the namespace does
 * not have. Once one was sent, what cannot be sent is 'unreachable'. EPERM: see PingSocket.
 *
 * A new IPv6 address is tentative for some 2 seconds (duplicate address detection): nothing is sent from it, and it
 * answers nobody. `await link.ready()` on both sides first, and on the links of routers between, whose link-local
 * addresses need the same time.
 *
 * With a ping socket, which is used where CAP_NET_RAW is lacking, routers' messages are not heard: what they tell
 * to be unreachable or expired is 'lost'.
 */
export function ping(inner: Internals, host: string, options: PingOptions = {}): PingRun {
  const settings = checkPingOptions(host, options);
  return new PingRun((listener) => new Pinger(inner, settings, listener));
}
