import type { Call } from '../handles/listing.js';
import { type AnyNetns, type Internals, internals, openInternals } from '../namespaces/network.js';
import type { Connection } from '../netlink/connection.js';
import { checkKeys, checkObject, checkSignal } from '../syscalls/validate.js';
import { type Applied, Applier, type ApplyOptions, checkChanges } from './apply.js';
import type { Changes } from './changes.js';
import { checkFilter, type Filter, Reader } from './read.js';
import { NftablesSession } from './session.js';
import { connectNetfilter } from './socket.js';
import type { Ruleset, TableFamily } from './types.js';
import { NftablesWatch } from './watch.js';

/** The packet filter of a network namespace: tables, chains, rules, sets and maps, natively. `netns.nftables`. */
export class Nftables {
  readonly #netns: AnyNetns;
  #opened: { connection: Connection; applier: Applier } | undefined;

  /** @internal */
  constructor(netns: AnyNetns) {
    this.#netns = netns;
  }

  /**
   * Makes all of the changes, or none. Calls are carried out in the order they are made. Rejects with what the kernel
   * refused first: `subject` names the change. A signal counts until it is their turn.
   */
  async apply(changes: Changes, options: ApplyOptions = {}): Promise<Applied> {
    checkChanges(changes, options);
    const inner = openInternals(this.#netns);
    return inner.during(this.#open(inner).applier.apply(changes, options));
  }

  /** All of it, or of one family or table, at one generation; read again where it changes meanwhile. */
  async list(filter: Filter & Call = {}): Promise<Ruleset> {
    checkFilter(filter);
    const inner = openInternals(this.#netns);
    return inner.during(
      new Reader(this.#open(inner).connection, inner.subject, filter.signal).ruleset(filter),
    );
  }

  /** @internal One table without what is in it. Undefined if there is none of that name. */
  async table(family: TableFamily, name: string): Promise<Ruleset['tables'][number] | undefined> {
    const inner = openInternals(this.#netns);
    return inner.during(new Reader(this.#open(inner).connection, inner.subject).table(family, name));
  }

  /** The number that every change of the ruleset makes one higher. */
  async generation(options: Call = {}): Promise<number> {
    checkSignal(options.signal);
    const inner = openInternals(this.#netns);
    return inner.during(new Reader(this.#open(inner).connection, inner.subject, options.signal).generation());
  }

  /** A socket of its own: tables made by it with the flag `owner` belong to it, and go with it. */
  async session(options: Call = {}): Promise<NftablesSession> {
    checkObject('options', options);
    checkKeys('options', options, ['signal']);
    checkSignal(options.signal);
    const inner = openInternals(this.#netns);
    return inner.during(NftablesSession.open(inner, options.signal));
  }

  /**
   * Every transaction from now on, whoever makes it; begun by the first next(). Ends with the namespace, by `break` and
   * by return(); a signal makes it reject.
   */
  watch(options: Call = {}): NftablesWatch {
    checkObject('options', options);
    checkKeys('options', options, ['signal']);
    checkSignal(options.signal);
    const inner = openInternals(this.#netns);
    return new NftablesWatch(inner, this.#open(inner).connection, options);
  }

  #open(inner: Internals): { connection: Connection; applier: Applier } {
    if (this.#opened) return this.#opened;
    const connection = connectNetfilter(inner);
    inner.keep(() => connection.close());
    this.#opened = { connection, applier: new Applier(connection, inner.subject) };
    return this.#opened;
  }

  toString(): string {
    return `Nftables of ${internals(this.#netns).subject}`;
  }
}
