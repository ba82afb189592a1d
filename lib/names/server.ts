import type { Socket } from 'node:dgram';
import { createServer } from 'node:net';
import { Handle } from '../handles/handle.js';
import type { Internals } from '../namespaces/network.js';
import { datagram } from '../sockets/datagram.js';
import { listen } from '../sockets/listen.js';
import type { Listener } from '../sockets/listener.js';
import { formatPlace } from '../sockets/socket-errors.js';
import { abortError, type NsnetError } from '../syscalls/errors.js';
import { canonicalAddress, literal } from './literal.js';
import type { Nameserver } from './nameserver.js';
import { serveConnection } from './server-connection.js';
import { Forwarder } from './server-forward.js';
import { checkLoopback } from './server-loopback.js';
import { checkServerOptions, type ServerOptions } from './server-options.js';
import { Responder } from './server-responder.js';

export type { ServerOptions };

/** Clients by TCP at once; others are turned away. */
const CONNECTIONS = 64;

/** Answers by UDP that wait for room in the kernel; others are dropped. */
const UNSENT = 1024;

/** Bytes for queries that have arrived; the kernel gives what it allows, which is some 500 of them. */
const ROOM = 1 << 20;

/** How often a port is looked for that is free for both UDP and TCP. */
const ATTEMPTS = 10;

/**
 * A nameserver in a namespace. It does not keep the program running, whatever its clients do. close() ends all that is
 * under way, and so does closing the namespace object.
 */
export class NameServer extends Handle {
  readonly address: string;
  readonly port: number;
  readonly #subject: string;
  readonly #responder: Responder;
  readonly #sockets: Sockets;
  readonly #forget: () => void;

  /** @internal */
  constructor(inside: Internals, responder: Responder, sockets: Sockets) {
    super(true);
    const { address, port } = sockets.listener;
    this.address = address;
    this.port = port;
    this.#subject = inside.subject;
    this.#responder = responder;
    this.#sockets = sockets;
    this.#forget = inside.keep(() => this.close());
  }

  override toString(): string {
    return `NameServer { ${formatPlace(this)} in ${this.#subject} }`;
  }

  override toJSON(): unknown {
    const { address, port } = this;
    return { address, port };
  }

  protected override async dispose(): Promise<void> {
    this.#forget();
    await Promise.all([this.#responder.close(), closeSockets(this.#sockets)]);
  }
}

interface Sockets {
  udp: Socket;
  listener: Listener;
}

async function closeSockets({ udp, listener }: Sockets): Promise<void> {
  await Promise.all([udp[Symbol.asyncDispose](), listener.close()]);
}

/**
 * Serves names at an address inside a namespace, by UDP and TCP: those that `answer` and `reverse` know; for others it asks
 * nameservers, from the namespace `forward.from` alone.
 *
 * Where `answer` or `reverse` rejects, or takes more than some seconds, a client is told SERVFAIL. Rejects with EADDRINUSE,
 * EADDRNOTAVAIL (as where its loopback is down), EACCES, an AbortError; with ERR_NSNET_UNSUPPORTED in a worker of
 * node:cluster.
 */
export async function serveNames(inside: Internals, options: ServerOptions): Promise<NameServer> {
  checkServerOptions(options);
  const { host = '127.0.0.11', port = 53, ttl = 600, forward, signal } = options;
  const own = { address: canonicalAddress(host), port };
  const isOneself = ({ address, port }: Nameserver) =>
    forward?.from.id === inside.id && port === own.port && canonicalAddress(address) === own.address;
  const forwarder = forward && new Forwarder(forward, isOneself);
  const responder = new Responder(options, ttl, forwarder);
  const heard = checkLoopback(inside, { address: own.address, port }, signal);
  const opening = port === 0 ? heard.then(() => openAny(inside, host, responder, signal)) : undefined;
  const sockets = await (opening ?? openAt(inside, host, port, responder, heard, signal));
  own.port = sockets.listener.port;
  try {
    if (signal?.aborted) throw abortError(signal);
    return new NameServer(inside, responder, sockets);
  } catch (error) {
    await Promise.all([responder.close(), closeSockets(sockets)]);
    throw error;
  }
}

/** Both at once, unless it turns out that nobody would be heard. */
async function openAt(
  inside: Internals,
  host: string,
  port: number,
  responder: Responder,
  heard: Promise<void>,
  signal: AbortSignal | undefined,
): Promise<Sockets> {
  const [may, tcp, udp] = await Promise.allSettled([
    heard,
    listenTo(inside, host, port, responder, signal),
    hear(inside, host, port, responder, signal),
  ]);
  if (may.status === 'fulfilled' && tcp.status === 'fulfilled' && udp.status === 'fulfilled')
    return { listener: tcp.value, udp: udp.value };
  if (tcp.status === 'fulfilled') await tcp.value.close();
  if (udp.status === 'fulfilled') await udp.value[Symbol.asyncDispose]();
  throw [may, tcp, udp].find((one) => one.status === 'rejected')?.reason;
}

/** Both, at a port that is free for both. */
async function openAny(
  inside: Internals,
  host: string,
  responder: Responder,
  signal: AbortSignal | undefined,
): Promise<Sockets> {
  for (let attempt = 1; ; attempt++) {
    const listener = await listenTo(inside, host, 0, responder, signal);
    try {
      return { listener, udp: await hear(inside, host, listener.port, responder, signal) };
    } catch (error) {
      await listener.close();
      if ((error as NsnetError).code !== 'EADDRINUSE' || attempt === ATTEMPTS) throw error;
    }
  }
}

async function listenTo(
  inside: Internals,
  host: string,
  port: number,
  responder: Responder,
  signal: AbortSignal | undefined,
): Promise<Listener> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
    serveConnection(socket, (query) => responder.respond(query, true)),
  );
  server.maxConnections = CONNECTIONS;
  // One client that could not be accepted.
  server.on('error', () => {});
  const listener = await listen(inside, server, { host, port, signal });
  server.unref();
  return listener;
}

async function hear(
  inside: Internals,
  host: string,
  port: number,
  responder: Responder,
  signal: AbortSignal | undefined,
): Promise<Socket> {
  const type = literal(host)?.family === 6 ? 'udp6' : 'udp4';
  const udp = await datagram(inside, type, { bind: { host, port }, recvBufferSize: ROOM, signal });
  udp.on('message', async (query, from) => {
    // Nobody can be told there.
    if (from.port === 0) return;
    const reply = await responder.respond(query, false);
    if (!reply || udp.getSendQueueCount() >= UNSENT) return;
    try {
      udp.send(reply, from.port, from.address);
    } catch {
      // It was closed meanwhile.
    }
  });
  // What the network tells of clients that have gone.
  udp.on('error', () => {});
  return udp.unref();
}
