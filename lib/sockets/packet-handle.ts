import { Handle } from '../handles/handle.js';
import type { Call } from '../handles/listing.js';
import type { Internals } from '../namespaces/network.js';
import { littleEndian } from '../netlink/bytes.js';
import { closedError, systemError } from '../syscalls/errors.js';
import { native } from '../syscalls/native.js';
import { checkKeys, checkObject, checkSignal, invalidType } from '../syscalls/validate.js';
import { attachFilter, type BpfInstruction, packFilter } from './bpf-filter.js';
import { LEVEL, SK_MEMINFO_DROPS, SO } from './constants.js';
import { Inbox } from './inbox.js';
import type { Message, MessageSocket } from './message-socket.js';
import { Outbox } from './outbox.js';

/** What a socket of packets is made of. */
export interface PacketParts<T> {
  inner: Internals;
  socket: MessageSocket;
  /** For errors: "raw socket in netns 'test1'". */
  subject: string;
  read: (message: Message) => T | undefined;
  /** The error of one that will get no more, asked for when the network has told of one. */
  check?: () => unknown;
  /** What to do about what send() was refused with, by errno. */
  hints: Readonly<Record<number, string>>;
}

const EBADF = -9;

/**
 * An open socket of packets: looped over it gives what arrives, until it or its namespace is closed. What nobody asks
 * for waits in its receive buffer; when that is full, more is dropped and counted. Only loops and sends that wait keep
 * the event loop alive.
 */
export abstract class PacketHandle<T> extends Handle implements AsyncIterable<T> {
  protected readonly subject: string;
  protected readonly socket: MessageSocket;
  readonly #inbox: Inbox<T>;
  readonly #outbox: Outbox;
  readonly #hints: Readonly<Record<number, string>>;
  readonly #forget: () => void;
  #dropped = 0;

  protected constructor({ inner, socket, subject, read, check, hints }: PacketParts<T>) {
    super(true);
    this.subject = subject;
    this.socket = socket;
    this.#inbox = new Inbox(socket, read, check);
    this.#outbox = new Outbox(socket);
    this.#hints = hints;
    // Weakly, so that one that is forgotten is collected before its namespace.
    const self = new WeakRef<PacketHandle<T>>(this);
    this.#forget = inner.keep(() => self.deref()?.close());
    this.warnIfCollected(subject);
  }

  /** Packets that there was no room for since it was made: see `recvBufferSize`. */
  get dropped(): number {
    return this.closed ? this.#dropped : this.#readDropped();
  }

  #readDropped(): number {
    const info = native().getsockopt(
      this.socket.fd.native,
      LEVEL.SOCKET,
      SO.MEMINFO,
      4 * (SK_MEMINFO_DROPS + 1),
    );
    if (typeof info === 'number') return this.#dropped;
    const view = new DataView(info.buffer, info.byteOffset);
    this.#dropped = view.getUint32(4 * SK_MEMINFO_DROPS, littleEndian);
    return this.#dropped;
  }

  /** What arrives; `break` ends the loop, and another may follow. One at a time: a second one throws meanwhile. */
  messages(options: Call = {}): AsyncIterableIterator<T> {
    checkObject('options', options);
    checkKeys('options', options, ['signal']);
    checkSignal(options.signal);
    this.checkOpen();
    return this.#inbox.iterate(this, options.signal);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return this.messages();
  }

  /**
   * Lets through what arrives from now on as far as a program of classic BPF says, or with null all of it; what has
   * arrived before is not filtered again. Rejects with EINVAL for a program that the kernel does not take.
   */
  async filter(program: readonly BpfInstruction[] | null): Promise<void> {
    const bytes = packFilter(program);
    this.checkOpen();
    attachFilter(this.socket.fd, bytes, this.subject);
  }

  protected checkOpen(): void {
    if (this.closed) throw closedError(this.subject);
  }

  /** Sends bytes to an address, as the kernel takes it; `place` says where to, for errors. */
  protected async transmit(
    bytes: Uint8Array,
    to: Uint8Array | undefined,
    place: string,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const sent = await this.#outbox.send(bytes, to, signal);
    if (sent >= 0) return;
    this.checkOpen();
    throw systemError(sent, 'sendto', { subject: `${this.subject}${place}`, hint: this.#hints[sent] });
  }

  protected override async dispose(): Promise<void> {
    this.#forget();
    // Read while it can be.
    void this.#readDropped();
    this.#inbox.close();
    this.#outbox.close(EBADF);
    await this.socket.close();
  }
}

/** What send() takes. Throws unless it is bytes. */
export function checkBytes(bytes: unknown): asserts bytes is Uint8Array {
  if (!(bytes instanceof Uint8Array)) throw invalidType('bytes', 'a Uint8Array', bytes);
}
