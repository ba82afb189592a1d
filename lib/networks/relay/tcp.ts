import { setMaxListeners } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Handle } from '../../handles/handle.js';
import { connect } from '../../sockets/connect.js';
import { serve } from '../../sockets/listen.js';
import type { Listener } from '../../sockets/listener.js';
import { checkMayListen } from '../../sockets/runtime.js';
import { Fd } from '../../syscalls/fd.js';
import { BACKLOG, type Reservation } from '../reservation.js';
import type { RelayOptions, RelayTarget } from './options.js';

const MOST = 4096;
const CONNECT_TIMEOUT = 10_000;
/** Milliseconds of silence until a peer is asked whether it is still there. Silence itself ends nothing. */
const KEEP_ALIVE = 60_000;

/**
 * Accepts on a reserved port, and passes what is said on to the target, and back. Half-closed connections stay so; one that is
 * reset, or cannot be made, resets the other. Who is not accepted, or is one too many, is reset, too.
 */
export class TcpRelay extends Handle {
  readonly #reservation: Reservation;
  readonly #target: RelayTarget;
  readonly #options: RelayOptions;
  readonly #stop = new AbortController();
  readonly #connecting = new Set<Promise<void>>();
  readonly #upstreams = new Set<Socket>();
  readonly #done: () => void;
  #clients = 0;
  #listener: Promise<Listener> | undefined;

  private constructor(reservation: Reservation, target: RelayTarget, options: RelayOptions) {
    super(true);
    this.#reservation = reservation;
    this.#target = target;
    this.#options = options;
    this.#done = reservation.serve(() => this.close());
    // Each connection that is being made listens.
    setMaxListeners(0, this.#stop.signal);
  }

  static async start(
    reservation: Reservation,
    target: RelayTarget,
    options: RelayOptions,
  ): Promise<TcpRelay> {
    checkMayListen();
    const relay = new TcpRelay(reservation, target, options);
    try {
      relay.#listener = relay.#listen();
      await relay.#listener;
      return relay;
    } catch (error) {
      relay.#done();
      throw error;
    }
  }

  async #listen(): Promise<Listener> {
    const { fd, inner, address, port } = this.#reservation;
    const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (client) =>
      this.#accept(client),
    );
    // Of accept(2), as where there are no descriptors left: who came is hung up on, or waits.
    server.on('error', () => {});
    const copy = Fd.duplicate(fd.number);
    try {
      const place = { fd: copy, address, port, cleanUp: async () => {} };
      const listener = await inner.during(serve(inner, server, place, BACKLOG));
      server.unref();
      return listener;
    } catch (error) {
      copy.closeNow();
      throw error;
    }
  }

  #accept(client: Socket): void {
    client.on('error', () => {});
    const { remoteAddress } = client;
    const { accepts = () => true, most = MOST } = this.#options;
    let welcome = false;
    try {
      // Who has gone already has no address.
      welcome = this.#clients < most && remoteAddress !== undefined && accepts(remoteAddress) === true;
    } finally {
      if (!welcome) client.resetAndDestroy();
    }
    if (!welcome) return;
    this.#clients++;
    client.once('close', () => this.#clients--);
    const connecting = this.#connect(client).finally(() => this.#connecting.delete(connecting));
    this.#connecting.add(connecting);
  }

  async #connect(client: Socket): Promise<void> {
    const { from, address: host, port } = this.#target;
    const { connectTimeout: timeout = CONNECT_TIMEOUT } = this.#options;
    const { signal } = this.#stop;
    try {
      const upstream = await connect(from, {
        host,
        port,
        allowHalfOpen: true,
        noDelay: true,
        timeout,
        signal,
      });
      upstream.on('error', () => {});
      if (client.destroyed || signal.aborted) {
        upstream.resetAndDestroy();
        client.destroy();
        return;
      }
      this.#upstreams.add(upstream);
      upstream.once('close', () => this.#upstreams.delete(upstream));
      splice(client, upstream);
    } catch {
      client.resetAndDestroy();
    }
  }

  override toString(): string {
    const { address, port } = this.#target;
    return `TcpRelay { ${this.#reservation.subject} to ${address} port ${port} }`;
  }

  override toJSON(): unknown {
    const { address, port } = this.#target;
    return { ...(this.#reservation.toJSON() as object), to: { address, port } };
  }

  protected override async dispose(): Promise<void> {
    this.#stop.abort();
    const listener = await this.#listener?.catch(() => undefined);
    await listener?.close();
    await Promise.all(this.#connecting);
    for (const upstream of this.#upstreams) upstream.destroy();
    this.#done();
  }
}

/** Each end says what the other says, ends when it ends, and is reset when it breaks. */
function splice(a: Socket, b: Socket): void {
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    one.setKeepAlive(true, KEEP_ALIVE);
    one.once('close', (failed) => {
      const whole = !failed && one.readableEnded && one.writableFinished;
      if (!whole && !other.destroyed) other.resetAndDestroy();
    });
    one.pipe(other);
  }
}
