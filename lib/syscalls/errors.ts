import { errnoName, errnoOf, errnoText } from './errno.js';

/** What an error is about, beyond its number. */
export interface ErrorDetails {
  /** The system call, or the netlink request ('RTM_NEWLINK'). */
  syscall?: string;
  /** The object it was about: "link 'eth0' in netns 'test1'". */
  subject?: string;
  /** The kernel's own words: netlink's extended ack, or the log of an fscontext. */
  kernel?: string;
  /** Path of the attribute the kernel points at: 'linkinfo.data.id'. */
  attribute?: string;
  /** What to do about it, where the cause is known. */
  hint?: string;
  /** The name that could not be resolved, as Node's errors of dns have it. */
  hostname?: string;
  /** Negative; of codes that are not Linux's, as those of getaddrinfo(3). */
  errno?: number;
  /** What a failed operation of many steps could not undo. */
  notUndone?: Error[];
  cause?: unknown;
}

/** What an error carries as properties of its own. */
const DETAILS = [
  'errno',
  'syscall',
  'subject',
  'kernel',
  'attribute',
  'hint',
  'hostname',
  'notUndone',
] as const;

/**
 * Thrown when the kernel refuses, shaped like Node's own system errors: `code` is the symbolic name, `errno` is
 * negative, `message` begins with the code. Codes beginning with ERR_NSNET_ are nsnet's own and carry no `errno`.
 */
export class NsnetError extends Error {
  /** What was said before the details. */
  readonly #text: string;
  readonly code: string;
  declare readonly errno?: number;
  declare readonly syscall?: string;
  declare readonly subject?: string;
  declare readonly kernel?: string;
  declare readonly attribute?: string;
  declare readonly hint?: string;
  declare readonly hostname?: string;
  declare readonly notUndone?: Error[];

  constructor(code: string, text: string, details: ErrorDetails = {}) {
    super(message(code, text, details), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'NsnetError';
    this.#text = text;
    this.code = code;
    const errno = errnoOf(code);
    if (errno !== undefined) this.errno = -errno;
    for (const key of DETAILS) {
      if (details[key] !== undefined) Object.assign(this, { [key]: details[key] });
    }
  }

  /** A new error with more said about it; details that this has already are kept. */
  with(details: ErrorDetails): NsnetError {
    const { syscall, subject, kernel, attribute, hint, hostname, errno, notUndone, cause } = this;
    const own = { syscall, subject, kernel, attribute, hint, hostname, errno, notUndone, cause };
    const known = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
    const error = new NsnetError(this.code, this.#text, { ...details, ...known });
    if (this.stack) error.stack = this.stack.replace(this.message, () => error.message);
    return error;
  }
}

function message(
  code: string,
  text: string,
  { syscall, subject, kernel, attribute, hint, notUndone }: ErrorDetails,
): string {
  let out = `${code}: ${text}`;
  if (syscall) out += `, ${syscall}`;
  if (subject) out += ` (${subject})`;
  if (kernel) out += `: ${kernel}`;
  if (attribute) out += ` [${attribute}]`;
  if (notUndone?.length) out += `; not undone: ${notUndone.map((error) => error.message).join('; ')}`;
  if (hint) out += `. ${hint}`;
  return out;
}

/** An error from what a system call returned, `errno` positive or negative. */
export function systemError(errno: number, syscall: string, details: ErrorDetails = {}): NsnetError {
  return new NsnetError(errnoName(errno), errnoText(errno), { syscall, ...details });
}

/** The same error with more said about it; details that it has already are kept. */
export function withDetails(error: NsnetError, details: ErrorDetails): NsnetError {
  return error.with(details);
}

/** The error of an operation, an AbortError included, with what could not be undone after it. */
export function withNotUndone(error: unknown, notUndone: unknown): unknown {
  const list = [notUndone as Error];
  return error instanceof NsnetError
    ? error.with({ notUndone: list })
    : Object.assign(error as Error, { notUndone: list });
}

/** Thrown where an object was used after close() or delete(). */
export function closedError(subject: string): NsnetError {
  return new NsnetError('ERR_NSNET_CLOSED', 'used after it was closed', { subject });
}

/** Thrown where this kernel, runtime or platform lacks what was asked for. */
export function unsupportedError(text: string, details: ErrorDetails = {}): NsnetError {
  return new NsnetError('ERR_NSNET_UNSUPPORTED', text, details);
}

/** What an aborted operation rejects with: an AbortError, with the signal's reason as its cause. */
export function abortError(signal?: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: signal?.reason });
  error.name = 'AbortError';
  return Object.assign(error, { code: 'ABORT_ERR' });
}
