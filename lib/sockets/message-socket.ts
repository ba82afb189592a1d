import type { Internals } from '../namespaces/network.js';
import { systemError } from '../syscalls/errors.js';
import { Fd } from '../syscalls/fd.js';
import { type NativeWatch, native } from '../syscalls/native.js';
import { SOCK } from './constants.js';

/** What arrived, as recvmsg(2) tells of it. */
export type Message = readonly [bytes: Uint8Array, address: Uint8Array, control: Uint8Array, flags: number];

/** The value of an option that is an int. */
export const integer = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer);

/** Errors that tell of the network and not of the socket; reading takes them away. */
const PASSING = new Set([-11, -4, -100, -101, -110, -111, -112, -113]);

/** A socket of whole messages (datagrams, packets) that stays in the namespace it was made in. No call waits. */
export class MessageSocket {
  readonly fd: Fd;
  #watch: NativeWatch | undefined;
  #held = true;
  /** Of a duplicate: epoll(7) watches a descriptor once. */
  #writable: { fd: Fd; watch: NativeWatch } | undefined;

  constructor(fd: Fd) {
    this.fd = fd;
  }

  static async open(
    inner: Internals,
    domain: number,
    type: number,
    protocol: number,
  ): Promise<MessageSocket> {
    return new MessageSocket(await inner.socket(domain, type | SOCK.NONBLOCK, protocol));
  }

  set(level: number, name: number, value: Uint8Array): void {
    const result = native().setsockopt(this.fd.native, level, name, value);
    if (result < 0) throw systemError(result, 'setsockopt');
  }

  /** The same where a refusal is an answer: 0 or -errno. */
  trySet(level: number, name: number, value: Uint8Array): number {
    return native().setsockopt(this.fd.native, level, name, value);
  }

  /** Receives and sends from this address; 0 or -errno. */
  bind(address: Uint8Array): number {
    return native().bind(this.fd.native, address);
  }

  /** Receives from and sends to this address alone; 0 or -errno. */
  connect(address: Uint8Array): number {
    return native().connect(this.fd.native, address);
  }

  /** Bytes or -errno. `control` is what goes with it, as sendmsg(2) takes it. */
  send(message: Uint8Array, to?: Uint8Array, control?: Uint8Array): number {
    return native().send(this.fd.native, message, to, control);
  }

  /**
   * Up to `count` of the messages that have arrived; fewer when there are no more, or when the network has told of an
   * error, as of an unreachable port: `passed` is called with it.
   */
  receive(count: number, passed?: (errno: number) => void): readonly Message[] {
    const messages = native().receive(this.fd.native, count);
    if (typeof messages !== 'number') return messages;
    if (!PASSING.has(messages)) throw systemError(messages, 'recvmsg');
    if (messages !== -11) passed?.(messages);
    return [];
  }

  /** Calls back once when a message has arrived; until then it keeps the event loop alive. Always with the same function. */
  whenReadable(callback: () => void): void {
    if (this.#watch === undefined) {
      const watch = native().watch(this.fd.native, callback);
      if (typeof watch === 'number') throw systemError(watch, 'epoll_ctl');
      this.#watch = watch;
      native().watchHold(watch, this.#held);
    }
    const armed = native().watchArm(this.#watch);
    if (armed < 0) throw systemError(armed, 'epoll_ctl');
  }

  /** Whether waiting for a message keeps the event loop alive, now and later. */
  hold(held: boolean): void {
    this.#held = held;
    if (this.#watch) native().watchHold(this.#watch, held);
  }

  /** Calls back no more, until whenReadable() is called again. */
  unwatchReadable(): void {
    if (this.#watch) native().watchClose(this.#watch);
    this.#watch = undefined;
  }

  /** Calls back once when there is room again for what send() had none for (EAGAIN). Always with the same function. */
  whenWritable(callback: () => void): void {
    this.#writable ??= this.#watchWritable(callback);
    const armed = native().watchArm(this.#writable.watch);
    if (armed < 0) throw systemError(armed, 'epoll_ctl');
  }

  /** Calls back no more, until whenWritable() is called again. */
  unwatchWritable(): void {
    if (!this.#writable) return;
    native().watchClose(this.#writable.watch);
    this.#writable.fd.closeNow();
    this.#writable = undefined;
  }

  #watchWritable(callback: () => void): { fd: Fd; watch: NativeWatch } {
    const fd = Fd.duplicate(this.fd.number);
    const watch = native().watch(fd.native, callback, 'write');
    if (typeof watch !== 'number') return { fd, watch };
    fd.closeNow();
    throw systemError(watch, 'epoll_ctl');
  }

  /** Calls back no more. */
  unwatch(): void {
    if (this.#watch) native().watchClose(this.#watch);
    this.unwatchWritable();
  }

  async close(): Promise<void> {
    this.unwatch();
    await this.fd.close();
  }
}
