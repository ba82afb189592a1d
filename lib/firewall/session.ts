import { Handle } from '../handles/handle.js';
import type { Call } from '../handles/listing.js';
import type { Internals } from '../namespaces/network.js';
import type { Connection } from '../netlink/connection.js';
import { abortError, closedError } from '../syscalls/errors.js';
import { illegalConstructor } from '../syscalls/validate.js';
import { type Applied, Applier, type ApplyOptions, checkChanges } from './apply.js';
import type { Changes } from './changes.js';
import { checkFilter, type Filter, Reader } from './read.js';
import { connectNetfilter } from './socket.js';
import type { Ruleset } from './types.js';

const KEY = Symbol('session');

/**
 * A netlink socket of its own: tables that it makes with the flag `owner` can be changed by nobody else, are left alone
 * by `nft flush ruleset`, and go with it, by close() or the end of this process. `await netns.nftables.session()`.
 */
export class NftablesSession extends Handle {
  readonly #connection: Connection;
  readonly #applier: Applier;
  readonly #inner: Internals;
  readonly #forget: () => void;

  private constructor(key: symbol, inner: Internals) {
    if (key !== KEY) throw illegalConstructor('NftablesSession', 'netns.nftables.session()');
    super(true);
    this.#inner = inner;
    this.#connection = connectNetfilter(inner);
    this.#applier = new Applier(this.#connection, inner.subject);
    this.#forget = inner.keep(() => this.close());
    this.warnIfCollected(this.toString());
  }

  /** @internal */
  static async open(inner: Internals, signal?: AbortSignal): Promise<NftablesSession> {
    if (signal?.aborted) throw abortError(signal);
    const session = new NftablesSession(KEY, inner);
    try {
      await new Reader(session.#connection, inner.subject, signal).generation();
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** As Nftables.apply(), by this socket. */
  async apply(changes: Changes, options: ApplyOptions = {}): Promise<Applied> {
    checkChanges(changes, options);
    this.#check();
    return this.#applier.apply(changes, options);
  }

  /** As Nftables.list(), by this socket. */
  async list(filter: Filter & Call = {}): Promise<Ruleset> {
    checkFilter(filter);
    this.#check();
    return new Reader(this.#connection, this.#inner.subject, filter.signal).ruleset(filter);
  }

  override toString(): string {
    return `NftablesSession in ${this.#inner.subject}`;
  }

  override toJSON(): unknown {
    return { netns: this.#inner.id };
  }

  #check(): void {
    if (this.closed) throw closedError(this.toString());
  }

  protected override async dispose(): Promise<void> {
    this.#forget();
    await this.#connection.close();
  }
}
