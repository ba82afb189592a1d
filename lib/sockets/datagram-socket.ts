import { Socket } from 'node:dgram';
import { once } from 'node:events';
import { literal } from '../names/literal.js';
import type { Internals } from '../namespaces/network.js';
import { systemError } from '../syscalls/errors.js';
import type { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { checkString, invalidValue } from '../syscalls/validate.js';
import { LEVEL, SO } from './constants.js';
import { portOf, readSending } from './datagram-arguments.js';
import { alreadyBound, isConnected, missing, notConnected, notRunning } from './datagram-errors.js';
import { bufferSize, setMembership, setNumber, setOutgoing, type Target } from './datagram-methods.js';
import { DatagramReceiver } from './datagram-receiver.js';
import { DatagramSender } from './datagram-sender.js';
import { integer, MessageSocket } from './message-socket.js';
import { type Place, socketError } from './socket-errors.js';
import { setOption } from './socket-option.js';
import { type Told, toldBy } from './zones.js';

type Callback = (error?: unknown) => void;

/** struct sockaddr of AF_UNSPEC: connected to nobody. */
const NOBODY = new Uint8Array(16);

const isFunction = (value: unknown): value is Callback => typeof value === 'function';

/**
 * A UDP socket of a namespace, bound already, with all that a dgram.Socket does. The runtime's own would take devices for
 * those of its own thread's namespace, throw away what comes from link-local addresses of others, and cannot be had in all
 * runtimes; its handle stays unused, and is closed with this.
 */
export class NetnsDatagramSocket extends Socket {
  readonly #inner: Internals;
  readonly #socket: MessageSocket;
  readonly #target: Target;
  readonly #receiver: DatagramReceiver;
  readonly #sender: DatagramSender;
  readonly #forget: () => void;
  #connection: Place | 'none' | 'under way' = 'none';
  #ended: Promise<void> | undefined;

  /** Takes the descriptor over, unless it throws. */
  constructor(inner: Internals, fd: Fd, type: 'udp4' | 'udp6') {
    super({ type } as object);
    const family = type === 'udp4' ? 4 : 6;
    this.#inner = inner;
    this.#socket = new MessageSocket(fd);
    this.#target = { fd, family, subject: inner.subject };
    const fail = (error: unknown) => process.nextTick(() => this.emit('error', error));
    this.#sender = new DatagramSender(inner, this.#socket, family, fail);
    try {
      this.#receiver = new DatagramReceiver(this.#socket, {
        message: (bytes, from) => this.emit('message', bytes, from),
        error: (errno) => this.emit('error', systemError(errno, 'recvmsg', { subject: inner.subject })),
      });
      this.#forget = inner.keep(() => this.#end());
    } catch (error) {
      this.#socket.unwatch();
      super.close();
      throw error;
    }
  }

  override bind(..._: unknown[]): never {
    this.#running();
    throw alreadyBound();
  }

  bindSync(): never {
    return this.bind();
  }

  override send(...args: unknown[]): void {
    const peer = this.#peer;
    const sending = readSending(peer !== undefined, args);
    this.#running();
    if (peer) this.#sender.sendConnected(sending, peer);
    else this.#sender.send(sending);
  }

  sendto(...args: unknown[]): void {
    this.send(...args);
  }

  override connect(port: number, address?: unknown, callback?: unknown): void {
    const number = portOf(port);
    const done = [address, callback].find(isFunction);
    const host = isFunction(address) ? '' : (address ?? '');
    checkString('address', host);
    this.#running();
    if (this.#connection !== 'none') throw isConnected();
    this.#connection = 'under way';
    if (done) this.once('connect', done);
    const refuse = (error: unknown) => {
      if (this.#ended) return;
      this.#connection = 'none';
      if (done) this.off('connect', done);
      process.nextTick(() => (done ? done(error) : this.emit('error', error)));
    };
    const place = { address: host, port: number };
    this.#sender
      .resolve(host, number)
      .then((to) => this.#connect(to, place))
      .catch(refuse);
  }

  /** At once, to an address. */
  connectSync(port: number, address: unknown = ''): void {
    this.#running();
    const place = { address: address ?? '', port: portOf(port) };
    if (this.#connection !== 'none') throw isConnected();
    checkString('address', place.address);
    if (place.address !== '' && !literal(place.address)) {
      throw invalidValue('address', 'a numeric IP address: names take time to resolve;', address);
    }
    this.#connect(this.#sender.encode(place.address, place.port), { ...place, address: place.address });
  }

  #connect(to: Uint8Array, place: Place): void {
    if (this.#ended) return;
    const connected = this.#socket.connect(to);
    if (connected < 0) throw socketError(connected, 'connect', place, this.#inner);
    this.#connection = place;
    process.nextTick(() => {
      if (!this.#ended) this.emit('connect');
    });
  }

  override disconnect(): void {
    this.#running();
    if (!this.#peer) throw notConnected();
    const done = this.#socket.connect(NOBODY);
    if (done < 0) throw systemError(done, 'connect', { subject: this.#inner.subject });
    this.#connection = 'none';
  }

  override address(): Told {
    this.#running();
    return this.#told('getsockname');
  }

  override remoteAddress(): Told {
    this.#running();
    if (!this.#peer) throw notConnected();
    return this.#told('getpeername');
  }

  #told(which: 'getsockname' | 'getpeername'): Told {
    const { fd } = this.#target;
    const bytes = native()[which](fd.native);
    const told = typeof bytes === 'number' ? undefined : toldBy(fd, bytes);
    if (!told) throw systemError(Number(bytes), which, { subject: this.#inner.subject });
    return told;
  }

  /** Its descriptor is closed off the event loop: leaving groups takes a lock of the kernel's. Then it emits 'close'. */
  override close(callback?: () => void): this {
    this.#running();
    if (isFunction(callback)) this.on('close', callback);
    void this.#end();
    return this;
  }

  #end(): Promise<void> {
    this.#ended ??= this.#close();
    return this.#ended;
  }

  async #close(): Promise<void> {
    this.#forget();
    this.#receiver.close();
    this.#sender.close();
    await this.#socket.close();
    super.close();
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#ended ? undefined : once(this, 'close');
    await this.#end();
    await closed;
  }

  override setBroadcast(on: boolean): void {
    const { fd, subject } = this.#open();
    setOption(fd, [LEVEL.SOCKET, SO.BROADCAST, integer(on ? 1 : 0)], subject);
  }

  override setTTL(ttl: number): number {
    setNumber(this.#open(), 'TTL', ttl);
    return ttl;
  }

  override setMulticastTTL(ttl: number): number {
    setNumber(this.#open(), 'MulticastTTL', ttl);
    return ttl;
  }

  override setMulticastLoopback(on: boolean): boolean {
    setNumber(this.#open(), 'MulticastLoopback', on ? 1 : 0);
    return on;
  }

  override setMulticastInterface(device: string): void {
    setOutgoing(this.#open(), device);
  }

  override addMembership(group: string, device?: string): void {
    this.#membership(true, group, device);
  }

  override dropMembership(group: string, device?: string): void {
    this.#membership(false, group, device);
  }

  override addSourceSpecificMembership(source: string, group: string, device?: string): void {
    this.#membership(true, group, device, source);
  }

  override dropSourceSpecificMembership(source: string, group: string, device?: string): void {
    this.#membership(false, group, device, source);
  }

  #membership(join: boolean, group: string, device?: string, source?: string): void {
    const target = this.#open();
    if (!group) throw missing('multicastAddress');
    setMembership(target, join, group, device, source);
  }

  override getRecvBufferSize(): number {
    return bufferSize(this.#open(), 'RCVBUF');
  }

  override getSendBufferSize(): number {
    return bufferSize(this.#open(), 'SNDBUF');
  }

  override setRecvBufferSize(size: number): void {
    bufferSize(this.#open(), 'RCVBUF', size);
  }

  override setSendBufferSize(size: number): void {
    bufferSize(this.#open(), 'SNDBUF', size);
  }

  override getSendQueueSize(): number {
    return this.#sender.size;
  }

  override getSendQueueCount(): number {
    return this.#sender.count;
  }

  override ref(): this {
    if (!this.#ended) this.#receiver.hold(true);
    return this;
  }

  override unref(): this {
    if (!this.#ended) this.#receiver.hold(false);
    return this;
  }

  /** To whom it is connected. */
  get #peer(): Place | undefined {
    return typeof this.#connection === 'object' ? this.#connection : undefined;
  }

  #running(): void {
    if (this.#ended) throw notRunning();
  }

  #open(): Target {
    this.#running();
    return this.#target;
  }
}
