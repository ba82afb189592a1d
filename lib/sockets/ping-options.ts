import type { Call } from '../handles/listing.js';
import {
  checkInteger,
  checkKeys,
  checkObject,
  checkSignal,
  invalidType,
  invalidValue,
  outOfRange,
} from '../syscalls/validate.js';
import { parseZonedAddress, type ZonedAddress } from './ping-target.js';

/** What `netns.ping()` takes beside the address. */
export interface PingOptions extends Call {
  /** Echo requests to send. Default 4; Infinity until a break, an abort or close(). */
  count?: number;
  /** Milliseconds from one to the next, answered or not. Default 1000; 0 for no pause. */
  interval?: number;
  /** Milliseconds that each may take before it counts as lost. Default 1000. */
  timeout?: number;
  /** Bytes of data behind the ICMP header: up to 65,507, with IPv6 65,527. Default 56. */
  size?: number;
  /** TTL, or hop limit, of what is sent: 1 to 255. Default: the kernel's, which is 64. */
  ttl?: number;
  /** Address of the namespace to send from. Default: the kernel chooses one. */
  source?: string;
}

/** PingOptions with the defaults filled in. */
export interface PingSettings {
  count: number;
  interval: number;
  timeout: number;
  size: number;
  ttl?: number;
  source?: ZonedAddress;
  signal?: AbortSignal;
}

/** The longest that a timer of Node's takes, in milliseconds. */
const LONGEST = 0x7fffffff;

/** The largest data whose length an IP header can say. */
const LARGEST = { inet: 65_507, inet6: 65_527 } as const;

const KEYS = ['count', 'interval', 'timeout', 'size', 'ttl', 'source', 'signal'];

function checkMilliseconds(name: string, value: unknown, positive: boolean): asserts value is number {
  if (typeof value !== 'number') throw invalidType(name, 'a number', value);
  if (!(value >= 0 && value <= LONGEST) || (positive && value === 0)) {
    throw outOfRange(name, `milliseconds ${positive ? 'above' : 'from'} 0, up to ${LONGEST}`, value);
  }
}

function checkSource(source: string, target: ZonedAddress): ZonedAddress {
  const address = parseZonedAddress('source', source);
  if (address.family !== target.family) {
    throw invalidValue('source', `an ${target.family === 'inet' ? 'IPv4' : 'IPv6'} address`, source);
  }
  if (address.needsZone && address.zone === undefined && target.zone === undefined) {
    throw invalidValue('source', `a link-local address with its device, as ${address.text}%eth0,`, source);
  }
  return address;
}

/** Throws unless the options are well-formed, for pings of this address. */
export function checkPingOptions(options: PingOptions, target: ZonedAddress): PingSettings {
  checkObject('options', options);
  checkKeys('options', options, KEYS);
  const { count = 4, interval = 1000, timeout = 1000, size = 56, ttl, source, signal } = options;
  if (count !== Number.POSITIVE_INFINITY) checkInteger('count', count, 1, Number.MAX_SAFE_INTEGER);
  checkMilliseconds('interval', interval, false);
  checkMilliseconds('timeout', timeout, true);
  checkInteger('size', size, 0, LARGEST[target.family]);
  if (ttl !== undefined) checkInteger('ttl', ttl, 1, 255);
  checkSignal(signal);
  const from = source === undefined ? undefined : checkSource(source, target);
  return { count, interval, timeout, size, ttl, source: from, signal };
}
