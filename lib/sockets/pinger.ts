import type { Internals } from '../namespaces/network.js';
import { abortError } from '../syscalls/errors.js';
import { native } from '../syscalls/native.js';
import type { Echo } from './echo.js';
import { EchoChannel } from './echo-channel.js';
import { Echoes, type Sent } from './echoes.js';
import { isPassing, sendError } from './ping-errors.js';
import type { PingSettings } from './ping-options.js';
import type { Received } from './ping-socket.js';
import { PingStatistics, type PingSummary } from './ping-statistics.js';

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

const EMSGSIZE = 90;

/** Who hears of the echoes. */
export interface Listener {
  /** With the milliseconds that an answer of any kind took. */
  decided(echo: Echo, rtt?: number): void;
  /** Whether none should be sent: so many are unread, or enough is known. */
  readonly full: boolean;
}

/** One run of echo requests: sends them, hears what becomes of them, and closes its socket whatever happens. */
export class Pinger {
  /** The summary, once nothing of the run is left. Rejects with the error that ended it. */
  readonly done: Promise<PingSummary>;
  readonly #inner: Internals;
  readonly #settings: PingSettings;
  readonly #listener: Listener;
  readonly #echoes = new Echoes();
  readonly #statistics = new PingStatistics();
  /** Ends what is waited for before the first request. */
  readonly #opening = new AbortController();
  #channel: EchoChannel | undefined;
  #sent = 0;
  /** By performance.now(), as all that is waited for. */
  #nextSend = 0;
  #noRoomSince: number | undefined;
  #cancelTimer = () => {};
  #stopped: { error?: unknown } | undefined;
  #wake = () => {};

  constructor(inner: Internals, settings: PingSettings, listener: Listener) {
    this.#inner = inner;
    this.#settings = settings;
    this.#listener = listener;
    this.done = this.#run();
    this.done.catch(() => {});
  }

  /** Ends the run: quietly, or with an error for `done`. */
  stop(error?: unknown): void {
    if (this.#stopped) return;
    this.#stopped = { error };
    this.#cancelTimer();
    this.#opening.abort();
    this.#channel?.unwatch();
    this.#wake();
  }

  /** Requests until now. */
  get sent(): number {
    return this.#sent;
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
      else this.#channel = await EchoChannel.open(this.#inner, this.#settings, this.#opening.signal);
      if (!this.#stopped) await this.#untilStopped();
    } catch (error) {
      this.#stopped ??= { error };
    } finally {
      signal?.removeEventListener('abort', onAbort);
      await this.#channel?.close();
      forget();
    }
    if (this.#stopped?.error !== undefined) throw this.#stopped.error;
    return this.#statistics.summary(this.#sent);
  }

  async #untilStopped(): Promise<void> {
    const stopped = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#nextSend = performance.now() + SETTLING;
    this.#guarded((channel) => {
      this.#listen(channel);
      this.#tick(channel);
    });
    await stopped;
  }

  get #moreToSend(): boolean {
    return this.#sent < this.#settings.count;
  }

  get #maySend(): boolean {
    const { window = MOST_OPEN } = this.#settings;
    return this.#moreToSend && !this.#listener.full && this.#echoes.size < window;
  }

  #guarded(work: (channel: EchoChannel) => void): void {
    if (!this.#channel || this.#stopped) return;
    try {
      work(this.#channel);
    } catch (error) {
      this.stop(error);
    }
  }

  #listen(channel: EchoChannel): void {
    channel.whenReadable(() =>
      this.#guarded(() => {
        for (const received of channel.receive(BATCH)) this.#hear(channel, received);
        if (this.#stopped) return;
        if (this.#isOver()) {
          this.stop();
          return;
        }
        this.#listen(channel);
        this.resume();
      }),
    );
  }

  /** What is due: hears first, so that what has arrived while the event loop was busy does not count as lost. */
  readonly #tick = (channel: EchoChannel): void => {
    this.#cancelTimer();
    this.#hearAll(channel);
    this.#lose();
    if (this.#stopped) return;
    if (this.#maySend && performance.now() >= this.#nextSend) this.#send(channel);
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

  #send(channel: EchoChannel): void {
    const now = performance.now();
    const sequence = this.#sent + 1;
    const at = native().now();
    const result = channel.send(sequence);
    if (result < 0 && isPassing(result)) {
      this.#noRoomSince ??= now;
      if (now - this.#noRoomSince < this.#settings.timeout) {
        this.#nextSend = now + NO_ROOM;
        return;
      }
    }
    this.#noRoomSince = undefined;
    const isOutcome = sequence > 1 || (result === -EMSGSIZE && channel.forbidsFragments);
    if (result < 0 && !isOutcome) {
      this.stop(sendError(result, channel.subject));
      return;
    }
    this.#sent = sequence;
    this.#nextSend = Math.max(this.#nextSend + this.#settings.interval, now);
    if (result < 0) {
      this.#decide({ sequence, type: 'unreachable', ...channel.refusal(result) });
      return;
    }
    const forgotten = this.#echoes.add({ sequence, at, deadline: now + this.#settings.timeout });
    if (forgotten) this.#decide({ sequence: forgotten.sequence, type: 'lost' });
  }

  #decide(echo: Echo, rtt?: number): void {
    this.#statistics.count(echo);
    this.#listener.decided(echo, rtt);
  }

  /** Hears all that had arrived when this was called, and not for ever what is still arriving. */
  #hearAll(channel: EchoChannel): void {
    const now = native().now();
    for (;;) {
      const batch = channel.receive(BATCH);
      for (const received of batch) this.#hear(channel, received);
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

  #hear(channel: EchoChannel, received: Received | undefined): void {
    const heard = received && !this.#stopped && channel.read(received);
    if (!heard) return;
    if (heard.type === 'reply') {
      this.#replied(channel, heard.sequence, received);
      return;
    }
    const sent = this.#echoes.take(heard.sequence);
    if (!sent) return;
    const { sequence } = sent;
    const { type, reason, mtu } = heard;
    const from = channel.format(received.from);
    const why = { ...(reason && { reason }), ...(mtu !== undefined && { mtu }) };
    this.#decide({ sequence, type, from, ...why }, elapsed(sent, received));
  }

  #replied(channel: EchoChannel, wire: number, received: Received): void {
    const open = this.#echoes.take(wire);
    const sent: Sent | undefined = open ?? this.#echoes.answered(wire);
    if (!sent) return;
    const { sequence } = sent;
    const rtt = elapsed(sent, received);
    if (open && rtt > this.#settings.timeout) {
      this.#decide({ sequence, type: 'lost' });
      return;
    }
    if (open) this.#echoes.remember(sent);
    const type = open ? 'reply' : 'duplicate';
    const { ttl, message } = received;
    const from = channel.format(received.from);
    this.#decide({ sequence, type, from, ttl, bytes: message.length, rtt }, rtt);
  }
}

/** Milliseconds. The wall clock may have been set back meanwhile. */
function elapsed(sent: Sent, received: Received): number {
  return Math.max(0, Number(received.at - sent.at) / 1e6);
}
