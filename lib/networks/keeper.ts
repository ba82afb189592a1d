import { setTimeout as sleep } from 'node:timers/promises';
import { type AnyNetns, openInternals } from '../namespaces/network.js';
import { NETLINK } from '../netlink/constants.js';
import { Monitor } from '../netlink/monitor.js';
import type { Answer } from '../netlink/request.js';
import { openNetlink } from '../netlink/socket.js';
import type { NsnetError } from '../syscalls/errors.js';

/** NFNLGRP_NFTABLES. */
const GROUP = 7;
/** Changes come in storms, and only what is left of them counts, in milliseconds. */
const CALM = 20;
/** What could not be told, as while rules change all the time, is looked at again, this much later at most. */
const LATER = 1000;

/**
 * Watches over the rules of a table: whenever somebody has changed it, `check` is called, a moment later; what is done to
 * other tables, as with every port that is published, is none of its business. It does not keep the
 * program running.
 */
export class Keeper {
  readonly #monitor: Monitor;
  /** As messages have it. */
  readonly #name: Buffer;
  readonly #check: () => Promise<void>;
  #running: Promise<void>;
  readonly #stop = new AbortController();

  private constructor(monitor: Monitor, table: string, check: () => Promise<void>) {
    this.#monitor = monitor;
    this.#name = Buffer.from(`${table}\0`);
    this.#check = check;
    this.#running = this.#run();
  }

  static async start(netns: AnyNetns, table: string, check: () => Promise<void>): Promise<Keeper> {
    const inner = openInternals(netns);
    const socket = await openNetlink(inner.inside(), NETLINK.NETFILTER, inner.subject);
    return new Keeper(new Monitor(socket, [GROUP]).unref(), table, check);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#monitor.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    // After what fails it is called again, later and later, whatever is heard.
    let pause = 0;
    while (!signal.aborted) {
      if (pause === 0) await this.#monitor.wait();
      await sleep(pause || CALM, undefined, { signal, ref: pause === 0 }).catch(() => {});
      if (signal.aborted) return;
      const { messages, lost } = this.#monitor.read();
      if (pause === 0 && !lost && !messages.some((message) => this.#concerns(message))) continue;
      pause = await this.#check().then(
        () => 0,
        // Of a namespace that is being closed nothing can be known.
        ({ code }: NsnetError) => (code === 'ERR_NSNET_CLOSED' ? 0 : Math.min(LATER, 2 * (pause || CALM))),
      );
    }
  }

  /** Every message but those of the generation names its table; that it names another one so is harmless. */
  #concerns({ bytes, offset, length }: Answer): boolean {
    return Buffer.from(bytes.array.buffer, bytes.array.byteOffset + offset, length).includes(this.#name);
  }
}
