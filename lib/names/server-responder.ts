import { answerOwn, type OwnNames } from './server-answer.js';
import type { Forwarder } from './server-forward.js';
import { RCODE, readQuery, type ServedQuery } from './server-query.js';
import { makeRefusal, makeReply, sizeLimit } from './server-reply.js';

/** Milliseconds until a query is answered with SERVFAIL: the C library asks again after 5 seconds. */
const PATIENCE = 4800;

/** Queries under way at once; others are answered with SERVFAIL. */
const PENDING = 1024;

/** Says what a nameserver says, by names of its own and by those that it asks. */
export class Responder {
  readonly #names: OwnNames;
  readonly #ttl: number;
  readonly #forwarder: Forwarder | undefined;
  readonly #pending = new Set<AbortController>();
  #closed = false;

  constructor(names: OwnNames, ttl: number, forwarder: Forwarder | undefined) {
    this.#names = names;
    this.#ttl = ttl;
    this.#forwarder = forwarder;
  }

  /** What is to be said to a client; undefined for silence. Never rejects. */
  async respond(bytes: Uint8Array, tcp: boolean): Promise<Uint8Array | undefined> {
    const query = readQuery(bytes);
    if (query === undefined || this.#closed) return undefined;
    if (typeof query === 'number') return makeRefusal(bytes, query);
    const limit = sizeLimit(query, tcp);
    if (query.edns && query.edns.version !== 0) return makeReply(query, RCODE.BADVERS, [], limit);
    const found = await this.#inTime((stopped) => this.#find(query, limit, tcp, stopped));
    if (this.#closed) return undefined;
    return found ?? makeReply(query, RCODE.SERVFAIL, [], limit);
  }

  /** Stops what is under way; resolves when nothing of it is left. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const stop of this.#pending) stop.abort();
    await this.#forwarder?.settled();
  }

  async #find(
    query: ServedQuery,
    limit: number,
    tcp: boolean,
    stopped: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const own = await answerOwn(this.#names, query, this.#ttl);
    if (own) return makeReply(query, own.rcode, own.records, limit);
    return this.#forwarder?.ask(query, tcp, stopped);
  }

  /** Undefined where that is too much, too late, or fails. */
  async #inTime(
    work: (stopped: AbortSignal) => Promise<Uint8Array | undefined>,
  ): Promise<Uint8Array | undefined> {
    if (this.#pending.size >= PENDING) return undefined;
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), PATIENCE);
    timer.unref();
    this.#pending.add(stop);
    try {
      return await unless(stop.signal, work(stop.signal));
    } catch {
      return undefined;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(stop);
    }
  }
}

/** What it comes to, or a rejection as soon as it is stopped: who is asked for names may never answer. */
function unless<T>(stopped: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    stopped.addEventListener('abort', () => reject(stopped.reason), { once: true });
    work.then(resolve, reject);
  });
}
