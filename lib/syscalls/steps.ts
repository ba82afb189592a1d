import { type NsnetError, systemError } from './errors.js';
import { checked, type Inside } from './excursion.js';
import { Fd } from './fd.js';
import { type NativeFd, native } from './native.js';
import { invalidValue } from './validate.js';

/** One of the calls of a program, by its number; where a descriptor is wanted, what it opened. */
export interface Step {
  readonly number: number;
}

/**
 * What a call is given: null is NULL; a number where it asks for room is the room's size in bytes; a list of strings
 * is one ended by a NULL.
 */
export type StepArgument = number | string | null | Uint8Array | Fd | Step | readonly string[];

export interface StepOptions {
  /** What it opens is handed back; else it is closed when the program has ended. */
  keep?: boolean;
  /** Its failure does not end the program. */
  optional?: boolean;
  /** It is made only after a failure, and fails quietly: to read what the kernel said of it. */
  afterFailure?: boolean;
}

export interface RunOptions {
  /** A clone runs them, wherever. Default false. */
  move?: boolean;
  /** A descriptor that is closed first, on the thread that then runs them. */
  closeFirst?: Fd;
  /** A descriptor that is closed on the same thread if all went well. */
  closeLast?: Fd;
}

// As in native/steps.cc and native/program.h.
const KEEP = 1;
const OPTIONAL = 4;
const AFTER_FAILURE = 16;
const FLAGS = 32;
const TAGS = 8;
const TAG = { null: 1, text: 2, bytes: 3, descriptor: 4, result: 5 } as const;

/** Calls whose arguments ask for room, which comes back with what the kernel put there. */
const ROOMS = new Set(['getdents64', 'lgetxattr', 'read', 'readlinkat', 'statmount', 'statx', 'listmount']);

/** What is another system call than it is called here, or a part of one. */
const NAMES: Record<string, string> = {
  alive: 'recv',
  aside: 'fcntl',
  exec: 'execve',
  forget: 'close_range',
  fork: 'clone',
  fsconfig_fd: 'fsconfig',
  funlock: 'flock',
  init: 'clone',
  inside: 'getcwd',
  is_device: 'statx',
  loop_configure: 'ioctl',
  loop_ctl_get_free: 'ioctl',
  ready: 'sendmsg',
  signals: 'rt_sigaction',
  sync: 'write',
  tiocsctty: 'ioctl',
};

const NO_BYTES = new Uint8Array(0);
const PLAIN: StepOptions = {};

let calls: Map<string, number> | undefined;

function placeOf(call: string): number {
  calls ??= new Map(
    native()
      .stepCalls()
      .map((name, place) => [name, place]),
  );
  const place = calls.get(call);
  if (place === undefined) throw invalidValue('call', 'one of the calls of a program', call);
  return place;
}

/**
 * System calls that are made one after another, in one go, here or inside other namespaces. The first that fails ends
 * them. Calls that would change the process itself (chdir, chroot, unshare…) are made by a clone.
 */
export class Steps {
  readonly #calls: string[] = [];
  readonly #words: number[] = [];
  readonly #texts: string[] = [];
  readonly #bytes: Uint8Array[] = [];
  readonly #fds: NativeFd[] = [];
  readonly #kept: number[] = [];
  readonly #rooms: number[] = [];

  add(call: string, given: readonly StepArgument[], options: StepOptions = PLAIN): Step {
    const { keep = false, optional = false, afterFailure = false } = options;
    const number = this.#calls.length;
    this.#calls.push(call);
    if (keep) this.#kept.push(number);
    if (ROOMS.has(call)) this.#rooms.push(number);
    const flags = (keep ? KEEP : 0) + (optional ? OPTIONAL : 0) + (afterFailure ? AFTER_FAILURE : 0);
    this.#words.push(placeOf(call) * FLAGS + flags);
    for (const one of given) {
      if (Array.isArray(one)) {
        this.#words.push(one.length * TAGS);
        for (const text of one) this.#words.push(this.#wordOf(text));
      } else this.#words.push(this.#wordOf(one as Exclude<StepArgument, readonly string[]>));
    }
    return { number };
  }

  /** Rejects only if nothing could be run at all. */
  async run({ entries, ownMemory }: Inside, options: RunOptions = {}): Promise<Outcome> {
    const { move = false, closeFirst, closeLast } = options;
    const closing = (closeFirst ?? closeLast)?.native;
    const told = await native().steps(
      entries,
      ownMemory,
      move,
      ...this.packed,
      closing,
      closeFirst !== undefined,
    );
    const [failed, results, fds, rooms] = checked(told as Exclude<typeof told, number>);
    const kept = new Map(this.#kept.map((number, i) => [number, fds[i] as NativeFd | null]));
    const room = new Map(this.#rooms.map((number, i) => [number, rooms[i] ?? NO_BYTES]));
    return new Outcome(failed < 0 ? undefined : { number: failed }, this.nameOf(failed), results, kept, room);
  }

  /** As the add-on takes them. */
  get packed(): [Float64Array, string, Uint8Array, readonly NativeFd[]] {
    const bytes = this.#bytes.length === 0 ? NO_BYTES : Buffer.concat(this.#bytes);
    return [Float64Array.from(this.#words), this.#texts.join('\0'), bytes, this.#fds];
  }

  /** The system call of a step. */
  nameOf(number: number): string | undefined {
    const call = this.#calls[number];
    return call && (NAMES[call] ?? call);
  }

  #wordOf(one: Exclude<StepArgument, readonly string[]>): number {
    if (typeof one === 'number') return one * TAGS;
    if (typeof one === 'string') {
      if (one.includes('\0')) throw invalidValue('argument', 'a string without NUL', one);
      this.#texts.push(one);
      return TAG.text;
    }
    if (one === null) return TAG.null;
    if (one instanceof Fd) return this.#fds.push(one.native) * TAGS - TAGS + TAG.descriptor;
    if (one instanceof Uint8Array) {
      this.#bytes.push(one);
      return one.length * TAGS + TAG.bytes;
    }
    return one.number * TAGS + TAG.result;
  }
}

/** What became of them. */
export class Outcome {
  /** The step that failed. */
  readonly failed: Step | undefined;
  readonly #call: string | undefined;
  readonly #results: ArrayLike<number>;
  readonly #kept: ReadonlyMap<number, NativeFd | null>;
  readonly #rooms: ReadonlyMap<number, Uint8Array>;

  constructor(
    failed: Step | undefined,
    call: string | undefined,
    results: ArrayLike<number>,
    kept: ReadonlyMap<number, NativeFd | null>,
    rooms: ReadonlyMap<number, Uint8Array>,
  ) {
    this.failed = failed;
    this.#call = call;
    this.#results = results;
    this.#kept = kept;
    this.#rooms = rooms;
  }

  /** What a call returned: −errno if it failed, −1 too if it was not made. */
  result({ number }: Step): number {
    return this.#results[number] as number;
  }

  /** The number of the error that ended them, negative; 0 if all went well. */
  get errno(): number {
    return this.failed ? this.result(this.failed) : 0;
  }

  /** What a step with `keep` opened, for the caller to own. */
  fd({ number }: Step): Fd {
    return new Fd(this.#kept.get(number) as NativeFd);
  }

  /** The bytes that a call filled; of `read` and `readlinkat` as many as there were. */
  bytes(step: Step): Uint8Array {
    return this.room(step).subarray(0, Math.max(0, this.result(step)));
  }

  /** All the room that a call was given; empty if it failed. */
  room({ number }: Step): Uint8Array {
    return this.#rooms.get(number) as Uint8Array;
  }

  /** The failure as an error; undefined if all went well. */
  error(details: Parameters<typeof systemError>[2] = {}): NsnetError | undefined {
    return this.failed && systemError(this.errno, this.#call as string, details);
  }
}
