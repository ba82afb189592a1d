import type { Call } from '../handles/listing.js';
import type { Internals } from '../namespaces/network.js';
import { readAnswer } from '../netlink/answer.js';
import type { Connection } from '../netlink/connection.js';
import { NETLINK } from '../netlink/constants.js';
import { Monitor } from '../netlink/monitor.js';
import type { Answer } from '../netlink/request.js';
import { openNetlink } from '../netlink/socket.js';
import { NFNLGRP_NFTABLES, NFT_MSG } from '../nftables/constants.js';
import { generation } from '../nftables/generation.js';
import { abortError } from '../syscalls/errors.js';
import { Events, type NftablesEvent } from './events.js';
import { Reader } from './read.js';

/** One transaction: what it made and took away, in its order, and who did it. */
export interface NftablesTransaction {
  /** Of the ruleset after it. */
  generation: number;
  /** Of the process, in the initial pid namespace. */
  pid: number;
  /** The name of that process: 'nft'. */
  program?: string;
  events: NftablesEvent[];
}

/** Transactions as they happen, or that some were lost: then list() tells how things stand. */
export class NftablesWatch implements AsyncIterableIterator<NftablesTransaction | { lost: true }> {
  readonly #inner: Internals;
  readonly #connection: Connection;
  readonly #signal: AbortSignal | undefined;
  readonly #events: Events;
  #monitor: Monitor | undefined;
  #beginning: Promise<void> | undefined;
  #forget: (() => void) | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #ended = false;
  /** What was read of a transaction that is not whole yet, and whole ones that nobody has asked for. */
  #messages: Answer[] = [];
  readonly #ready: (NftablesTransaction | { lost: true })[] = [];
  readonly #onAbort = () => void this.#end();

  /** @internal */
  constructor(inner: Internals, connection: Connection, { signal }: Call) {
    this.#inner = inner;
    this.#connection = connection;
    this.#signal = signal;
    const reader = new Reader(connection, inner.subject);
    this.#events = new Events((...set) => reader.shape(...set));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<NftablesTransaction | { lost: true }, undefined>> {
    // At once, so that what is issued behind the first call is told.
    this.#beginning ??= this.#begin();
    this.#beginning.catch(() => {});
    const turn = this.#turn.then(() => this.#next());
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async return(): Promise<IteratorResult<NftablesTransaction | { lost: true }, undefined>> {
    await this.#end();
    return { done: true, value: undefined };
  }

  async #begin(): Promise<void> {
    if (this.#signal?.aborted) throw abortError(this.#signal);
    if (this.#ended) return;
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#forget = this.#inner.keep(() => this.#end());
    const listening = this.#listen();
    this.#connection.barrier(listening).catch(() => {});
    await listening;
  }

  async #listen(): Promise<void> {
    const socket = await openNetlink(this.#inner.inside(), NETLINK.NETFILTER, this.#inner.subject);
    if (this.#ended) await socket.close();
    else this.#monitor = new Monitor(socket, [NFNLGRP_NFTABLES]);
  }

  async #next(): Promise<IteratorResult<NftablesTransaction | { lost: true }, undefined>> {
    try {
      await this.#beginning;
      for (;;) {
        if (this.#signal?.aborted) throw abortError(this.#signal);
        if (this.#ended) return { done: true, value: undefined };
        const value = this.#ready.shift();
        if (value) return { done: false, value };
        if (!(await this.#read())) await (this.#monitor as Monitor).wait();
      }
    } catch (error) {
      await this.#end();
      throw error;
    }
  }

  /** False if there was nothing. */
  async #read(): Promise<boolean> {
    const { messages, lost } = (this.#monitor as Monitor).read();
    if (lost) {
      this.#messages = [];
      this.#ready.push({ lost: true });
      return true;
    }
    for (const message of messages) {
      this.#messages.push(message);
      if (message.type === NFT_MSG.NEWGEN) await this.#finish(message);
    }
    return messages.length > 0;
  }

  async #finish(last: Answer): Promise<void> {
    const messages = this.#messages;
    this.#messages = [];
    const { id = 0, pid = 0, program } = readAnswer(generation, last).attributes;
    const events = await this.#events.of(messages);
    this.#ready.push({ generation: id, pid, ...(program !== undefined && { program }), events });
  }

  async #end(): Promise<void> {
    this.#ended = true;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#forget?.();
    await this.#monitor?.close();
  }
}
