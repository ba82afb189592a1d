import { Handle } from '../../handles/handle.js';
import { type Message, MessageSocket } from '../../sockets/message-socket.js';
import { setOption } from '../../sockets/socket-option.js';
import { toldBy } from '../../sockets/zones.js';
import { Fd } from '../../syscalls/fd.js';
import type { Reservation } from '../reservation.js';
import { Flow } from './flow.js';
import type { RelayOptions, RelayTarget } from './options.js';
import { answering, tellAddress } from './packet-info.js';

const MOST = 1024;
const IDLE = 90_000;
/** Datagrams that are read in one turn of the event loop. */
const BATCH = 64;

/**
 * Passes the datagrams of a reserved port on to the target, those of each client by a socket of its own, so that what comes
 * back goes back to it, from the address that it has sent to. A client is forgotten when neither has said anything for a
 * while; of too many the one that has been silent longest. What there is no room for is lost, as everywhere with UDP, and that
 * nobody listens at the target is not told.
 */
export class UdpRelay extends Handle {
  readonly #reservation: Reservation;
  readonly #target: RelayTarget;
  readonly #options: RelayOptions;
  readonly #front: MessageSocket;
  /** By who sends, and to which address; the first has been silent longest. */
  readonly #flows = new Map<string, Flow>();
  readonly #ending = new Set<Promise<void>>();
  readonly #done: () => void;
  #next: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(reservation: Reservation, target: RelayTarget, options: RelayOptions) {
    super(true);
    this.#reservation = reservation;
    this.#target = target;
    this.#options = options;
    this.#done = reservation.serve(() => this.close());
    this.#front = new MessageSocket(Fd.duplicate(reservation.fd.number));
    try {
      const family = reservation.address.includes(':') ? 6 : 4;
      setOption(this.#front.fd, tellAddress(family), reservation.subject);
      this.#front.hold(false);
      this.#front.whenReadable(this.#receive);
    } catch (error) {
      this.#front.unwatch();
      this.#front.fd.closeNow();
      this.#done();
      throw error;
    }
  }

  readonly #receive = (): void => {
    this.#next = undefined;
    if (this.closed) return;
    const messages = this.#front.receive(BATCH);
    try {
      for (const message of messages) this.#pass(message);
    } finally {
      if (messages.length < BATCH) this.#front.whenReadable(this.#receive);
      else this.#next = setImmediate(this.#receive).unref();
    }
  };

  #pass([bytes, sender, control]: Message): void {
    const back = answering(control);
    const key = `${Buffer.from(sender).toString('latin1')} ${Buffer.from(back).toString('latin1')}`;
    const flow = this.#flows.get(key) ?? this.#begin(key, sender, back);
    if (!flow) return;
    this.#touch(key, flow);
    flow.send(bytes);
  }

  #begin(key: string, sender: Uint8Array, back: Uint8Array): Flow | undefined {
    const { accepts = () => true, most = MOST } = this.#options;
    const from = toldBy(this.#front.fd, sender);
    if (!from || accepts(from.address) !== true) return undefined;
    const [oldest] = this.#flows;
    if (oldest && this.#flows.size >= most) this.#forget(...oldest);
    const flow: Flow = new Flow(this.#target, {
      answer: (bytes) => {
        if (this.#flows.get(key) !== flow) return;
        this.#touch(key, flow);
        this.#front.send(bytes, sender, back);
      },
      failed: () => this.#forget(key, flow),
    });
    return flow;
  }

  /** It is the last to have been silent. */
  #touch(key: string, flow: Flow): void {
    flow.used = performance.now();
    this.#flows.delete(key);
    this.#flows.set(key, flow);
    this.#timer ??= setTimeout(this.#sweep, this.#idle).unref();
  }

  #forget(key: string, flow: Flow): void {
    if (this.#flows.get(key) === flow) this.#flows.delete(key);
    const ending = flow.close().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  get #idle(): number {
    return this.#options.idle ?? IDLE;
  }

  readonly #sweep = (): void => {
    this.#timer = undefined;
    const now = performance.now();
    for (const [key, flow] of this.#flows) {
      const left = flow.used + this.#idle - now;
      if (left > 0) {
        this.#timer = setTimeout(this.#sweep, left).unref();
        return;
      }
      this.#forget(key, flow);
    }
  };

  override toString(): string {
    const { address, port } = this.#target;
    return `UdpRelay { ${this.#reservation.subject} to ${address} port ${port} }`;
  }

  override toJSON(): unknown {
    const { address, port } = this.#target;
    return { ...(this.#reservation.toJSON() as object), to: { address, port } };
  }

  protected override async dispose(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#next) clearImmediate(this.#next);
    for (const [key, flow] of this.#flows) this.#forget(key, flow);
    await Promise.all([...this.#ending, this.#front.close()]);
    this.#done();
  }
}
