import { type NsnetError, systemError } from '../syscalls/errors.js';
import { type Ack, readError } from './ack.js';
import { Bytes, littleEndian } from './bytes.js';
import { ECANCELED, ENOBUFS, NLM_F, NLMSG, NLMSG_HDRLEN } from './constants.js';
import { encodeMessage, type Frame, framesOf, sizeMessage, writeMessage } from './frames.js';
import { attributePath, missingPath } from './path.js';
import { type Answer, bodyOf, type Request, subjectOf } from './request.js';

/** Requests that wait for one ack: one send's. The kernel keeps some 240 acks of a send that nobody reads. */
const ACK_EVERY = 64;
/** The same of requests that read: an answer may be of 4 KiB and more, and what is behind one that did not fit is lost, too. */
const READS_EVERY = 16;
/** Requests that make one trip off the event loop, at most. */
export const BATCH_REQUESTS = 256;
const BATCH_BYTES = 128 * 1024;

/** A request on its way. */
export interface Pending {
  readonly request: Request;
  resolve(answers: Answer[]): void;
  reject(error: unknown): void;
  /** Already rejected, by its signal; what the kernel says no longer matters. */
  settled: boolean;
  /** Resolves with nothing. */
  readonly quiet: boolean;
  /** Asked for another request's sake, ahead of the queue. */
  readonly ask?: boolean;
  /** Its answer was lost among others' once: it goes in a send of its own. */
  alone?: boolean;
}

const NO_ANSWERS: Answer[] = [];

/** Several requests encoded one after another, to be handed to the kernel together and settled by its answers. */
export class Batch {
  readonly pending: Pending[] = [];
  #bytes: Bytes;
  #end = 0;
  #lastFlags = 0;
  readonly #ends: number[] = [];
  /** The requests that ask for an ack: each is the last of a send. */
  readonly #acked: number[] = [];
  /** Of those behind the last ack. */
  #reads = 0;
  readonly #sequence: number;
  readonly #limit: number;

  constructor(buffer: Bytes, sequence: number, limit = BATCH_REQUESTS) {
    this.#bytes = buffer;
    this.#sequence = sequence;
    this.#limit = limit;
  }

  /** Room for one batch at a time: it is encoded and handed over, which copies it, without anything between. */
  static readonly shared = Bytes.alloc(BATCH_BYTES);

  get full(): boolean {
    return this.pending.length >= this.#limit;
  }

  /** Encodes a request behind the others; false if there is no room left. Throws what its codec throws. */
  add(pending: Pending): boolean {
    const { request } = pending;
    const body = bodyOf(request);
    const size = sizeMessage(request.codec, body);
    if (this.#end + size > this.#bytes.length) {
      if (this.pending.length > 0) return false;
      this.#bytes = Bytes.alloc(size);
    }
    const index = this.pending.length;
    const inSend = index - 1 - (this.#acked.at(-1) ?? -1);
    if (pending.alone && inSend > 0) this.#endSend();
    if (request.reads) this.#reads++;
    const ends = pending.alone || inSend + 1 === ACK_EVERY || this.#reads === READS_EVERY;
    const ack = ends ? NLM_F.ACK : 0;
    if (ack) {
      this.#acked.push(index);
      this.#reads = 0;
    }
    const header = {
      type: request.type,
      flags: request.flags | NLM_F.REQUEST | ack,
      seq: (this.#sequence + index) >>> 0,
      port: 0,
    };
    const begin = this.#end;
    this.#end = writeMessage(this.#bytes, begin, header, request.codec, body);
    this.#lastFlags = begin + 6;
    this.#ends.push(this.#end);
    this.pending.push(pending);
    return true;
  }

  /**
   * The requests as they go to the kernel. The last of each send asks for an ack: since the kernel carries out the
   * messages of a send in turn and always reports what it refuses, that ack stands for all before it.
   */
  finish(): Uint8Array {
    this.#endSend();
    return this.#bytes.array.subarray(0, this.#end);
  }

  /** The last request so far asks for an ack. */
  #endSend(): void {
    const last = this.pending.length - 1;
    if (last < 0 || this.#acked.at(-1) === last) return;
    this.#acked.push(last);
    this.#reads = 0;
    const { view } = this.#bytes;
    view.setUint16(this.#lastFlags, view.getUint16(this.#lastFlags, littleEndian) | NLM_F.ACK, littleEndian);
  }

  /**
   * Settles the requests. `carried` bytes of them were surely carried out; if there is an `errno`, the send that
   * followed failed, its requests with it, and those behind were never sent: they are returned, behind those that only
   * read and can be asked again.
   */
  settle(errno: number, carried: number, answers: Uint8Array): Pending[] {
    const bytes = new Bytes(answers);
    // Most batches have neither.
    let errors: Map<number, Frame> | undefined;
    let replies: Map<number, Answer[]> | undefined;
    for (const frame of framesOf(bytes)) {
      const index = (frame.seq - this.#sequence) >>> 0;
      if (index >= this.pending.length) continue;
      if (frame.type === NLMSG.ERROR) {
        if (bytes.view.getInt32(frame.offset + NLMSG_HDRLEN, littleEndian) === 0) continue;
        errors ??= new Map();
        errors.set(index, frame);
      } else if (frame.type >= NLMSG.MIN_TYPE) {
        const answer = answerOf(bytes, frame);
        replies ??= new Map();
        const list = replies.get(index);
        if (list) list.push(answer);
        else replies.set(index, [answer]);
      }
    }
    let unsent = this.pending.length;
    if (errno === ECANCELED) {
      unsent = 0;
    } else if (errno !== 0) {
      const failed = this.#ends.findIndex((end) => end > carried);
      unsent = 1 + (this.#acked.find((last) => last >= failed) ?? unsent - 1);
    }
    const again: Pending[] = [];
    for (let index = 0; index < unsent; index++) {
      const pending = this.pending[index] as Pending;
      if (pending.settled) continue;
      const refusal = errors?.get(index);
      if (refusal) pending.reject(refused(pending.request, bytes, refusal));
      else if (errno !== 0 && (this.#ends[index] as number) > carried) {
        if (errno === ENOBUFS && pending.request.reads && !pending.alone) again.push(pending);
        else pending.reject(lost(pending.request, errno));
      } else if (pending.quiet) (pending.resolve as () => void)();
      else pending.resolve(replies?.get(index) ?? NO_ANSWERS);
    }
    for (const pending of again) pending.alone = true;
    return [...again, ...this.pending.slice(unsent).filter(({ settled }) => !settled)];
  }
}

export function answerOf(bytes: Bytes, { type, offset, length }: Frame): Answer {
  return { type, bytes, offset: offset + NLMSG_HDRLEN, length: length - NLMSG_HDRLEN };
}

/** The kernel said no: its number, its words, and the attribute that it points at. */
export function refused(request: Request, bytes: Bytes, frame: Frame): NsnetError {
  const ack = readError(bytes, frame);
  const attribute = attributeOf(request, ack);
  const details = { subject: subjectOf(request), kernel: ack.message, attribute };
  const error = systemError(ack.error, request.name, details);
  return request.explain?.(error) ?? error;
}

/** Where in the request the kernel points; what it was made from may have changed since, and then nobody knows. */
function attributeOf(request: Request, { offset, missingType, missingNest }: Ack): string | undefined {
  if (offset === undefined && missingType === undefined) return undefined;
  try {
    const header = { type: request.type, flags: request.flags, seq: 0, port: 0 };
    const sent = encodeMessage(header, request.codec, bodyOf(request));
    if (offset !== undefined) return attributePath(request.codec, sent, offset);
    return missingPath(request.codec, sent, missingType as number, missingNest);
  } catch {
    return undefined;
  }
}

/** The transport failed, so nobody knows whether the kernel carried the request out. */
function lost(request: Request, errno: number): NsnetError {
  const error = systemError(errno, request.name, {
    subject: subjectOf(request),
    hint:
      errno === ENOBUFS
        ? 'The answer was lost; read the object back to know whether this was done'
        : undefined,
  });
  return request.explain?.(error) ?? error;
}
