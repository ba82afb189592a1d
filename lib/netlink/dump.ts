import { abortError, NsnetError, systemError } from '../syscalls/errors.js';
import type { NextChunk } from '../syscalls/native.js';
import { ECANCELED, ENOBUFS, NLM_F } from './constants.js';
import { encodeMessage } from './frames.js';
import { Reading } from './reading.js';
import { type Answer, bodyOf, type Request, subjectOf } from './request.js';

/** A table that changes while it is read is read again, for at most this long… */
const RETRY_MILLISECONDS = 500;
/** …but at least so often. */
const RETRIES = 8;

/** A table to be read. */
export interface DumpJob {
  readonly dump: true;
  request: Request;
  /** What to keep of a message. */
  decode(answer: Answer): unknown;
  /** Before this nothing is decoded. */
  ready: Promise<unknown> | undefined;
  resolve(table: unknown[]): void;
  reject(error: unknown): void;
  settled: boolean;
}

/** The socket's part in it. */
export interface DumpSocket {
  sequence(): number;
  dump(message: Uint8Array): NextChunk;
}

/** Reads it; undefined if it was handed over behind a failure of the transport, and not begun. */
export async function readTable(job: DumpJob, socket: DumpSocket): Promise<unknown[] | undefined> {
  const { name, type, flags, codec, signal } = job.request;
  const value = bodyOf(job.request);
  const subject = subjectOf(job.request);
  const until = performance.now() + RETRY_MILLISECONDS;
  for (let tries = 1; ; tries++) {
    if (signal?.aborted) throw abortError(signal);
    const seq = socket.sequence();
    const header = { type, flags: flags | NLM_F.REQUEST | NLM_F.DUMP, seq, port: 0 };
    const reading = new Reading(job.request, seq, job.decode);
    const next = socket.dump(encodeMessage(header, codec, value));
    const [errno, interrupted] = await reading.all(next, job.ready);
    if (errno === ECANCELED) return undefined;
    // ENOBUFS: the kernel could not queue its answer. Nothing was changed, so it is asked again.
    if (errno !== 0 && errno !== ENOBUFS) throw systemError(errno, name, { subject });
    if (errno === 0 && !interrupted) return reading.table();
    if (tries < RETRIES || performance.now() < until) continue;
    if (errno !== 0) throw systemError(errno, name, { subject });
    throw new NsnetError('EINTR', `the table changed each of the ${tries} times it was read`, {
      syscall: name,
      subject,
    });
  }
}
