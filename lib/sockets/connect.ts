import { isIP, type Socket } from 'node:net';
import type { Call } from '../handles/listing.js';
import { literal } from '../names/literal.js';
import { untilGivenUp } from '../namespaces/give-up.js';
import type { Internals } from '../namespaces/network.js';
import { AF } from '../netlink/constants.js';
import { abortError } from '../syscalls/errors.js';
import type { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import {
  checkBoolean,
  checkInteger,
  checkKeys,
  checkObject,
  checkSignal,
  checkString,
  invalidValue,
  needs,
} from '../syscalls/validate.js';
import { adopt } from './adopt.js';
import { connectSocket } from './attempt.js';
import { connectByNode } from './connect-by-node.js';
import { IPV6, LEVEL, SO, SOCK } from './constants.js';
import { checkHost, checkPort, type Endpoint, endpointOf, endpointsOf } from './endpoint.js';
import { byTurns, race } from './race.js';
import { isNode } from './runtime.js';
import { type Place, socketError } from './socket-errors.js';
import { flag, setOption } from './socket-option.js';
import { Spares } from './spares.js';
import { AF_UNIX, encodeUnixAddress, formatUnixPath } from './unix-address.js';

/** What `netns.connect()` takes. */
export interface ConnectOptions extends Call {
  /** Address or name; a link-local address with its device, as 'fe80::1%eth0'. Default 'localhost'. */
  host?: string;
  port?: number;
  /** Instead of host and port: a unix socket's file, or an abstract name, which begins with NUL. */
  path?: string;
  /** Addresses of this family alone: 4 or 6. Default 0, either. */
  family?: 0 | 4 | 6;
  /** Address of the namespace to connect from. Default: the kernel chooses one. */
  localAddress?: string;
  /** Default 0: the kernel chooses one. */
  localPort?: number;
  /** Milliseconds until it is given up with ETIMEDOUT. Default: none but the kernel's, some 2 minutes. */
  timeout?: number;
  /** Default false: the socket ends when the other end does. */
  allowHalfOpen?: boolean;
  /** Nagle's algorithm is off. Default false. */
  noDelay?: boolean;
  /** Default false. */
  keepAlive?: boolean;
  /** Milliseconds of silence until the first probe. Default 0: the kernel's 2 hours. */
  keepAliveInitialDelay?: number;
}

const KEYS = [
  'host',
  'port',
  'path',
  'family',
  'localAddress',
  'localPort',
  'timeout',
  'allowHalfOpen',
  'noDelay',
  'keepAlive',
  'keepAliveInitialDelay',
  'signal',
];
const LONGEST = 0x7fffffff;
const ETIMEDOUT = -110;
const LATE = 'Nobody answered, or the name was not resolved in time: see netns.nameservers';

function check(options: ConnectOptions): void {
  checkObject('options', options);
  checkKeys('options', options, KEYS);
  const { host, port, path, family, localAddress, localPort, timeout, signal } = options;
  if (path !== undefined) encodeUnixAddress('path', path);
  else checkPort('port', port, 1);
  for (const key of ['host', 'port', 'family', 'localAddress', 'localPort'] as const)
    if (path !== undefined && options[key] !== undefined) throw needs(key, 'no path');
  if (host !== undefined) checkHost('host', host);
  if (family !== undefined && ![0, 4, 6].includes(family)) throw invalidValue('family', '0, 4 or 6', family);
  if (localAddress !== undefined) checkLocal(localAddress, host, family);
  if (localPort !== undefined) checkPort('localPort', localPort);
  if (timeout !== undefined) checkInteger('timeout', timeout, 1, LONGEST);
  for (const key of ['allowHalfOpen', 'noDelay', 'keepAlive'] as const)
    if (options[key] !== undefined) checkBoolean(key, options[key]);
  if (options.keepAliveInitialDelay !== undefined)
    checkInteger('keepAliveInitialDelay', options.keepAliveInitialDelay, 0, LONGEST);
  checkSignal(signal);
}

/** An address to connect from cannot reach those of the other family. */
function checkLocal(address: string, host: string | undefined, family: number | undefined): void {
  checkString('localAddress', address);
  const own = literal(address)?.family;
  if (own === undefined) throw invalidValue('localAddress', 'an IPv4 or IPv6 address', address);
  const wanted = (host !== undefined && literal(host)?.family) || family || own;
  if (own !== wanted) throw invalidValue('localAddress', `an IPv${wanted} address`, address);
}

/**
 * A TCP connection (or one of unix sockets) from inside the namespace, as a net.Socket that is connected already. The
 * socket is made, bound and connected inside, and then handed to Node. Names are resolved as lookup() does; of several
 * addresses the first that answers is taken (RFC 8305).
 *
 * Rejects with ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, EADDRNOTAVAIL, ENOTFOUND… as node:net, with
 * `address` and `port`; with ERR_NSNET_CLOSED when the namespace object is closed meanwhile; with ERR_NSNET_UNSUPPORTED
 * where the runtime cannot take a socket over.
 */
export async function connect(inner: Internals, options: ConnectOptions): Promise<Socket> {
  check(options);
  const { host = 'localhost', port = 0, path, timeout, signal } = options;
  if (signal?.aborted) throw abortError(signal);
  if (isPlain(options)) return finish(await connectPlainly(inner, host, port, options), options);
  const to = path === undefined ? { address: host, port } : { address: formatUnixPath(path) };
  const named = path === undefined && isIP(host) === 0;
  const late = () => socketError(ETIMEDOUT, 'connect', to, inner, named ? LATE : undefined);
  return untilGivenUp(
    inner,
    { signal, timeout, late },
    (stopped) => open(inner, options, stopped),
    (socket) => socket.destroy(),
  );
}

async function open(inner: Internals, options: ConnectOptions, stopped: AbortSignal): Promise<Socket> {
  const socket = await (options.path === undefined
    ? connectTcp(inner, options, stopped)
    : connectUnix(inner, options.path, options, stopped));
  if (stopped.aborted) {
    socket.destroy();
    throw stopped.reason;
  }
  return finish(socket, options);
}

function finish(socket: Socket, { noDelay, keepAlive, keepAliveInitialDelay }: ConnectOptions): Socket {
  if (noDelay) socket.setNoDelay(true);
  if (keepAlive) socket.setKeepAlive(true, keepAliveInitialDelay);
  return socket;
}

/** There is nothing to look up, and nothing gives it up but the close of the namespace. */
function isPlain(options: ConnectOptions): boolean {
  const { host = '', localAddress, localPort, timeout, signal } = options;
  const free = localAddress === undefined && localPort === undefined && !timeout && !signal;
  return isNode && free && isIP(host) !== 0 && !host.includes('%');
}

async function connectPlainly(
  inner: Internals,
  host: string,
  port: number,
  options: ConnectOptions,
): Promise<Socket> {
  const fd = await Spares.of(inner, ...kindOf(isIP(host) as 4 | 6)).take();
  return connectByNode(inner, fd, { address: host, port }, options);
}

const kindOf = (family: 4 | 6) =>
  [family === 4 ? AF.INET : AF.INET6, SOCK.STREAM | SOCK.NONBLOCK, 0] as const;

async function connectUnix(
  inner: Internals,
  path: string,
  options: ConnectOptions,
  stopped: AbortSignal,
): Promise<Socket> {
  const bytes = encodeUnixAddress('path', path);
  const fd = await Spares.of(inner, AF_UNIX, SOCK.STREAM | SOCK.NONBLOCK, 0).take();
  return connectNatively(inner, fd, { bytes, place: { address: formatUnixPath(path) } }, options, stopped);
}

async function connectTcp(inner: Internals, options: ConnectOptions, stopped: AbortSignal): Promise<Socket> {
  const { host = 'localhost', port = 0, family, localAddress, localPort = 0 } = options;
  const from =
    localAddress === undefined
      ? undefined
      : await endpointOf(inner, 'localAddress', localAddress, localPort, stopped);
  const found = await endpointsOf(inner, host, port, { family: from?.family ?? family, signal: stopped });
  const attempt = async (to: Endpoint, giveUp: AbortSignal) => {
    const fd = await Spares.of(inner, ...kindOf(to.family)).take();
    try {
      giveUp.throwIfAborted();
      const bound = from ?? (localPort > 0 ? await anyOf(inner, to.family, localPort) : undefined);
      if (bound) bindTo(inner, fd, bound);
    } catch (error) {
      fd.closeNow();
      throw error;
    }
    // It would look up the device of a link-local address in its own namespace.
    const byNode = isNode && ![to, from].some((one) => one?.place.address.includes('%'));
    return byNode
      ? connectByNode(inner, fd, to.place, options, giveUp)
      : connectNatively(inner, fd, to, options, giveUp);
  };
  return race(byTurns(found), attempt, (socket) => socket.destroy(), stopped);
}

const anyOf = (inner: Internals, family: 4 | 6, port: number) =>
  endpointOf(inner, 'localPort', family === 4 ? '0.0.0.0' : '::', port);

/** As node:net has it, a port that was used just now can be used again; and the attempt with the other family has it, too. */
function bindTo(inner: Internals, fd: Fd, { family, bytes, place }: Endpoint): void {
  setOption(fd, flag(LEVEL.SOCKET, SO.REUSEADDR, true), inner.subject);
  if (family === 6) setOption(fd, flag(LEVEL.IPV6, IPV6.V6ONLY, true), inner.subject);
  const result = native().bind(fd.native, bytes);
  if (result < 0) throw socketError(result, 'bind', place, inner);
}

/** Connects it and hands it to the runtime; it is closed if that fails. */
async function connectNatively(
  inner: Internals,
  fd: Fd,
  { bytes, place }: { bytes: Uint8Array; place: Place },
  options: ConnectOptions,
  stopped: AbortSignal,
): Promise<Socket> {
  try {
    await connectSocket(inner, fd, bytes, place, stopped);
    return await adopt(inner, fd, options);
  } catch (error) {
    fd.closeNow();
    throw error;
  }
}
