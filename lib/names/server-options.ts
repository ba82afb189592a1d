import type { Call } from '../handles/listing.js';
import { checkPort } from '../sockets/endpoint.js';
import {
  checkInteger,
  checkKeys,
  checkObject,
  checkSignal,
  checkString,
  invalidType,
  invalidValue,
} from '../syscalls/validate.js';
import { literal } from './literal.js';
import type { OwnNames } from './server-answer.js';
import type { Upstream } from './server-forward.js';

/** What a nameserver serves, and where. */
export interface ServerOptions extends OwnNames, Call {
  /** An address of the namespace. Default '127.0.0.11'. */
  host?: string;
  /** Of UDP and TCP. Default 53; 0: one that is free for both. */
  port?: number;
  /** Who is asked for what is not known here. Without: nobody, and the answer is SERVFAIL. */
  forward?: Upstream | undefined;
  /** Seconds that its own answers may be kept. Default 600. */
  ttl?: number;
}

const KEYS = ['host', 'port', 'answer', 'reverse', 'forward', 'ttl', 'signal'];

/** The longest that a record may be kept (RFC 2181, section 8). */
const TTL_MAX = 0x7fffffff;

export function checkServerOptions(options: ServerOptions): void {
  checkObject('options', options);
  checkKeys('options', options, KEYS);
  const { host, port, answer, reverse, forward, ttl, signal } = options;
  if (host !== undefined) checkString('host', host);
  if (host !== undefined && !literal(host)) throw invalidValue('host', 'an IPv4 or IPv6 address', host);
  if (port !== undefined) checkPort('port', port);
  checkFunction('answer', answer);
  if (reverse !== undefined) checkFunction('reverse', reverse);
  if (forward !== undefined) {
    checkObject('forward', forward);
    checkKeys('forward', forward, ['from', 'nameservers']);
    checkObject('forward.from', forward.from);
    checkFunction('forward.nameservers', forward.nameservers);
  }
  if (ttl !== undefined) checkInteger('ttl', ttl, 0, TTL_MAX);
  checkSignal(signal);
}

function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw invalidType(name, 'a function', value);
}
