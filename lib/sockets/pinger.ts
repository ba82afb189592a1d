import { randomBytes } from 'node:crypto';
import type { Internals } from '../namespaces/network.js';
import { abortError } from '../syscalls/errors.js';
import { native } from '../syscalls/native.js';
import type { Echo } from './echo.js';
import { Echoes, type Sent } from './echoes.js';
import { EchoMessage, readIcmp } from './icmp.js';
import { bindError, isPassing, sendError } from './ping-errors.js';
import type { PingSettings } from './ping-options.js';
import { PingSocket, type Received } from './ping-socket.js';
import { PingStatistics, type PingSummary } from './ping-statistics.js';
import { resolveZone, type ZonedAddress } from './ping-target.js';
import { encodeSocketAddress, formatSocketAddress } from './socket-address.js';

/** Messages that are read in one turn of the event loop. */
const BATCH = 64;

/** Requests that may be under way at once: well below the 65,536 numbers there are. */
const MOST_OPEN = 16_384;

/**
 * Milliseconds from opening the socket to the first request. The kernel begins to stamp what arrives a moment after
 * the first socket has asked for it (net_enable_timestamp() leaves that to a worker).
 */
const SETTLING = 2;

/** Milliseconds until a socket that had no room is tried again. */
const NO_ROOM = 5;

/** Who hears of the echoes. */
export interface Listener {
  decided(echo: Echo): void;
  /** Whether so many are unread that none should be sent. */
  readonly full: boolean;
}

/** One run of echo requests: sends them, hears what becomes of them, and closes its socket whatever happens. */
export class Pinger {
  /** The summary, once nothing of the run is left. Rejects with the error that ended it. */
  readonly done: Promise<PingSummary>;
  readonly #inner: Internals;
  readonly #target: ZonedAddress;
  readonly #settings: PingSettings;
  readonly #listener: Listener;
  readonly #message: EchoMessage;
  readonly #echoes = new Echoes();
  readonly #statistics = new PingStatistics();
  readonly #zones = new Map<number, string>();
  #socket: PingSocket | undefined;
  #to: Uint8Array = new Uint8Array();
  #sent = 0;
  /** By performance.now(), as all that is waited for. */
  #nextSend = 0;
  #noRoomSince: number | undefined;
  #cancelTimer = () => {};
  #stopped: { error?: unknown } | undefined;
  #wake = () => {};

  constructor(inner: Internals, target: ZonedAddress, settings: PingSettings, listener: Listener) {
    this.#inner = inner;
    this.#target = target;
    this.#settings = settings;
    this.#listener = listener;
    this.#message = new EchoMessage(target, randomBytes(2).readUInt16BE(), settings.size);
    this.done = this.#run();
    this.done.catch(() => {});
  }

  /** Ends the run: quietly, or with an error for `done`. */
  stop(error?: unknown): void {
    if (this.#stopped) return;
    this.#stopped = { error };
    this.#cancelTimer();
    this.#socket?.unwatch();
    this.#wake();
  }

  /** There is room again for what was to be sent by now. */
  resume(): void {
    if (this.#maySend && performance.now() >= this.#nextSend) this.#guarded(this.#tick);
  }

  async #run(): Promise<PingSummary> {
    const { signal } = this.#settings;
    const forget = this.#inner.keep(async () => {
      this.stop();
      await this.done.catch(() => {});
    });
    const onAbort = () => this.stop(abortError(signal));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      if (signal?.aborted) onAbort();
      else await this.#open();
      if (!this.#stopped) await this.#untilStopped();
    } catch (error) {
      this.#stopped ??= { error };
    } finally {
      signal?.removeEventListener('abort', onAbort);
      await this.#socket?.close();
      forget();
    }
    if (this.#stopped?.error !== undefined) throw this.#stopped.error;
    return this.#statistics.summary(this.#sent);
  }

  /** Makes the socket and looks up the zones, all of it inside. */
  async #open(): Promise<void> {
    const { source, ttl, signal } = this.#settings;
    const { family, zone } = this.#target;
    await this.#inner.route.barrier();
    if (this.#stopped) return;
    const socket = await this.#inner.during(PingSocket.open(this.#inner, family, this.#subject));
    this.#socket = socket;
    if (ttl !== undefined) socket.setTtl(ttl);
    const to = await resolveZone(this.#inner, this.#target, signal);
    if (zone !== undefined) this.#zones.set(to.scope, zone);
    this.#to = encodeSocketAddress(to);
    if (!source || this.#stopped) return;
    const from = await resolveZone(this.#inner, source, signal);
    if (this.#stopped) return;
    const scope = source.zone === undefined && source.needsZone ? to.scope : from.scope;
    const bound = socket.bind({ ...from, scope });
    if (bound < 0) throw bindError(bound, this.#subject, source.text);
  }

  async #untilStopped(): Promise<void> {
    const stopped = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#nextSend = performance.now() + SETTLING;
    this.#guarded(() => {
      this.#listen();
      this.#tick();
    });
    await stopped;
  }

  get #subject(): string {
    return `ping of ${this.#target.text} from ${this.#inner.subject}`;
  }

  get #moreToSend(): boolean {
    return this.#sent < this.#settings.count;
  }

  get #maySend(): boolean {
    return this.#moreToSend && !this.#listener.full && this.#echoes.size < MOST_OPEN;
  }

  #guarded(work: () => void): void {
    if (!this.#socket || this.#stopped) return;
    try {
      work();
    } catch (error) {
      this.stop(error);
    }
  }

  #listen(): void {
    this.#socket?.whenReadable(() =>
      this.#guarded(() => {
        for (const received of (this.#socket as PingSocket).receive(BATCH)) this.#hear(received);
        if (this.#isOver()) {
          this.stop();
          return;
        }
        this.#listen();
        this.resume();
      }),
    );
  }

  /** What is due: hears first, so that what has arrived while the event loop was busy does not count as lost. */
  readonly #tick = (): void => {
    this.#cancelTimer();
    this.#hearAll();
    this.#lose();
    if (this.#maySend && performance.now() >= this.#nextSend) this.#send();
    if (this.#stopped) return;
    if (this.#isOver()) this.stop();
    else this.#schedule();
  };

  #isOver(): boolean {
    return !this.#moreToSend && this.#echoes.size === 0;
  }

  #schedule(): void {
    const due = Math.min(
      this.#maySend ? this.#nextSend : Number.POSITIVE_INFINITY,
      this.#echoes.oldest?.deadline ?? Number.POSITIVE_INFINITY,
    );
    if (due === Number.POSITIVE_INFINITY) return;
    const wait = due - performance.now();
    const tick = () => this.#guarded(this.#tick);
    if (wait <= 0) {
      const immediate = setImmediate(tick);
      this.#cancelTimer = () => clearImmediate(immediate);
    } else {
      const timer = setTimeout(tick, Math.ceil(wait));
      this.#cancelTimer = () => clearTimeout(timer);
    }
  }

  #send(): void {
    const now = performance.now();
    const sequence = this.#sent + 1;
    const bytes = this.#message.numbered(sequence);
    const at = native().now();
    const result = (this.#socket as PingSocket).send(bytes, this.#to);
    if (result < 0 && isPassing(result)) {
      this.#noRoomSince ??= now;
      if (now - this.#noRoomSince < this.#settings.timeout) {
        this.#nextSend = now + NO_ROOM;
        return;
      }
    }
    this.#noRoomSince = undefined;
    if (result < 0 && sequence === 1) {
      this.stop(sendError(result, this.#subject));
      return;
    }
    this.#sent = sequence;
    this.#nextSend = Math.max(this.#nextSend + this.#settings.interval, now);
    if (result < 0) {
      const from = this.#target.family === 'inet' ? '0.0.0.0' : '::';
      this.#decide({ sequence, type: 'unreachable', from });
      return;
    }
    const forgotten = this.#echoes.add({ sequence, at, deadline: now + this.#settings.timeout });
    if (forgotten) this.#decide({ sequence: forgotten.sequence, type: 'lost' });
  }

  #decide(echo: Echo): void {
    this.#statistics.count(echo);
    this.#listener.decided(echo);
  }

  /** Hears all that had arrived when this was called, and not for ever what is still arriving. */
  #hearAll(): void {
    const now = native().now();
    for (;;) {
      const batch = (this.#socket as PingSocket).receive(BATCH);
      for (const received of batch) this.#hear(received);
      const last = batch.at(-1);
      if (batch.length < BATCH || (last && last.at > now)) return;
    }
  }

  #lose(): void {
    const now = performance.now();
    for (let { oldest } = this.#echoes; oldest && oldest.deadline <= now; { oldest } = this.#echoes) {
      this.#echoes.take(oldest.sequence);
      this.#decide({ sequence: oldest.sequence, type: 'lost' });
    }
  }

  #hear(received: Received | undefined): void {
    if (!received) return;
    const heard = readIcmp(this.#target.family, received.message);
    if (!heard || !this.#message.isOurs(heard, (this.#socket as PingSocket).raw)) return;
    if (heard.type === 'reply') {
      this.#replied(heard.sequence, received);
      return;
    }
    const sent = this.#echoes.take(heard.sequence);
    if (!sent) return;
    const from = formatSocketAddress(received.from, this.#zones);
    this.#decide({ sequence: sent.sequence, type: heard.type, from });
  }

  #replied(wire: number, { from, ttl, at, message }: Received): void {
    const open = this.#echoes.take(wire);
    const sent: Sent | undefined = open ?? this.#echoes.answered(wire);
    if (!sent) return;
    const { sequence } = sent;
    // The wall clock may have been set back meanwhile.
    const rtt = Math.max(0, Number(at - sent.at) / 1e6);
    if (open && rtt > this.#settings.timeout) {
      this.#decide({ sequence, type: 'lost' });
      return;
    }
    if (open) this.#echoes.remember(sent);
    const type = open ? 'reply' : 'duplicate';
    const address = formatSocketAddress(from, this.#zones);
    this.#decide({ sequence, type, from: address, ttl, bytes: message.length, rtt });
  }
}
