import type { RemoteInfo } from 'node:dgram';
import { readBatch, SENDER } from './datagram-batch.js';
import type { MessageSocket } from './message-socket.js';
import { type Told, toldBy } from './zones.js';

const EAGAIN = -11;

/** Where the index of the device is, among the words of a sender. */
const SCOPE = 6;

/** Who is told of what arrives. */
export interface Hearing {
  message(bytes: Buffer, from: RemoteInfo): void;
  /** Of what was sent before, as that nobody listens there. */
  error(errno: number): void;
}

/**
 * Tells of each datagram in a callback of the event loop's own, as node:dgram does: what one sets off with promises is done
 * before the next, and what it throws takes no other along. In one turn of the event loop no more than a batch: a flood
 * leaves the others theirs.
 */
export class DatagramReceiver {
  readonly #socket: MessageSocket;
  readonly #hearing: Hearing;
  #held = true;
  #closed = false;
  #next: NodeJS.Immediate | undefined;
  /** The last sender, and its address as text. */
  #sender = new Int32Array(SENDER);
  #told: Told | undefined;

  constructor(socket: MessageSocket, hearing: Hearing) {
    this.#socket = socket;
    this.#hearing = hearing;
    socket.whenReadable(this.#receive);
  }

  /** Whether it keeps the event loop alive. Default true. */
  hold(held: boolean): void {
    this.#held = held;
    this.#socket.hold(held);
    if (held) this.#next?.ref();
    else this.#next?.unref();
  }

  close(): void {
    this.#closed = true;
    if (this.#next) clearImmediate(this.#next);
  }

  readonly #receive = (): void => {
    this.#next = undefined;
    if (this.#closed) return;
    const { datagrams, senders, errno } = readBatch(this.#socket.fd);
    const failed = errno !== 0 && errno !== EAGAIN;
    if (datagrams.length === 0 && !failed) {
      this.#socket.whenReadable(this.#receive);
      return;
    }
    for (const [i, bytes] of datagrams.entries()) {
      setImmediate(this.#deliver, bytes, this.#senderOf(senders, i * SENDER));
    }
    if (failed) setImmediate(this.#fail, errno);
    // Behind those: before they are done nothing more is read. What has come by then needs no poll thread.
    this.#next = setImmediate(this.#receive);
    if (!this.#held) this.#next.unref();
  };

  readonly #deliver = (bytes: Buffer, told: Told | undefined): void => {
    if (this.#closed || !told) return;
    const { address, family, port } = told;
    this.#hearing.message(bytes, { address, family, port, size: bytes.length });
  };

  readonly #fail = (errno: number): void => {
    if (!this.#closed) this.#hearing.error(errno);
  };

  /** Most often the last one. A device may be given another name: those of link-local addresses are asked for again. */
  #senderOf(senders: Int32Array, at: number): Told | undefined {
    const last = this.#sender;
    let same = this.#told !== undefined && last[SCOPE] === 0;
    for (let i = 0; same && i < SENDER; i++) same = senders[at + i] === last[i];
    if (same) return this.#told;
    this.#sender = senders.slice(at, at + SENDER);
    this.#told = toldBy(this.#socket.fd, new Uint8Array(this.#sender.buffer));
    return this.#told;
  }
}
