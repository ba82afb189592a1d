import type { NsnetError } from '../syscalls/errors.js';
import type { Bytes } from './bytes.js';
import type { MessageCodec } from './message.js';

/** A message from the kernel that answers a request. */
export interface Answer {
  type: number;
  bytes: Bytes;
  /** Of its payload, what follows struct nlmsghdr. */
  offset: number;
  length: number;
}

/** One request to the kernel: encoded when it is its turn, so that it costs nothing until then. */
export interface Request<T = unknown> {
  /** As people know it: 'RTM_NEWLINK'. */
  name: string;
  type: number;
  /** NLM_F, without REQUEST and ACK. */
  flags: number;
  // biome-ignore lint/suspicious/noExplicitAny: the codec and the body belong together; callers have typed them
  codec: MessageCodec<any, any>;
  /** What the codec takes; a function is called when its turn has come. */
  body: T | (() => T);
  /** What it is about, for errors. */
  subject?: string | (() => string);
  /** Adds what is known of the cause to an error. */
  explain?(error: NsnetError): NsnetError;
  /**
   * Called when its turn has come, before the body is taken. If it returns a promise, everything behind waits: what
   * it asks the kernel goes by `ask`, ahead of the queue, after everything that was issued before.
   */
  prepare?(ask: (request: Request) => Promise<Answer[]>): Promise<void> | undefined;
  signal?: AbortSignal;
  /** It changes nothing: if its answer is lost it is asked again. */
  readonly reads?: boolean;
}

export function bodyOf(request: Request): unknown {
  return typeof request.body === 'function' ? request.body() : request.body;
}

export function subjectOf(request: Request): string | undefined {
  return typeof request.subject === 'function' ? request.subject() : request.subject;
}

/** For Request.prepare. */
export type Gate = () => Promise<void> | undefined;

/** A request with this gate has its turn when `ready` has resolved; if that fails, so does the request. */
export function after(ready: Promise<unknown>): Gate {
  let done = false;
  const settled = ready.then(() => {
    done = true;
  });
  settled.catch(() => {});
  return () => (done ? undefined : settled);
}
