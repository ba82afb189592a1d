import { randomBytes } from 'node:crypto';
import type { Internals } from '../namespaces/network.js';
import { resolveHost } from './destination.js';
import { EchoMessage, type Heard, readIcmp } from './icmp.js';
import { PathMtu } from './path-mtu.js';
import { bindError } from './ping-errors.js';
import type { PingSettings } from './ping-options.js';
import { PingSocket, type Received } from './ping-socket.js';
import { encodeSocketAddress, formatSocketAddress, type SocketAddress } from './socket-address.js';
import { reasonOfErrno, type UnreachableReason } from './unreachable.js';
import { resolveZone, type ZonedAddress } from './zoned-address.js';

function subjectOf(inner: Internals, { what, host }: PingSettings, address: ZonedAddress): string {
  const named = address.text !== host.text ? ` (${address.text})` : '';
  return `${what} ${host.text}${named} from ${inner.subject}`;
}

/** The way of one run to its host: the socket, where it sends to, and what it sends. */
export class EchoChannel {
  /** For errors. */
  readonly subject: string;
  readonly #address: ZonedAddress;
  readonly #ttl: PingSettings['ttl'];
  readonly #message: EchoMessage;
  readonly #socket: PingSocket;
  readonly #zones = new Map<number, string>();
  #to: Uint8Array = new Uint8Array();
  /** Where fragments are forbidden. */
  #pathMtu: PathMtu | undefined;

  private constructor(
    subject: string,
    address: ZonedAddress,
    { size, ttl }: PingSettings,
    socket: PingSocket,
  ) {
    this.subject = subject;
    this.#address = address;
    this.#ttl = ttl;
    this.#message = new EchoMessage(address, randomBytes(2).readUInt16BE(), size);
    this.#socket = socket;
  }

  /** Looks up the host, makes the socket and looks up the zones, all of it inside; nothing is left if `signal` ends it. */
  static async open(
    inner: Internals,
    settings: PingSettings,
    signal: AbortSignal,
  ): Promise<EchoChannel | undefined> {
    await inner.route.barrier();
    if (signal.aborted) return undefined;
    const address = await unless(signal, resolveHost(inner, settings.host, signal));
    if (!address) return undefined;
    const subject = subjectOf(inner, settings, address);
    const socket = await inner.during(PingSocket.open(inner, address.family, subject));
    const channel = new EchoChannel(subject, address, settings, socket);
    try {
      await channel.#configure(inner, settings, signal);
    } catch (error) {
      await channel.close();
      throw error;
    }
    if (!signal.aborted) return channel;
    await channel.close();
    return undefined;
  }

  async #configure(inner: Internals, settings: PingSettings, signal: AbortSignal): Promise<void> {
    const { ttl, dontFragment, source } = settings;
    if (typeof ttl === 'number') this.#socket.setTtl(ttl);
    if (dontFragment) this.#socket.setDontFragment();
    const { zone } = this.#address;
    const to = await resolveZone(inner, this.#address, signal);
    if (zone !== undefined) this.#zones.set(to.scope, zone);
    this.#to = encodeSocketAddress(to);
    const from = source && (await this.#bind(inner, source, to.scope, signal));
    if (dontFragment) this.#pathMtu = await inner.during(PathMtu.open(inner, this.#to, from));
  }

  /** A link-local source without a zone is on the link that the host is on. */
  async #bind(
    inner: Internals,
    source: ZonedAddress,
    link: number,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { bytes, scope } = await resolveZone(inner, source, signal);
    const own = source.needsZone && source.zone === undefined ? link : scope;
    const from = encodeSocketAddress({ bytes, scope: own });
    const bound = this.#socket.bind(from);
    if (bound < 0) throw bindError(bound, this.subject, source.text);
    return from;
  }

  /** What is too big is then an outcome of the request, and no error. */
  get forbidsFragments(): boolean {
    return this.#pathMtu !== undefined;
  }

  /** Sends a request; never waits. Bytes or -errno. */
  send(sequence: number): number {
    if (typeof this.#ttl === 'function') this.#socket.setTtl(this.#ttl(sequence));
    return this.#socket.send(this.#message.numbered(sequence), this.#to);
  }

  /** What the kernel's refusal to send comes to. */
  refusal(errno: number): { from: string; reason?: UnreachableReason; mtu?: number } {
    const from = this.#address.family === 'inet' ? '0.0.0.0' : '::';
    const reason = reasonOfErrno(errno);
    const mtu = reason === 'too big' ? this.#pathMtu?.read() : undefined;
    return { from, ...(reason && { reason }), ...(mtu && { mtu }) };
  }

  receive(count: number): (Received | undefined)[] {
    return this.#socket.receive(count);
  }

  /** What a message tells about a request of this run; undefined if nothing. */
  read({ message }: Received): Heard | undefined {
    const heard = readIcmp(this.#address.family, message);
    return heard && this.#message.isOurs(heard, this.#socket.raw) ? heard : undefined;
  }

  /** As text, with the zone as the caller calls it. */
  format(address: SocketAddress): string {
    return formatSocketAddress(address, this.#zones);
  }

  whenReadable(callback: () => void): void {
    this.#socket.whenReadable(callback);
  }

  unwatch(): void {
    this.#socket.unwatch();
  }

  async close(): Promise<void> {
    await this.#pathMtu?.close();
    await this.#socket.close();
  }
}

/** The outcome, or undefined as soon as the signal says so: nobody waits for a name that nobody wants any more. */
async function unless<T>(signal: AbortSignal, work: Promise<T>): Promise<T | undefined> {
  let end = () => {};
  const aborted = new Promise<undefined>((resolve) => {
    end = () => resolve(undefined);
    signal.addEventListener('abort', end, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    signal.removeEventListener('abort', end);
  }
}
