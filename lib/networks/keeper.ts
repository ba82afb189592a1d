import { type AnyNetns, openInternals } from '../namespaces/network.js';
import { NETLINK } from '../netlink/constants.js';
import { Monitor } from '../netlink/monitor.js';
import type { Answer } from '../netlink/request.js';
import { openNetlink } from '../netlink/socket.js';

/** NFNLGRP_NFTABLES. */
const GROUP = 7;
/** Changes come in storms, and only what is left of them counts, in milliseconds. */
const CALM = 20;

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
  #closed = false;

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
    this.#closed = true;
    await this.#monitor.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      await this.#monitor.wait();
      if (this.#closed) return;
      await new Promise((resolve) => setTimeout(resolve, CALM));
      const { messages, lost } = this.#monitor.read();
      if (!lost && !messages.some((message) => this.#concerns(message))) continue;
      // Of a namespace that is being closed nothing can be known.
      await this.#check().catch(() => {});
    }
  }

  /** Every message but those of the generation names its table; that it names another one so is harmless. */
  #concerns({ bytes, offset, length }: Answer): boolean {
    return Buffer.from(bytes.array.buffer, bytes.array.byteOffset + offset, length).includes(this.#name);
  }
}
