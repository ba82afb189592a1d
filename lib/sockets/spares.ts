import type { Internals } from '../namespaces/network.js';
import type { Fd } from '../syscalls/fd.js';
import type { SocketKind } from '../syscalls/sockets.js';
import { checkHome } from './home.js';

/** Milliseconds within which sockets that are asked for again are made ahead, and after which these are closed. */
const IDLE = 50;

/** Sockets that are made ahead at most. */
const MOST = 64;

interface Waiting {
  resolve(fd: Fd): void;
  reject(error: unknown): void;
}

/**
 * Sockets of one kind in a namespace. A way in takes some 100 µs: those who ask at the same time share one, and who
 * asks again and again finds them made ahead.
 */
export class Spares {
  readonly #inner: Internals;
  readonly #kind: SocketKind;
  readonly #waiting: Waiting[] = [];
  readonly #spare: Fd[] = [];
  #ahead = 0;
  #making = false;
  #lastMade = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #forget: (() => void) | undefined;

  private constructor(inner: Internals, kind: SocketKind) {
    this.#inner = inner;
    this.#kind = kind;
  }

  static of(inner: Internals, ...kind: SocketKind): Spares {
    const key = `sockets ${kind.join(' ')}`;
    let spares = inner.memory.get(key) as Spares | undefined;
    if (!spares) {
      spares = new Spares(inner, kind);
      inner.memory.set(key, spares);
    }
    return spares;
  }

  /** A socket that nobody has used. */
  take(): Promise<Fd> {
    const made = this.#spare.pop();
    if (made && this.#spare.length >= this.#ahead / 2) return Promise.resolve(made);
    const taken = made
      ? Promise.resolve(made)
      : new Promise<Fd>((resolve, reject) => this.#waiting.push({ resolve, reject }));
    if (!this.#making) void this.#make();
    return taken;
  }

  async #make(): Promise<void> {
    this.#making = true;
    // All that are asked for in this turn of the event loop.
    await Promise.resolve();
    const now = performance.now();
    this.#ahead = now - this.#lastMade < IDLE ? Math.min(MOST, this.#ahead * 2 + 1) : 0;
    const waiting = this.#waiting.splice(0, MOST);
    // Made ahead since they asked.
    for (const { resolve } of waiting.splice(0, this.#spare.length)) resolve(this.#spare.pop() as Fd);
    try {
      const count = waiting.length + this.#ahead - this.#spare.length;
      const made = count > 0 ? await this.#inner.sockets(this.#kind, count) : [];
      if (made.length > 0) this.#lastMade = performance.now();
      this.#check(made);
      for (const one of waiting.splice(0, made.length)) one.resolve(made.shift() as Fd);
      // There was no room for more.
      this.#waiting.unshift(...waiting);
      this.#keep(made);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
    this.#making = false;
    if (this.#waiting.length > 0) await this.#make();
  }

  /** They were made by one call, in one place. */
  #check(made: readonly Fd[]): void {
    const [first] = made;
    if (!first) return;
    try {
      checkHome(this.#inner, first);
    } catch (error) {
      for (const fd of made) fd.closeNow();
      throw error;
    }
  }

  #keep(made: readonly Fd[]): void {
    if (made.length === 0) return;
    this.#spare.push(...made);
    try {
      this.#forget ??= this.#inner.keep(() => this.#close());
    } catch {
      // It was closed meanwhile.
      this.#close();
      return;
    }
    this.#timer ??= setTimeout(() => this.#idle(), IDLE).unref();
  }

  #idle(): void {
    this.#timer = undefined;
    if (performance.now() - this.#lastMade >= IDLE) this.#close();
    else this.#timer = setTimeout(() => this.#idle(), IDLE).unref();
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#forget?.();
    this.#forget = undefined;
    for (const fd of this.#spare.splice(0)) fd.closeNow();
  }
}
