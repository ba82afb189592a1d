import type { Server, Socket } from 'node:net';
import { Handle } from '../handles/handle.js';
import type { Internals } from '../namespaces/network.js';
import { native } from '../syscalls/native.js';
import { connectedOnce } from './once.js';
import { formatPlace } from './socket-errors.js';
import { formatUnixPath } from './unix-address.js';
import { nameZoneOf, nameZones } from './zones.js';

/** How a server is stopped. */
export interface Serving {
  /** The one that was given: told of 'close' whoever stops it. */
  readonly server: Server;
  /** The one that accepts: the same, but where the runtime needs another before it. */
  readonly front: Server;
  /** Takes away what it made besides: a socket file. */
  readonly cleanUp: () => Promise<void>;
}

/** A server that listens in a namespace. close() stops it and ends its connections; server.close() ends this, too. */
export class Listener extends Handle {
  /** Where it listens: '::' and '0.0.0.0' are all addresses; of a unix socket its path. */
  readonly address: string;
  /** 0 of a unix socket. */
  readonly port: number;
  readonly #serving: Serving;
  readonly #subject: string;
  readonly #forget: () => void;
  readonly #connections = new Set<Socket>();
  /** Resolves when the server has closed, and all its connections. */
  readonly #ended: Promise<void>;

  /** @internal */
  constructor(inner: Internals, serving: Serving, address: string, port: number) {
    super(true);
    this.address = address;
    this.port = port;
    this.#serving = serving;
    this.#subject = inner.subject;
    this.#forget = inner.keep(() => this.close());
    const { front } = serving;
    const takeBack = nameZoneOf(front, address, port);
    const scoped = address.includes(':') && address !== '::1';
    const note = (socket: Socket) => {
      if (scoped) nameZones(socket);
      connectedOnce(socket);
      this.#connections.add(socket);
      socket.once('close', () => this.#connections.delete(socket));
    };
    front.prependListener('connection', note);
    this.#ended = new Promise((resolve) => {
      front.once('close', () => {
        front.off('connection', note);
        takeBack();
        resolve();
        void this.close();
      });
    });
  }

  override toString(): string {
    const { address, port } = this;
    const where = port === 0 ? formatUnixPath(address) : formatPlace({ address, port });
    return `Listener { ${where} in ${this.#subject} }`;
  }

  override toJSON(): unknown {
    const { address, port } = this;
    return { address, port };
  }

  protected override async dispose(owned: boolean): Promise<void> {
    this.#forget();
    if (!owned) return;
    const { front, server, cleanUp } = this.#serving;
    if (front.listening) front.close();
    if (front !== server) server.close();
    for (const connection of this.#connections) connection.destroy();
    await this.#ended;
    // Whoever closes it may have the port again.
    await native().fdCopies();
    await cleanUp();
  }
}
