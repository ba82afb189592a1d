import type { Call } from '../handles/listing.js';
import { checkInteger, checkKeys, checkObject, checkSignal, outOfRange } from '../syscalls/validate.js';
import { checkEchoOptions, checkMilliseconds, type PingSettings } from './ping-options.js';

/** What `netns.traceroute()` takes beside the host. */
export interface TracerouteOptions extends Call {
  /** TTL, or hop limit, to begin with. Default 1. */
  firstHop?: number;
  /** The largest, up to 255. Default 30. */
  maxHops?: number;
  /** Requests for each hop, up to 10. Default 3. */
  queries?: number;
  /** Milliseconds that each may take before it counts as lost. Default 1000. */
  timeout?: number;
  /** Bytes of data behind the ICMP header. Default 32, which makes packets of 60 bytes, with IPv6 80. */
  size?: number;
  /** Address of the namespace to send from. Default: the kernel chooses one. */
  source?: string;
  /** Which of a name's addresses. Default: that of `source`, else the first that there is. */
  family?: 4 | 6;
}

/** Checked, with the defaults filled in. */
export interface TracerouteSettings extends PingSettings {
  firstHop: number;
  maxHops: number;
  queries: number;
  ttl: (sequence: number) => number;
}

/** Requests that are under way at once, as those of `traceroute -N 16`. */
const WINDOW = 16;

const KEYS = ['firstHop', 'maxHops', 'queries', 'timeout', 'size', 'source', 'family', 'signal'];

/** Throws unless host and options are well-formed. */
export function checkTracerouteOptions(host: unknown, options: TracerouteOptions): TracerouteSettings {
  checkObject('options', options);
  checkKeys('options', options, KEYS);
  const { firstHop = 1, maxHops = 30, queries = 3, timeout = 1000, size = 32 } = options;
  const { source, family, signal } = options;
  const common = checkEchoOptions(host, { family, source, size });
  checkInteger('firstHop', firstHop, 1, 255);
  checkInteger('maxHops', maxHops, 1, 255);
  if (maxHops < firstHop) throw outOfRange('maxHops', `an integer from firstHop (${firstHop}) on`, maxHops);
  checkInteger('queries', queries, 1, 10);
  checkMilliseconds('timeout', timeout, true);
  checkSignal(signal);
  return {
    ...common,
    firstHop,
    maxHops,
    queries,
    timeout,
    interval: 0,
    count: (maxHops - firstHop + 1) * queries,
    ttl: (sequence) => firstHop + Math.floor((sequence - 1) / queries),
    window: WINDOW,
    dontFragment: false,
    what: 'traceroute to',
    signal,
  };
}
