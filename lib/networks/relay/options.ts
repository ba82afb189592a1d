import { literal } from '../../names/literal.js';
import type { Internals } from '../../namespaces/network.js';
import { checkPort } from '../../sockets/endpoint.js';
import {
  checkInteger,
  checkKeys,
  checkObject,
  checkString,
  invalidType,
  invalidValue,
} from '../../syscalls/validate.js';

/** Where what comes to a reserved port goes. It is asked anew for each connection, and each client of UDP. */
export interface RelayTarget {
  /** The namespace from which it is connected to. */
  readonly from: Internals;
  /** IPv4 or IPv6, whatever the family of the reserved address. */
  readonly address: string;
  readonly port: number;
}

export interface RelayOptions {
  /**
   * Whether a peer is served, by its address; of UDP asked once for each client. Default: all are. Who is not is reset, or of UDP
   * not heard. What it throws is uncaught, and nobody is served by it.
   */
  accepts?: (address: string) => boolean;
  /** Connections at a time, of UDP clients. Default 4096, of UDP 1024. */
  most?: number;
  /** Of TCP: milliseconds until a connection to the target is given up. Default 10 000. */
  connectTimeout?: number;
  /** Of UDP: milliseconds of silence until a client is forgotten. Default 90 000, as Docker's proxy. */
  idle?: number;
}

const KEYS = ['accepts', 'most', 'connectTimeout', 'idle'];
const LONGEST = 0x7fffffff;

export function checkRelay(target: RelayTarget, options: RelayOptions): void {
  checkObject('target', target);
  checkString('target.address', target.address);
  if (!literal(target.address))
    throw invalidValue('target.address', 'an IPv4 or IPv6 address', target.address);
  checkPort('target.port', target.port, 1);
  checkObject('options', options);
  checkKeys('options', options, KEYS);
  const { accepts, most, connectTimeout, idle } = options;
  if (accepts !== undefined && typeof accepts !== 'function')
    throw invalidType('accepts', 'a function', accepts);
  if (most !== undefined) checkInteger('most', most, 1, 65_535);
  if (connectTimeout !== undefined) checkInteger('connectTimeout', connectTimeout, 1, LONGEST);
  if (idle !== undefined) checkInteger('idle', idle, 1, LONGEST);
}
