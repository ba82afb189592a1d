import { Landing } from '../handles/pace.js';
import { abortError, closedError } from '../syscalls/errors.js';
import type { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { BATCH_REQUESTS, Batch, type Pending } from './batch.js';
import { Bytes } from './bytes.js';
import { ECANCELED } from './constants.js';
import { type DumpJob, readTable } from './dump.js';
import { type Barrier, type Item, reject } from './item.js';
import { Queue } from './queue.js';
import type { Answer, Request } from './request.js';
import { Signals } from './signals.js';
import { encodeTransaction, type Outcome, outcomeOf, type TransactionJob } from './transaction.js';

/** Batches handed over at a time… */
const DEPTH = 4;
/** …each of so many requests at least, where others are under way. */
const LEAST_REQUESTS = 32;
/** Batches of all connections. */
let turns = 0;

/** What the kernel has done while it held its lock against others comes back all at once. */
const landing = new Landing();

/**
 * The requests of one netlink socket. They are carried out in the order issued; those issued while others are under
 * way travel together. Each settles by itself, and one that fails stops none.
 */
export class Connection {
  readonly #open: () => Promise<Fd>;
  readonly #subject: string;
  #socket: Promise<Fd> | undefined;
  #fd: Fd | undefined;
  readonly #queue = new Queue<Item>();
  readonly #signals = new Signals();
  #sequence = 1;
  #underWay = 0;
  #scheduled = false;
  /** What the head of the queue waits for. */
  #preparing: Promise<unknown> | undefined;
  #closed = false;
  #idle: (() => void)[] = [];
  #turn = 0;
  /** How many batches and dumps were handed over, ever. */
  #handedOver = 0;
  /** What a failure of the transport left undone, by its place; nothing goes until all has come back. */
  #undone: { place: number; items: Item[] }[] | undefined;
  #resume = false;

  /** `open` makes the socket, on first use, unless there is one already. `subject` is for errors. */
  constructor(open: () => Promise<Fd>, subject: string, fd?: Fd) {
    this.#open = open;
    this.#subject = subject;
    if (!fd) return;
    this.#fd = fd;
    this.#socket = Promise.resolve(fd);
  }

  /** What the kernel answered, apart from its ack; empty for most requests. */
  request(request: Request): Promise<Answer[]> {
    return new Promise((resolve, reject) =>
      this.#enqueue(request, { request, resolve, reject, settled: false, quiet: false }),
    );
  }

  /** The same where no answer is expected but the ack. */
  run(request: Request): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#enqueue(request, {
        request,
        resolve: resolve as () => void,
        reject,
        settled: false,
        quiet: true,
      }),
    );
  }

  /**
   * Reads a whole table, in the order of the kernel. NLM_F_DUMP is added; a dump that was interrupted is begun again.
   * `decode` is called while the kernel still writes, but not before `ready`; what it gives is kept, but for undefined.
   */
  dump(request: Request): Promise<Answer[]>;
  dump<T>(
    request: Request,
    decode: (answer: Answer) => T | undefined,
    ready?: Promise<unknown>,
  ): Promise<T[]>;
  dump(
    request: Request,
    decode: (answer: Answer) => unknown = (answer) => answer,
    ready?: Promise<unknown>,
  ): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      this.#enqueue(request, { request, decode, ready, resolve, reject, settled: false, dump: true });
    });
  }

  /**
   * Requests that the kernel carries out all or none, in a send of their own. Rejects with what was refused first. A
   * signal counts until it is their turn.
   */
  transaction(requests: readonly Request[], signal?: AbortSignal): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const job = {
        requests,
        resolve,
        reject,
        settled: false,
        handedOver: false,
        transaction: true,
      } as const;
      this.#enqueue({ signal } as Request, job as TransactionJob);
    });
  }

  /**
   * Resolves when what was issued before has settled, for what goes another way. What is issued later waits for that,
   * and for `until`.
   */
  barrier(until?: Promise<unknown>): Promise<void> {
    if (this.#closed) return Promise.reject(closedError(this.#subject));
    until?.catch(() => {});
    if (!until && !this.#busy) return Promise.resolve();
    return new Promise((resolve) => {
      this.#queue.push({ barrier: true, until, resolve, reject: () => resolve(), settled: false });
      this.#schedule();
    });
  }

  /** Which batch is being made, or was made last. */
  get turn(): number {
    return this.#turn;
  }

  /** Its socket, once there is one. */
  get socket(): Fd | undefined {
    return this.#fd;
  }

  /** Resolves when what was issued has settled, and the socket is closed. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#busy) await new Promise<void>((resolve) => this.#idle.push(resolve));
    const socket = await this.#socket?.catch(() => undefined);
    await socket?.close();
  }

  get #busy(): boolean {
    return this.#queue.length > 0 || this.#underWay > 0 || this.#preparing !== undefined;
  }

  #enqueue({ signal }: Request, item: Item): void {
    if (this.#closed || signal?.aborted) {
      item.reject(this.#closed ? closedError(this.#subject) : abortError(signal));
      return;
    }
    if (signal) this.#signals.listen(signal, item);
    this.#queue.push(item);
    // A caller's long loop keeps the event loop from telling what is done: full batches go without waiting for it.
    if (this.#queue.length % BATCH_REQUESTS === 0 && this.#fd && !this.#preparing) this.#pump();
    else this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#preparing) return;
    if (!this.#fd) {
      this.#connect();
      return;
    }
    while (this.#queue.length > 0 && this.#mayStart()) {
      const item = this.#queue.first;
      if ('barrier' in item) {
        if (!this.#pass(item)) return;
      } else if ('dump' in item) {
        this.#queue.shift();
        if (!item.settled) this.#dump(this.#fd, item);
      } else if ('transaction' in item) {
        this.#queue.shift();
        if (!item.settled) this.#transact(this.#fd, item);
      } else if (!this.#sendBatch(this.#fd)) {
        return;
      }
    }
    this.#rest();
  }

  #pass(barrier: Barrier): boolean {
    if (this.#underWay > 0 || this.#undone) return false;
    if (barrier.until) {
      const done = () => {
        barrier.until = undefined;
      };
      this.#prepare(barrier.until, done, done);
      return false;
    }
    this.#queue.shift();
    barrier.resolve();
    return true;
  }

  /** Some batches wait at the kernel's door so that it need not wait for us; what is less than one waits here. */
  #mayStart(): boolean {
    if (this.#undone) return false;
    if (this.#underWay === 0) return true;
    const before = native().transactions((this.#fd as Fd).native);
    return before === 0 || (before < DEPTH && this.#queue.length >= LEAST_REQUESTS);
  }

  #connect(): void {
    if (this.#socket) return;
    this.#socket = this.#open();
    this.#socket.then(
      (fd) => {
        this.#fd = fd;
        this.#pump();
      },
      (error) => {
        this.#socket = undefined;
        for (const item of this.#queue.takeAll()) reject(item, error);
        this.#rest();
      },
    );
  }

  #rest(): void {
    if (!this.#busy) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Sends what stands at the head of the queue; false if it must wait for something to be prepared. */
  #sendBatch(fd: Fd): boolean {
    // Few are shared out among batches, so that the first are settled while the kernel is at work on the last.
    const few = Math.max(LEAST_REQUESTS, Math.ceil(this.#queue.length / DEPTH));
    const limit = this.#queue.length < BATCH_REQUESTS ? few : BATCH_REQUESTS;
    this.#turn = ++turns;
    const batch = new Batch(Batch.shared, this.#sequence, limit);
    let prepared: Promise<void> | undefined;
    // A moment later, so that it goes behind the batch that is being made.
    const ask = (request: Request) => Promise.resolve().then(() => this.#ask(fd, request));
    while (this.#queue.length > 0 && !batch.full && !prepared) {
      const item = this.#queue.first;
      if (!('quiet' in item)) break;
      const pending = item;
      try {
        if (!pending.settled) {
          prepared = pending.request.prepare?.(ask);
          if (prepared) break;
          if (!batch.add(pending)) break;
        }
      } catch (error) {
        reject(pending, error);
      }
      this.#queue.shift();
    }
    this.#send(fd, batch);
    if (!prepared) return true;
    const item = this.#queue.first;
    // Not taken from the queue: something may have been put in front of it. What is settled is passed over.
    this.#prepare(
      prepared,
      () => {},
      (error) => reject(item, error),
    );
    return false;
  }

  /** The queue waits; not for what something was put in front of: it may be what this waits for. */
  #prepare(work: Promise<unknown>, done: () => void, failed: (error: unknown) => void): void {
    this.#preparing = work;
    const ready = () => {
      if (this.#preparing === work) this.#preparing = undefined;
      this.#pump();
    };
    work.then(done, failed).then(ready);
  }

  #send(fd: Fd, batch: Batch): void {
    if (batch.pending.length === 0) return;
    this.#take(batch.pending.length);
    this.#underWay++;
    const place = this.#handedOver++;
    native()
      .transact(fd.native, batch.finish(), this.#takeResume())
      .then((result) => landing.do(() => this.#settle(fd, batch, place, ...result)));
  }

  /** The first of so many sequence numbers. */
  #take(count: number): number {
    const first = this.#sequence;
    this.#sequence = (first + count) >>> 0;
    return first;
  }

  #takeResume(): boolean {
    const resume = this.#resume;
    this.#resume = false;
    return resume;
  }

  #settle(fd: Fd, batch: Batch, place: number, errno: number, carried: number, answers: Uint8Array): void {
    this.#underWay--;
    if (errno !== 0) this.#undone ??= [];
    try {
      const items = batch.settle(errno, carried, answers);
      if (items.length > 0) this.#undone?.push({ place, items });
    } catch (error) {
      for (const pending of batch.pending) reject(pending, error);
    }
    this.#goOn(fd);
  }

  /** Pumps; after a failure of the transport, when all that was handed over has come back, from where it stopped. */
  #goOn(fd: Fd): void {
    if (this.#undone && this.#underWay === 0) {
      const undone = this.#undone.sort((a, b) => a.place - b.place).flatMap(({ items }) => items);
      this.#undone = undefined;
      this.#resume = true;
      const asked = (item: Item) => 'ask' in item && item.ask;
      const back = undone.filter((item) => !asked(item));
      this.#queue.putBack(back);
      if (back.length > 0) this.#preparing = undefined;
      // The queue may wait for these.
      for (const item of undone) if (asked(item)) this.#sendOne(fd, item as Pending);
    }
    this.#pump();
  }

  /** A request ahead of the queue: the socket's own order puts it behind what is under way. */
  #ask(fd: Fd, request: Request): Promise<Answer[]> {
    return new Promise((resolve, reject) => {
      this.#sendOne(fd, { request, resolve, reject, settled: false, quiet: false, ask: true });
    });
  }

  #sendOne(fd: Fd, pending: Pending): void {
    const batch = new Batch(Bytes.alloc(256), this.#sequence);
    batch.add(pending);
    this.#send(fd, batch);
  }

  async #transact(fd: Fd, job: TransactionJob): Promise<void> {
    this.#underWay++;
    const place = this.#handedOver++;
    try {
      const sequence = this.#take(job.requests.length);
      const batch = encodeTransaction(job.requests, sequence);
      job.handedOver = true;
      const result = await native().transactWhole(fd.native, batch, this.#takeResume());
      job.handedOver = result[0] !== ECANCELED;
      if (!job.handedOver) this.#undone = [...(this.#undone ?? []), { place, items: [job] }];
      else job.resolve(outcomeOf(job.requests, sequence, ...result));
    } catch (error) {
      reject(job, error);
    } finally {
      this.#underWay--;
      this.#goOn(fd);
    }
  }

  async #dump(fd: Fd, job: DumpJob): Promise<void> {
    this.#underWay++;
    const place = this.#handedOver++;
    try {
      const table = await readTable(job, {
        sequence: () => this.#take(1),
        dump: (message) => native().dump(fd.native, message, this.#takeResume()),
      });
      if (table === undefined) this.#undone = [...(this.#undone ?? []), { place, items: [job] }];
      else if (!job.settled) job.resolve(table);
    } catch (error) {
      reject(job, error);
    } finally {
      this.#underWay--;
      this.#goOn(fd);
    }
  }
}
