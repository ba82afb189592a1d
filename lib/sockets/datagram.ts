import type { Socket } from 'node:dgram';
import type { Call } from '../handles/listing.js';
import { checkLinkRef } from '../links/devices.js';
import type { LinkRef } from '../links/types.js';
import { literal } from '../names/literal.js';
import { lookupAll } from '../names/lookup.js';
import type { Internals } from '../namespaces/network.js';
import { AF } from '../netlink/constants.js';
import { abortError } from '../syscalls/errors.js';
import { native } from '../syscalls/native.js';
import {
  checkBoolean,
  checkInteger,
  checkKeys,
  checkObject,
  checkSignal,
  checkString,
  invalidType,
  invalidValue,
} from '../syscalls/validate.js';
import { IP, IPV6, LEVEL, SO, SOCK } from './constants.js';
import { NetnsDatagramSocket } from './datagram-socket.js';
import { deviceIndex } from './device-index.js';
import { checkHost, checkPort, endpointOf } from './endpoint.js';
import { integer } from './message-socket.js';
import { membershipOption, outgoingOption, parseGroup } from './multicast.js';
import { socketError } from './socket-errors.js';
import { type SocketOption, setOption } from './socket-option.js';

/** Of the datagrams that are sent to and received from multicast groups. */
export interface MulticastOptions {
  /** Groups to receive from. */
  groups?: readonly GroupOption[];
  /** The device that multicast leaves by. Default: the one that the route to the group names. */
  device?: LinkRef;
  /** Routers that it may pass, 0 to 255. Default 1: it stays on the link. */
  ttl?: number;
  /** Whether sockets of this namespace receive it too. Default true. */
  loopback?: boolean;
}

/** A group, joined on a device; of `source` alone where that is given (RFC 4607). */
export interface GroupOption {
  group: string;
  device?: LinkRef;
  source?: string;
}

/** What `netns.datagram()` takes beside the type. */
export interface DatagramOptions extends Call {
  /** Default: all addresses, and a port that the kernel chooses. */
  bind?: { host?: string; port?: number };
  /** Datagrams of this device alone are received, and all leave by it (SO_BINDTODEVICE). */
  device?: LinkRef;
  /** The address and port may be had by several sockets, of which the last receives, but multicast all. Default false. */
  reuseAddr?: boolean;
  /** Several sockets share what arrives (SO_REUSEPORT). Default false. */
  reusePort?: boolean;
  /** 'udp6' without IPv4. Default false. */
  ipv6Only?: boolean;
  /** May send to broadcast addresses. Default false. */
  broadcast?: boolean;
  /** Routers that unicast may pass, 1 to 255. Default: the kernel's, 64. */
  ttl?: number;
  multicast?: MulticastOptions;
  /** Bytes; the kernel gives what it allows. */
  recvBufferSize?: number;
  /** Bytes; the kernel gives what it allows. */
  sendBufferSize?: number;
}

const KEYS = [
  'bind',
  'device',
  'reuseAddr',
  'reusePort',
  'ipv6Only',
  'broadcast',
  'ttl',
  'multicast',
  'recvBufferSize',
  'sendBufferSize',
  'signal',
];
const FLAGS = ['reuseAddr', 'reusePort', 'ipv6Only', 'broadcast'] as const;

function checkMulticast(inner: Internals, multicast: MulticastOptions, family: 4 | 6): void {
  checkObject('multicast', multicast);
  checkKeys('multicast', multicast, ['groups', 'device', 'ttl', 'loopback']);
  const { groups = [], device, ttl, loopback } = multicast;
  if (!Array.isArray(groups)) throw invalidType('multicast.groups', 'an array', groups);
  for (const [i, each] of (groups as readonly GroupOption[]).entries()) {
    const name = `multicast.groups[${i}]`;
    checkObject(name, each as unknown);
    checkKeys(name, each, ['group', 'device', 'source']);
    checkString(`${name}.group`, each.group);
    parseGroup(`${name}.group`, each.group, family);
    if (each.device !== undefined) checkLinkRef(each.device, inner, `${name}.device`);
    if (each.source !== undefined) checkString(`${name}.source`, each.source);
    membershipOption(true, each, family);
  }
  if (device !== undefined) checkLinkRef(device, inner, 'multicast.device');
  if (ttl !== undefined) checkInteger('multicast.ttl', ttl, 0, 255);
  if (loopback !== undefined) checkBoolean('multicast.loopback', loopback);
}

function checkBound(host: unknown, family: 4 | 6): void {
  checkHost('bind.host', host);
  const own = literal(host)?.family ?? family;
  if (own !== family) throw invalidValue('bind.host', `an IPv${family} address`, host);
}

function check(inner: Internals, type: unknown, options: DatagramOptions): void {
  if (type !== 'udp4' && type !== 'udp6') throw invalidValue('type', "'udp4' or 'udp6'", type);
  checkObject('options', options);
  checkKeys('options', options, KEYS);
  const { bind = {}, device, ttl, multicast = {}, signal } = options;
  checkObject('bind', bind);
  checkKeys('bind', bind, ['host', 'port']);
  if (bind.host !== undefined) checkBound(bind.host, type === 'udp4' ? 4 : 6);
  if (bind.port !== undefined) checkPort('bind.port', bind.port);
  if (device !== undefined) checkLinkRef(device, inner, 'device');
  for (const key of FLAGS) if (options[key] !== undefined) checkBoolean(key, options[key]);
  if (ttl !== undefined) checkInteger('ttl', ttl, 1, 255);
  for (const key of ['recvBufferSize', 'sendBufferSize'] as const)
    if (options[key] !== undefined) checkInteger(key, options[key], 1, 0x7fffffff);
  checkMulticast(inner, multicast, type === 'udp4' ? 4 : 6);
  checkSignal(signal);
}

/**
 * A UDP socket inside the namespace as a dgram.Socket, bound already. Names it is given are resolved inside, and the
 * devices that its methods for multicast are given ('::%eth0', or just 'eth0').
 *
 * Rejects with EADDRINUSE, EADDRNOTAVAIL, EACCES, ENODEV… with `address` and `port`.
 */
export async function datagram(
  inner: Internals,
  type: 'udp4' | 'udp6',
  options: DatagramOptions = {},
): Promise<Socket> {
  check(inner, type, options);
  const { signal, bind: { host, port = 0 } = {} } = options;
  if (signal?.aborted) throw abortError(signal);
  const family = type === 'udp4' ? 4 : 6;
  const set = await optionsOf(inner, family, options);
  const any = family === 4 ? '0.0.0.0' : '::';
  const [found] = host === undefined ? [] : await lookupAll(inner, host, { family, signal });
  const to = await endpointOf(inner, 'bind.host', found?.address ?? any, port, signal);
  const fd = await inner.socket(family === 4 ? AF.INET : AF.INET6, SOCK.DGRAM | SOCK.NONBLOCK, 0);
  try {
    if (signal?.aborted) throw abortError(signal);
    for (const option of set.before) setOption(fd, option, inner.subject);
    const bound = native().bind(fd.native, to.bytes);
    if (bound < 0) throw socketError(bound, 'bind', to.place, inner);
    for (const option of set.after) setOption(fd, option, inner.subject);
    return new NetnsDatagramSocket(inner, fd, type);
  } catch (error) {
    fd.closeNow();
    throw error;
  }
}

/** What is set before it is bound, and what then. */
async function optionsOf(inner: Internals, family: 4 | 6, options: DatagramOptions) {
  const { device, ttl, multicast = {}, recvBufferSize, sendBufferSize, signal } = options;
  const level = family === 4 ? LEVEL.IP : LEVEL.IPV6;
  const before: SocketOption[] = [];
  const add = (given: unknown, at: number, name: number) => {
    if (given !== undefined) before.push([at, name, integer(Number(given))]);
  };
  add(options.reuseAddr || undefined, LEVEL.SOCKET, SO.REUSEADDR);
  add(options.reusePort || undefined, LEVEL.SOCKET, SO.REUSEPORT);
  add(options.broadcast || undefined, LEVEL.SOCKET, SO.BROADCAST);
  add(recvBufferSize, LEVEL.SOCKET, SO.RCVBUF);
  add(sendBufferSize, LEVEL.SOCKET, SO.SNDBUF);
  if (family === 6) add(options.ipv6Only ?? false, LEVEL.IPV6, IPV6.V6ONLY);
  add(ttl, level, family === 4 ? IP.TTL : IPV6.UNICAST_HOPS);
  add(multicast.ttl, level, family === 4 ? IP.MULTICAST_TTL : IPV6.MULTICAST_HOPS);
  add(multicast.loopback, level, family === 4 ? IP.MULTICAST_LOOP : IPV6.MULTICAST_LOOP);
  if (device !== undefined) add(await deviceIndex(inner, device, signal), LEVEL.SOCKET, SO.BINDTOIFINDEX);
  const after: SocketOption[] = [];
  if (multicast.device !== undefined)
    after.push(outgoingOption(family, { index: await deviceIndex(inner, multicast.device, signal) }));
  for (const group of multicast.groups ?? [])
    after.push(
      membershipOption(true, group, family, { index: await deviceIndex(inner, group.device, signal) }),
    );
  return { before, after };
}
