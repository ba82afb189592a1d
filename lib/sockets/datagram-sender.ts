import { literal } from '../names/literal.js';
import { lookupAll } from '../names/lookup.js';
import type { Internals } from '../namespaces/network.js';
import { parseAddress } from '../netlink/addresses.js';
import { native } from '../syscalls/native.js';
import type { Sending } from './datagram-arguments.js';
import type { MessageSocket } from './message-socket.js';
import { isFull, Outbox } from './outbox.js';
import { encodeSocketAddress } from './socket-address.js';
import { type Place, socketError } from './socket-errors.js';

const ENODEV = -19;
const EINVAL = -22;
const ECANCELED = -125;

/** Sends datagrams in the order they were given; those to a name wait until it is resolved, inside. */
export class DatagramSender {
  readonly #inner: Internals;
  readonly #socket: MessageSocket;
  readonly #family: 4 | 6;
  readonly #outbox: Outbox;
  readonly #fail: (error: unknown) => void;
  readonly #stop = new AbortController();
  /** What waits for the address of a name. */
  readonly #waiting = new Map<string, Sending[]>();
  /** Where the last went, if that needed no device. */
  #last: { to: Uint8Array; place: Required<Place> } | undefined;

  /** `fail` is told of a name that means nothing, where send() has no callback. */
  constructor(inner: Internals, socket: MessageSocket, family: 4 | 6, fail: (error: unknown) => void) {
    this.#inner = inner;
    this.#socket = socket;
    this.#family = family;
    this.#outbox = new Outbox(socket);
    this.#fail = fail;
  }

  /** Datagrams that wait for room. */
  get count(): number {
    return this.#outbox.count;
  }

  /** Their bytes. */
  get size(): number {
    return this.#outbox.size;
  }

  /** To whom the socket is connected. */
  sendConnected(sending: Sending, peer: Place): void {
    this.#transmit(sending, undefined, peer);
  }

  send(sending: Sending): void {
    const host = sending.address || this.#itself;
    const { port } = sending;
    const last = this.#last;
    if (last?.place.address === host && last.place.port === port) {
      this.#transmit(sending, last.to, last.place);
      return;
    }
    if (literal(host)) this.#sendTo(sending, host, host);
    else this.#sendToName({ ...sending, bytes: new Uint8Array(sending.bytes) }, host);
  }

  /** An address to connect to, as the kernel takes it. */
  encode(address: string, port: number): Uint8Array {
    const to = this.#encode(address || this.#itself, port);
    if (typeof to === 'number') throw socketError(to, 'connect', { address, port }, this.#inner);
    return to;
  }

  /** The same of a host. Rejects if a name means nothing, or the socket is closed. */
  async resolve(host: string, port: number): Promise<Uint8Array> {
    return this.encode((await this.#find(host || this.#itself)).address, port);
  }

  /** What waits is told that it will not be sent. */
  close(): void {
    this.#stop.abort();
    this.#outbox.close(ECANCELED);
    for (const sendings of this.#waiting.values())
      for (const sending of sendings) this.#settle(sending, ECANCELED, placeOf(sending));
    this.#waiting.clear();
  }

  get #itself(): string {
    return this.#family === 4 ? '127.0.0.1' : '::1';
  }

  async #find(host: string): Promise<{ address: string }> {
    const found = literal(host);
    if (found) return found;
    const [first] = await lookupAll(this.#inner, host, { family: this.#family, signal: this.#stop.signal });
    return first ?? { address: host };
  }

  #sendToName(sending: Sending, host: string): void {
    const waiting = this.#waiting.get(host);
    if (waiting) {
      waiting.push(sending);
      return;
    }
    const sendings = [sending];
    this.#waiting.set(host, sendings);
    const settle = (each: (sending: Sending) => void) => {
      if (this.#stop.signal.aborted) return;
      this.#waiting.delete(host);
      sendings.forEach(each);
    };
    this.#find(host).then(
      ({ address }) => settle((one) => this.#sendTo(one, host, address)),
      (error) =>
        settle(({ callback }) => {
          if (callback) process.nextTick(callback, error, 0);
          else this.#fail(error);
        }),
    );
  }

  #sendTo(sending: Sending, host: string, address: string): void {
    const place = { address: host, port: sending.port };
    const to = this.#encode(address, sending.port);
    if (typeof to === 'number') {
      this.#settle(sending, to, place);
      return;
    }
    if (host === address && !host.includes('%')) this.#last = { to, place };
    this.#transmit(sending, to, place);
  }

  /** At once, so that what is sent keeps its order. Gives -errno of what is no address of this family, or on no device. */
  #encode(text: string, port: number): Uint8Array | number {
    const [address = '', zone] = text.split('%');
    const { bytes } = parseAddress(address);
    if (bytes.length !== (this.#family === 4 ? 4 : 16)) return EINVAL;
    const scope = zone === undefined ? 0 : this.#indexOf(zone);
    return scope < 0 ? ENODEV : encodeSocketAddress({ bytes, scope, port });
  }

  #indexOf(zone: string): number {
    return /^[1-9]\d{0,8}$/.test(zone) ? Number(zone) : native().linkIndex(this.#socket.fd.native, zone);
  }

  #transmit(sending: Sending, to: Uint8Array | undefined, place: Place): void {
    const { bytes, callback } = sending;
    const sent = this.#outbox.count > 0 ? undefined : this.#socket.send(bytes, to);
    if (sent !== undefined && !isFull(sent)) this.#settle(sending, sent, place);
    else {
      const waiting = this.#outbox.send(bytes, to);
      if (callback) void waiting.then((errno) => this.#settle(sending, errno, place));
    }
  }

  /** As node:dgram: what could not be sent is told to the callback, and to nobody if there is none. */
  #settle({ bytes, callback }: Sending, sent: number, place: Place): void {
    if (!callback) return;
    if (sent >= 0) {
      process.nextTick(callback, null, bytes.length);
      return;
    }
    process.nextTick(callback, socketError(sent, 'send', place, this.#inner), 0);
  }
}

function placeOf({ address = '', port }: Sending): Place {
  return { address, port };
}
