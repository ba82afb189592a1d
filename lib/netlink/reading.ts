import { Pace } from '../handles/pace.js';
import { abortError, systemError } from '../syscalls/errors.js';
import type { NextChunk } from '../syscalls/native.js';
import { readDone } from './ack.js';
import { refused } from './batch.js';
import { align, Bytes, littleEndian } from './bytes.js';
import { NLMSG, NLMSG_HDRLEN } from './constants.js';
import { type Frame, framesOf, messageLength } from './frames.js';
import type { Answer, Request } from './request.js';

/** One reading of a table, decoded as it comes. */
export class Reading {
  readonly #request: Request;
  readonly #sequence: number;
  readonly #decode: (answer: Answer) => unknown;
  readonly #table: unknown[] = [];
  #failure: unknown;

  constructor(request: Request, sequence: number, decode: (answer: Answer) => unknown) {
    this.#request = request;
    this.#sequence = sequence;
    this.#decode = decode;
  }

  /** Reads to the end: the number of an error of the transport, or 0, and whether the table changed meanwhile. */
  async all(next: NextChunk, ready?: Promise<unknown>): Promise<[errno: number, interrupted: boolean]> {
    let waits = ready;
    const pace = new Pace();
    for (;;) {
      const given = next();
      const chunk = given instanceof Promise ? await given : given;
      // First of all: what this would wait for may itself wait for all that failed to come back.
      if (!(chunk instanceof Uint8Array)) return chunk;
      await waits?.catch((error) => {
        this.#failure = error;
      });
      waits = undefined;
      // After a failure the rest is only let go, so that the socket is free for what comes.
      if (this.#failure === undefined) this.#take(chunk);
      if (pace.due) await pace.turn();
    }
  }

  table(): unknown[] {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#table;
  }

  #take(chunk: Uint8Array): void {
    try {
      const { signal } = this.#request;
      if (signal?.aborted) throw abortError(signal);
      const bytes = new Bytes(chunk);
      // Not by framesOf(): a table of a hundred thousand would leave as many frames behind.
      for (let at = 0; at < bytes.length; ) at = this.#message(bytes, at);
    } catch (error) {
      this.#failure = error;
    }
  }

  /** The message at `at`; where the next begins. */
  #message(bytes: Bytes, at: number): number {
    const length = messageLength(bytes, at, bytes.length);
    const next = at + align(length);
    const { view } = bytes;
    if (view.getUint32(at + 8, littleEndian) !== this.#sequence) return next;
    const type = view.getUint16(at + 4, littleEndian);
    if (type >= NLMSG.MIN_TYPE) {
      const answer = { type, bytes, offset: at + NLMSG_HDRLEN, length: length - NLMSG_HDRLEN };
      const kept = this.#decode(answer);
      if (kept !== undefined) this.#table.push(kept);
    } else if (type === NLMSG.ERROR || type === NLMSG.DONE) {
      this.#end(bytes, framesOf(bytes, at, length)[0] as Frame);
    }
    return next;
  }

  #end(bytes: Bytes, frame: Frame): void {
    if (frame.type === NLMSG.ERROR) throw refused(this.#request, bytes, frame);
    const { error, message } = readDone(bytes, frame);
    if (error !== 0) throw systemError(error, this.#request.name, { kernel: message });
  }
}
