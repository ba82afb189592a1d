import type { Response } from './dns-message.js';

/** What is sent to a nameserver, and how an answer to it is known. */
export interface Asking<R> {
  readonly message: Uint8Array;
  /** Undefined for what is no answer to it: that is passed over. */
  read(bytes: Uint8Array): R | undefined;
}

/** What became of a question at one nameserver. */
export type Reply<R = Response> =
  | { response: R; failure?: undefined }
  | { response?: undefined; failure: string };

/** No answer: by the name of an errno, or ETIMEOUT. */
export function failed(failure: string): Reply<never> {
  return { failure };
}

/** How long there is to wait. */
export interface Wait {
  /** Milliseconds. */
  timeout: number;
  /** Rejects with its reason when it is aborted. */
  stopped: AbortSignal;
  /** Waiting does not keep the event loop alive. Default false. */
  unref?: boolean;
}
