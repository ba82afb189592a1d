import { type NsnetError, systemError } from '../syscalls/errors.js';
import { answerOf, refused } from './batch.js';
import { Bytes, littleEndian } from './bytes.js';
import { ENOBUFS, NLM_F, NLMSG, NLMSG_HDRLEN } from './constants.js';
import { type Frame, framesOf, sizeMessage, writeMessage } from './frames.js';
import { type Answer, bodyOf, type Request, subjectOf } from './request.js';

/**
 * Requests that the kernel carries out all or none, in one send: a BEGIN, what is to be done, an END. Each carries its
 * own flags; nothing is added but NLM_F_REQUEST.
 */
export interface TransactionJob {
  readonly transaction: true;
  readonly requests: readonly Request[];
  resolve(outcome: Outcome): void;
  reject(error: unknown): void;
  settled: boolean;
  /** It is the kernel's: its signal comes too late. */
  handedOver: boolean;
}

/** What the kernel answered to a transaction that it carried out. */
export interface Outcome {
  /** By the place of the request. */
  answers: ReadonlyMap<number, Answer[]>;
  /** It was carried out, but the socket's buffer had no room for all that was answered. */
  lost: boolean;
}

/** The requests one after the other, numbered from `sequence` on. */
export function encodeTransaction(requests: readonly Request[], sequence: number): Uint8Array {
  const bodies = requests.map(bodyOf);
  const sizes = requests.map(({ codec }, i) => sizeMessage(codec, bodies[i]));
  const bytes = Bytes.alloc(sizes.reduce((total, size) => total + size, 0));
  let at = 0;
  for (const [i, { type, flags, codec }] of requests.entries()) {
    const header = { type, flags: flags | NLM_F.REQUEST, seq: (sequence + i) >>> 0, port: 0 };
    at = writeMessage(bytes, at, header, codec, bodies[i]);
  }
  return bytes.array;
}

/**
 * What came of it; throws what was refused first. Where answers were lost and none of those that came refuses, it was
 * carried out: what is refused is told first, and the socket was empty.
 */
export function outcomeOf(
  requests: readonly Request[],
  sequence: number,
  errno: number,
  carried: number,
  data: Uint8Array,
): Outcome {
  if (errno !== 0 && carried === 0) throw notSent(requests[0] as Request, errno);
  const bytes = new Bytes(data);
  const answers = new Map<number, Answer[]>();
  let first: { index: number; frame: Frame } | undefined;
  for (const frame of framesOf(bytes)) {
    const index = (frame.seq - sequence) >>> 0;
    if (index >= requests.length) continue;
    if (frame.type === NLMSG.ERROR) {
      if (bytes.view.getInt32(frame.offset + NLMSG_HDRLEN, littleEndian) === 0) continue;
      if (!first || index < first.index) first = { index, frame };
    } else if (frame.type >= NLMSG.MIN_TYPE) {
      const list = answers.get(index);
      if (list) list.push(answerOf(bytes, frame));
      else answers.set(index, [answerOf(bytes, frame)]);
    }
  }
  if (first) throw refused(requests[first.index] as Request, bytes, first.frame);
  if (errno !== 0 && errno !== ENOBUFS) throw notSent(requests[0] as Request, errno);
  return { answers, lost: errno === ENOBUFS };
}

function notSent(request: Request, errno: number): NsnetError {
  const error = systemError(errno, 'sendto', { subject: subjectOf(request) });
  return request.explain?.(error) ?? error;
}
