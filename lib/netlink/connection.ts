import { abortError, closedError, NsnetError, systemError } from '../syscalls/errors.js';
import type { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { BATCH_REQUESTS, Batch, type Pending } from './batch.js';
import { Bytes } from './bytes.js';
import { NLM_F } from './constants.js';
import { encodeMessage } from './frames.js';
import { Reading } from './reading.js';
import { type Answer, bodyOf, type Request, subjectOf } from './request.js';

/** A table that changes while it is read is read again, for at most this long… */
const DUMP_RETRY_MILLISECONDS = 500;
/** …but at least so often. */
const DUMP_RETRIES = 8;

interface DumpJob {
  readonly dump: true;
  request: Request;
  /** What to keep of a message. */
  decode(answer: Answer): unknown;
  resolve(table: unknown[]): void;
  reject(error: unknown): void;
  settled: boolean;
}

type Item = Pending | DumpJob;

/**
 * The requests of one netlink socket. They are carried out in the order issued; those issued while others are under
 * way travel together. Each settles by itself, and one that fails stops none.
 */
export class Connection {
  readonly #open: () => Promise<Fd>;
  readonly #subject: string;
  #socket: Promise<Fd> | undefined;
  #fd: Fd | undefined;
  #queue: Item[] = [];
  #head = 0;
  #sequence = 1;
  #underWay = 0;
  #scheduled = false;
  #preparing = false;
  #closed = false;
  #idle: (() => void)[] = [];
  readonly #signals = new Map<AbortSignal, Set<Item>>();
  readonly #forget = new WeakMap<Set<Item>, () => void>();

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
   * `decode` is called while the kernel still writes; what it gives is kept, but for undefined.
   */
  dump(request: Request): Promise<Answer[]>;
  dump<T>(request: Request, decode: (answer: Answer) => T | undefined): Promise<T[]>;
  dump(request: Request, decode: (answer: Answer) => unknown = (answer) => answer): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      this.#enqueue(request, { request, decode, resolve, reject, settled: false, dump: true });
    });
  }

  /** Resolves when what was issued has settled, and the socket is closed. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#busy) await new Promise<void>((resolve) => this.#idle.push(resolve));
    const socket = await this.#socket?.catch(() => undefined);
    await socket?.close();
  }

  get #waiting(): number {
    return this.#queue.length - this.#head;
  }

  get #busy(): boolean {
    return this.#waiting > 0 || this.#underWay > 0 || this.#preparing;
  }

  #enqueue({ signal }: Request, item: Item): void {
    if (this.#closed || signal?.aborted) {
      item.reject(this.#closed ? closedError(this.#subject) : abortError(signal));
      return;
    }
    if (signal) this.#listen(signal, item);
    this.#queue.push(item);
    // A caller's long loop keeps the event loop from telling what is done: full batches go without waiting for it.
    if (this.#waiting % BATCH_REQUESTS === 0 && this.#fd && !this.#preparing) this.#pump();
    else this.#schedule();
  }

  /** One listener for a signal, however many requests it is given to. Whoever is first, it or the kernel, settles. */
  #listen(signal: AbortSignal, item: Item): void {
    let items = this.#signals.get(signal);
    if (!items) {
      const waiting = new Set<Item>();
      items = waiting;
      this.#signals.set(signal, waiting);
      const onAbort = () => {
        for (const each of waiting) reject(each, abortError(signal));
      };
      this.#forget.set(waiting, () => signal.removeEventListener('abort', onAbort));
      signal.addEventListener('abort', onAbort, { once: true });
    }
    items.add(item);
    const done = () => {
      items.delete(item);
      if (items.size > 0) return;
      this.#forget.get(items)?.();
      this.#signals.delete(signal);
    };
    const resolve = item.resolve as (value: unknown) => void;
    const rejectItem = item.reject;
    item.resolve = (value: unknown) => {
      done();
      resolve(value);
    };
    item.reject = (error) => {
      done();
      rejectItem(error);
    };
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
    while (this.#waiting > 0 && this.#mayStart()) {
      const item = this.#queue[this.#head] as Item;
      if ('dump' in item) {
        this.#shift();
        if (!item.settled) this.#dump(this.#fd, item);
      } else if (!this.#sendBatch(this.#fd)) {
        return;
      }
    }
    this.#rest();
  }

  /** One batch at the kernel, and a full one waiting behind it so that the kernel need not wait for us. */
  #mayStart(): boolean {
    if (this.#underWay === 0) return true;
    const before = native().transactions((this.#fd as Fd).native);
    return before === 0 || (before === 1 && this.#waiting >= BATCH_REQUESTS);
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
        for (const item of this.#queue.splice(0).slice(this.#head)) reject(item, error);
        this.#head = 0;
        this.#rest();
      },
    );
  }

  #shift(): void {
    this.#head++;
    if (this.#head < 4096 && this.#head < this.#queue.length) return;
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }

  #rest(): void {
    if (!this.#busy) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Sends what stands at the head of the queue; false if it must wait for something to be prepared. */
  #sendBatch(fd: Fd): boolean {
    const batch = new Batch(Batch.shared, this.#sequence);
    let prepared: Promise<void> | undefined;
    // A moment later, so that it goes behind the batch that is being made.
    const ask = (request: Request) => Promise.resolve().then(() => this.#ask(fd, request));
    while (this.#waiting > 0 && !batch.full && !prepared) {
      const item = this.#queue[this.#head] as Item;
      if ('dump' in item) break;
      const pending = item as Pending;
      try {
        if (!pending.settled) {
          prepared = pending.request.prepare?.(ask);
          if (prepared) break;
          if (!batch.add(pending)) break;
        }
      } catch (error) {
        reject(pending, error);
      }
      this.#shift();
    }
    this.#send(fd, batch);
    if (!prepared) return true;
    const item = this.#queue[this.#head] as Pending;
    this.#preparing = true;
    const ready = (error?: unknown) => {
      this.#preparing = false;
      // Not taken from the queue: something may have been put in front of it. What is settled is passed over.
      if (error !== undefined) reject(item, error);
      this.#pump();
    };
    Promise.resolve(prepared).then(() => ready(), ready);
    return false;
  }

  #send(fd: Fd, batch: Batch): void {
    if (batch.pending.length === 0) return;
    this.#sequence = (this.#sequence + batch.pending.length) >>> 0;
    this.#underWay++;
    native()
      .transact(fd.native, batch.finish())
      .then(([errno, carried, answers]) => {
        this.#underWay--;
        let unsent: Pending[] = [];
        try {
          unsent = batch.settle(errno, carried, answers);
        } catch (error) {
          for (const pending of batch.pending) reject(pending, error);
        }
        if (unsent.length > 0) {
          this.#queue = [...unsent, ...this.#queue.slice(this.#head)];
          this.#head = 0;
        }
        this.#pump();
      });
  }

  /** A request ahead of the queue: the socket's own order puts it behind what is under way. */
  #ask(fd: Fd, request: Request): Promise<Answer[]> {
    return new Promise((resolve, reject) => {
      const batch = new Batch(Bytes.alloc(256), this.#sequence);
      batch.add({ request, resolve, reject, settled: false, quiet: false });
      this.#send(fd, batch);
    });
  }

  async #dump(fd: Fd, job: DumpJob): Promise<void> {
    this.#underWay++;
    try {
      const table = await this.#readTable(fd, job);
      if (!job.settled) job.resolve(table);
    } catch (error) {
      reject(job, error);
    } finally {
      this.#underWay--;
      this.#pump();
    }
  }

  async #readTable(fd: Fd, job: DumpJob): Promise<unknown[]> {
    const { name, type, flags, codec, signal } = job.request;
    const value = bodyOf(job.request);
    const subject = subjectOf(job.request);
    const until = performance.now() + DUMP_RETRY_MILLISECONDS;
    for (let tries = 1; ; tries++) {
      if (signal?.aborted) throw abortError(signal);
      const seq = this.#sequence;
      this.#sequence = (seq + 1) >>> 0;
      const header = { type, flags: flags | NLM_F.REQUEST | NLM_F.DUMP, seq, port: 0 };
      const reading = new Reading(job.request, seq, job.decode);
      const [errno, interrupted] = await reading.all(
        native().dump(fd.native, encodeMessage(header, codec, value)),
      );
      // ENOBUFS: the kernel could not queue its answer. Nothing was changed, so it is asked again.
      if (errno !== 0 && errno !== -105) throw systemError(errno, name, { subject });
      if (errno === 0 && !interrupted) return reading.table();
      if (tries < DUMP_RETRIES || performance.now() < until) continue;
      if (errno !== 0) throw systemError(errno, name, { subject });
      throw new NsnetError('EINTR', `the table changed each of the ${tries} times it was read`, {
        syscall: name,
        subject,
      });
    }
  }
}

function reject(item: Item, error: unknown): void {
  if (item.settled) return;
  item.settled = true;
  item.reject(error);
}
