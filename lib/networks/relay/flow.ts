import { literal } from '../../names/literal.js';
import { AF } from '../../netlink/constants.js';
import { SOCK } from '../../sockets/constants.js';
import { readBatch } from '../../sockets/datagram-batch.js';
import { endpointOf } from '../../sockets/endpoint.js';
import { MessageSocket } from '../../sockets/message-socket.js';
import { isFull } from '../../sockets/outbox.js';
import { socketError } from '../../sockets/socket-errors.js';
import { Spares } from '../../sockets/spares.js';
import type { RelayTarget } from './options.js';

/** Datagrams that wait until there is a socket; that takes less than a millisecond. */
const WAITING = 64;
const EAGAIN = -11;

interface Hearing {
  answer(bytes: Uint8Array): void;
  /** There is no socket to be had, or no way to the target. */
  failed(): void;
}

/** What one client of UDP says to the target, and what comes back, by a socket that is connected to it. */
export class Flow {
  /** When anything was last said, by performance.now(). */
  used = 0;
  readonly #hearing: Hearing;
  readonly #opening: Promise<void>;
  #waiting: Uint8Array[] = [];
  #socket: MessageSocket | undefined;
  #next: NodeJS.Immediate | undefined;
  #forget: (() => void) | undefined;
  #closed = false;

  constructor(target: RelayTarget, hearing: Hearing) {
    this.#hearing = hearing;
    this.#opening = this.#open(target).catch(() => {
      if (!this.#closed) hearing.failed();
    });
  }

  send(bytes: Uint8Array): void {
    if (!this.#socket) {
      if (this.#waiting.length < WAITING) this.#waiting.push(bytes);
      return;
    }
    const sent = this.#socket.send(bytes);
    // What the network told of an earlier one, as that nobody listened; this one was not sent for that.
    if (sent < 0 && !isFull(sent)) this.#socket.send(bytes);
  }

  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#waiting = [];
      this.#forget?.();
      if (this.#next) clearImmediate(this.#next);
      this.#socket?.unwatch();
    }
    await this.#opening;
    await this.#socket?.close();
  }

  async #open({ from, address, port }: RelayTarget): Promise<void> {
    const to = await endpointOf(from, 'target.address', address, port);
    const domain = literal(address)?.family === 4 ? AF.INET : AF.INET6;
    const fd = await Spares.of(from, domain, SOCK.DGRAM | SOCK.NONBLOCK, 0).take();
    const socket = new MessageSocket(fd);
    try {
      if (this.#closed) throw new Error('closed meanwhile');
      this.#forget = from.keep(() => this.#hearing.failed());
      const connected = socket.connect(to.bytes);
      if (connected < 0) throw socketError(connected, 'connect', to.place, from);
      socket.hold(false);
      socket.whenReadable(this.#receive);
    } catch (error) {
      this.#forget?.();
      socket.unwatch();
      socket.fd.closeNow();
      throw error;
    }
    this.#socket = socket;
    for (const bytes of this.#waiting.splice(0)) this.send(bytes);
  }

  readonly #receive = (): void => {
    this.#next = undefined;
    const socket = this.#socket;
    if (this.#closed || !socket) return;
    const { datagrams, errno } = readBatch(socket.fd);
    for (const bytes of datagrams) this.#hearing.answer(bytes);
    // An error was that of one datagram: there may be others behind it.
    if (errno === EAGAIN) socket.whenReadable(this.#receive);
    else this.#next = setImmediate(this.#receive).unref();
  };
}
