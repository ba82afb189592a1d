import { lstat, unlink } from 'node:fs/promises';
import { Server as HttpServer } from 'node:http';
import { Server as HttpsServer } from 'node:https';
import { Server } from 'node:net';
import type { Call } from '../handles/listing.js';
import type { Internals } from '../namespaces/network.js';
import { AF } from '../netlink/constants.js';
import { abortError, type NsnetError } from '../syscalls/errors.js';
import type { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import {
  checkBoolean,
  checkInteger,
  checkKeys,
  checkObject,
  checkSignal,
  invalidType,
  needs,
} from '../syscalls/validate.js';
import { descriptorOf } from './adopt.js';
import { IPV6, LEVEL, SO, SOCK } from './constants.js';
import { checkHost, checkPort, type Endpoint, endpointOf, endpointsOf } from './endpoint.js';
import { frontOf } from './front.js';
import { checkAdopted, checkHome } from './home.js';
import { Listener } from './listener.js';
import { checkMayListen } from './runtime.js';
import { decodeSocketAddress, formatSocketAddress } from './socket-address.js';
import { type Place, socketError } from './socket-errors.js';
import { flag, setOption } from './socket-option.js';
import { AF_UNIX, encodeUnixAddress, formatUnixPath } from './unix-address.js';

/** What `netns.listen()` takes beside the server. */
export interface ListenOptions extends Call {
  /** Address or name. Default: all addresses, of both families where the namespace has IPv6. */
  host?: string;
  /** Default 0: a free one, which the Listener tells. */
  port?: number;
  /** Instead of host and port: a unix socket's file, or an abstract name, which begins with NUL. */
  path?: string;
  /** Connections that may wait to be accepted. Default 511; the kernel takes at most net.core.somaxconn. */
  backlog?: number;
  /** Several sockets may have the port, and share its connections (SO_REUSEPORT). Default false. */
  reusePort?: boolean;
  /** '::' without IPv4. Default false. */
  ipv6Only?: boolean;
}

const KEYS = ['host', 'port', 'path', 'backlog', 'reusePort', 'ipv6Only', 'signal'];

/** Errors of a namespace without IPv6. */
const NO_INET6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);

/** Those of HTTP are no net.Server in every runtime. What has a `listen` besides, as an express app, makes a server of its own. */
const SERVERS = [Server, HttpServer, HttpsServer];

function check(server: Server, options: ListenOptions): void {
  if (!SERVERS.some((kind) => server instanceof kind))
    throw invalidType(
      'server',
      'a server of node:net, http, https, http2 or tls, as createServer(app),',
      server,
    );
  checkObject('options', options);
  checkKeys('options', options, KEYS);
  const { host, port, path, backlog, signal } = options;
  if (host !== undefined) checkHost('host', host);
  if (port !== undefined) checkPort('port', port);
  for (const key of ['host', 'port', 'reusePort', 'ipv6Only'] as const)
    if (path !== undefined && options[key] !== undefined) throw needs(key, 'no path');
  if (path !== undefined) encodeUnixAddress('path', path);
  if (backlog !== undefined) checkInteger('backlog', backlog, 1, 0x7fffffff);
  for (const key of ['reusePort', 'ipv6Only'] as const)
    if (options[key] !== undefined) checkBoolean(key, options[key]);
  checkSignal(signal);
  if (server.listening)
    throw Object.assign(new Error('The server listens already'), { code: 'ERR_SERVER_ALREADY_LISTEN' });
}

/** A socket that listens, and where. */
export interface Listening {
  fd: Fd;
  address: string;
  port: number;
  cleanUp: () => Promise<void>;
}

/**
 * Has a server listen inside the namespace: any of node:net, http, https, http2 or tls, and what is built on them. The
 * socket is made, bound and set to listen inside, and then handed to Node.
 *
 * Rejects with EADDRINUSE, EADDRNOTAVAIL, EACCES… as node:net, with `address` and `port`; with
 * ERR_NSNET_UNSUPPORTED in a worker of node:cluster.
 */
export async function listen(
  inner: Internals,
  server: Server,
  options: ListenOptions = {},
): Promise<Listener> {
  check(server, options);
  checkMayListen();
  const { signal, backlog = 511 } = options;
  if (signal?.aborted) throw abortError(signal);
  const listening = await open(inner, options);
  try {
    if (signal?.aborted) throw abortError(signal);
    return await serve(inner, server, listening, backlog);
  } catch (error) {
    listening.fd.closeNow();
    await listening.cleanUp();
    throw error;
  }
}

/**
 * Hands the socket to the server. What is done when it listens is done before the server's user is told, who may close it
 * at once. The descriptor is the caller's still if it rejects.
 */
export function serve(
  inner: Internals,
  server: Server,
  { fd, address, port, cleanUp }: Listening,
  backlog: number,
): Promise<Listener> {
  const front = frontOf(server);
  return new Promise<Listener>((resolve, reject) => {
    const end = (then: () => void) => {
      front.off('listening', onListening);
      front.off('error', onError);
      front.off('close', onClose);
      then();
    };
    const onError = (error: Error) => end(() => reject(error));
    const onClose = () =>
      end(() => {
        // It had the socket, and has closed it.
        fd.release();
        reject(notRunning());
      });
    const onListening = () =>
      end(() => {
        try {
          checkHome(inner, fd);
          checkAdopted(inner, fd.number, descriptorOf(front));
          resolve(new Listener(inner, { server, front, cleanUp }, address, port));
        } catch (error) {
          front.close();
          reject(error);
        } finally {
          fd.release();
        }
      });
    front.prependListener('listening', onListening);
    front.on('error', onError);
    front.on('close', onClose);
    try {
      front.listen({ fd: fd.number }, backlog);
    } catch (error) {
      // It has been told to listen elsewhere meanwhile.
      end(() => reject(error));
    }
  });
}

const notRunning = () =>
  Object.assign(new Error('The server was closed before it listened'), { code: 'ERR_SERVER_NOT_RUNNING' });

async function open(inner: Internals, options: ListenOptions): Promise<Listening> {
  const { host, port = 0, path, signal } = options;
  if (path !== undefined) return openUnix(inner, path, options);
  if (host !== undefined) {
    const [first] = await endpointsOf(inner, host, port, { signal });
    return openTcp(inner, first as Endpoint, options);
  }
  const all = (address: string) => endpointOf(inner, 'host', address, port);
  try {
    return await openTcp(inner, await all('::'), options);
  } catch (error) {
    if (options.ipv6Only || !NO_INET6.has((error as NsnetError).code)) throw error;
    return openTcp(inner, await all('0.0.0.0'), options);
  }
}

async function openTcp(inner: Internals, to: Endpoint, options: ListenOptions): Promise<Listening> {
  const { reusePort = false, ipv6Only = false, backlog = 511 } = options;
  const fd = await inner.socket(to.family === 4 ? AF.INET : AF.INET6, SOCK.STREAM | SOCK.NONBLOCK, 0);
  try {
    const { subject } = inner;
    setOption(fd, flag(LEVEL.SOCKET, SO.REUSEADDR, true), subject);
    if (reusePort) setOption(fd, flag(LEVEL.SOCKET, SO.REUSEPORT, true), subject);
    if (to.family === 6) setOption(fd, flag(LEVEL.IPV6, IPV6.V6ONLY, ipv6Only), subject);
    bindAndListen(inner, fd, to, backlog);
    const name = native().getsockname(fd.native);
    const bound = typeof name === 'number' ? undefined : decodeSocketAddress(name);
    const { port = 0 } = bound ?? {};
    // With the name of its device, where it was given.
    const address = bound && bound.scope === 0 ? formatSocketAddress(bound) : to.place.address;
    return { fd, address, port, cleanUp: async () => {} };
  } catch (error) {
    fd.closeNow();
    throw error;
  }
}

async function openUnix(
  inner: Internals,
  path: string,
  { backlog = 511 }: ListenOptions,
): Promise<Listening> {
  const bytes = encodeUnixAddress('path', path);
  const place = { address: formatUnixPath(path) };
  const fd = await inner.socket(AF_UNIX, SOCK.STREAM | SOCK.NONBLOCK, 0);
  try {
    bindAndListen(inner, fd, { bytes, place }, backlog);
    const cleanUp = path.startsWith('\0') ? async () => {} : await removalOf(path);
    return { fd, address: path, port: 0, cleanUp };
  } catch (error) {
    fd.closeNow();
    throw error;
  }
}

/** Takes the socket file away, unless it is another one by then. */
async function removalOf(path: string): Promise<() => Promise<void>> {
  const { dev, ino } = await lstat(path);
  return async () => {
    const now = await lstat(path).catch(() => undefined);
    if (now?.dev === dev && now.ino === ino) await unlink(path).catch(() => {});
  };
}

function bindAndListen(
  inner: Internals,
  fd: Fd,
  { bytes, place }: { bytes: Uint8Array; place: Place },
  backlog: number,
): void {
  const bound = native().bind(fd.native, bytes);
  if (bound < 0) throw socketError(bound, 'bind', place, inner);
  const listening = native().listen(fd.native, backlog);
  if (listening < 0) throw socketError(listening, 'listen', place, inner);
}
