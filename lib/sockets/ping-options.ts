import type { Call } from '../handles/listing.js';
import type { Family } from '../netlink/addresses.js';
import {
  checkBoolean,
  checkInteger,
  checkKeys,
  checkObject,
  checkSignal,
  invalidType,
  invalidValue,
  outOfRange,
} from '../syscalls/validate.js';
import { type Destination, FAMILIES, parseHost } from './destination.js';
import { parseZonedAddress, type ZonedAddress } from './zoned-address.js';

/** What `netns.ping()` takes beside the host. */
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
  /** Which of a name's addresses. Default: that of `source`, else the first that there is. */
  family?: 4 | 6;
  /**
   * Whether what is too big for a link is refused instead of sent in fragments (IP_MTU_DISCOVER, IPV6_DONTFRAG), as by
   * `ping -M do`: 'unreachable' for the reason 'too big', with the `mtu`. Default: fragments.
   */
  dontFragment?: boolean;
}

/** Checked, with the defaults filled in. */
export interface PingSettings {
  host: Destination;
  count: number;
  interval: number;
  timeout: number;
  size: number;
  /** That of all requests, or by their sequence numbers. */
  ttl?: number | ((sequence: number) => number);
  source?: ZonedAddress;
  dontFragment: boolean;
  /** Requests that may be under way at once, where that is said. */
  window?: number;
  /** For errors: what is done with the host. */
  what: 'ping of' | 'traceroute to';
  signal?: AbortSignal;
}

/** The longest that a timer of Node's takes, in milliseconds. */
const LONGEST = 0x7fffffff;

/** The largest data whose length an IP header can say. */
const LARGEST = { inet: 65_507, inet6: 65_527 } as const;

const KEYS = ['count', 'interval', 'timeout', 'size', 'ttl', 'source', 'family', 'dontFragment', 'signal'];

export function checkMilliseconds(name: string, value: unknown, positive: boolean): asserts value is number {
  if (typeof value !== 'number') throw invalidType(name, 'a number', value);
  if (!(value >= 0 && value <= LONGEST) || (positive && value === 0)) {
    throw outOfRange(name, `milliseconds ${positive ? 'above' : 'from'} 0, up to ${LONGEST}`, value);
  }
}

function checkFamily(family: unknown): Family | undefined {
  if (family === undefined) return undefined;
  if (typeof family !== 'number') throw invalidType('family', 'a number', family);
  if (family !== 4 && family !== 6) throw invalidValue('family', '4 or 6', family);
  return FAMILIES[family];
}

const NAMES = { inet: 'IPv4', inet6: 'IPv6' } as const;

/** The host, the address to send from, and the data: what pings and traceroutes have in common. */
export function checkEchoOptions(
  host: unknown,
  options: { family?: unknown; source?: unknown; size: unknown },
): Pick<PingSettings, 'host' | 'source' | 'size'> {
  const wanted = checkFamily(options.family);
  const source = options.source === undefined ? undefined : parseZonedAddress('source', options.source);
  const destination = parseHost('host', host, wanted);
  const family = destination.family ?? source?.family;
  if (source && source.family !== family) {
    throw invalidValue('source', `an ${NAMES[family ?? 'inet']} address`, options.source);
  }
  if (source?.needsZone && source.zone === undefined && destination.address?.zone === undefined) {
    throw invalidValue(
      'source',
      `a link-local address with its device, as ${source.text}%eth0,`,
      options.source,
    );
  }
  checkInteger('size', options.size, 0, LARGEST[family ?? 'inet']);
  return { host: { ...destination, family }, source, size: options.size };
}

/** Throws unless host and options are well-formed. */
export function checkPingOptions(host: unknown, options: PingOptions): PingSettings {
  checkObject('options', options);
  checkKeys('options', options, KEYS);
  const { count = 4, interval = 1000, timeout = 1000, size = 56, ttl, source, family, signal } = options;
  const { dontFragment = false } = options;
  const common = checkEchoOptions(host, { family, source, size });
  if (count !== Number.POSITIVE_INFINITY) checkInteger('count', count, 1, Number.MAX_SAFE_INTEGER);
  checkMilliseconds('interval', interval, false);
  checkMilliseconds('timeout', timeout, true);
  if (ttl !== undefined) checkInteger('ttl', ttl, 1, 255);
  checkBoolean('dontFragment', dontFragment);
  checkSignal(signal);
  return { ...common, count, interval, timeout, ttl, dontFragment, what: 'ping of', signal };
}
