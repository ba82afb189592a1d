import type { Internals } from '../namespaces/network.js';
import { parseAddress } from '../netlink/addresses.js';
import { AF } from '../netlink/constants.js';
import { SOCK } from '../sockets/constants.js';
import { type Message, MessageSocket } from '../sockets/message-socket.js';
import { encodeSocketAddress } from '../sockets/socket-address.js';
import { errnoName } from '../syscalls/errno.js';
import { native } from '../syscalls/native.js';
import type { Nameserver } from './nameserver.js';
import { type Asking, failed, type Reply, type Wait } from './reply.js';

/** Messages that are read in one turn of the event loop. */
const BATCH = 16;

/**
 * Asks a nameserver by UDP, from inside: all questions at once from one socket, which is connected, so that the kernel
 * drops what comes from others. One reply for each.
 */
export async function askByUdp<R>(
  inner: Internals,
  server: Nameserver,
  queries: readonly Asking<R>[],
  wait: Wait,
): Promise<Reply<R>[]> {
  const domain = server.family === 4 ? AF.INET : AF.INET6;
  const socket = await MessageSocket.open(inner, domain, SOCK.DGRAM, 0);
  try {
    wait.stopped.throwIfAborted();
    if (wait.unref) socket.hold(false);
    const replies = new Map<Asking<R>, Reply<R>>();
    const refused = (errno: number) => {
      for (const query of queries) if (!replies.has(query)) replies.set(query, failed(errnoName(errno)));
    };
    const connected = connect(socket, server);
    if (connected < 0) refused(connected);
    for (const query of queries) {
      if (replies.has(query)) continue;
      const sent = socket.send(query.message);
      // It may be what the network has told about the query before, and is told once.
      if (sent < 0) refused(sent);
    }
    const hear = () => {
      for (const [bytes] of received(socket, refused)) {
        for (const query of queries) {
          const response = replies.has(query) ? undefined : query.read(bytes);
          if (response) replies.set(query, { response });
        }
      }
      return replies.size === queries.length;
    };
    if (replies.size < queries.length) await heard(socket, hear, wait);
    return queries.map((query) => replies.get(query) ?? failed('ETIMEOUT'));
  } finally {
    await socket.close();
  }
}

/**
 * Whatever the network tells, as that a firewall prohibits it (EACCES by ICMPv6), or that a protocol is not spoken there, is
 * about this nameserver: there may be others.
 */
function received(socket: MessageSocket, refused: (errno: number) => void): readonly Message[] {
  try {
    return socket.receive(BATCH, refused);
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    refused(errno);
    return [];
  }
}

/** The device of a link-local address is looked up in the socket's namespace. 0 or -errno. */
function connect(socket: MessageSocket, { address, zone = '0', port }: Nameserver): number {
  const scope = /^\d+$/.test(zone) ? Number(zone) : native().linkIndex(socket.fd.native, zone);
  if (scope < 0) return scope;
  const { bytes } = parseAddress(address);
  return socket.connect(encodeSocketAddress({ bytes, scope, port }));
}

/** Until `hear`, called whenever something has come, has heard all; or time is up. */
function heard(socket: MessageSocket, hear: () => boolean, { timeout, stopped, unref }: Wait): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: unknown) => {
      clearTimeout(timer);
      stopped.removeEventListener('abort', onStop);
      socket.unwatch();
      if (error === undefined) resolve();
      else reject(error);
    };
    const onStop = () => settle(stopped.reason);
    const timer = setTimeout(settle, timeout);
    if (unref) timer.unref();
    stopped.addEventListener('abort', onStop, { once: true });
    const onReadable = () => {
      try {
        if (hear()) settle();
        else socket.whenReadable(onReadable);
      } catch (error) {
        settle(error);
      }
    };
    try {
      socket.whenReadable(onReadable);
    } catch (error) {
      settle(error);
    }
  });
}
