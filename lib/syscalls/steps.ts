import { type NsnetError, systemError } from './errors.js';
import { checked, type Inside } from './excursion.js';
import { Fd } from './fd.js';
import { type NativeFd, type NativeStep, native } from './native.js';

const OPTIONAL = 4;
const ALWAYS = 16;

/** One of the calls of a program, by its number; where a descriptor is wanted, what it opened. */
export interface Step {
  readonly number: number;
}

/** What a call is given: null is NULL; a number where it asks for room is the room's size in bytes. */
export type StepArgument = number | string | null | Uint8Array | Fd | Step;

export interface StepOptions {
  /** What it opens is handed back; else it is closed when the program has ended. */
  keep?: boolean;
  /** Its failure does not end the program. */
  optional?: boolean;
  /** It is made even after a failure, and fails quietly: to read what the kernel said of it. */
  always?: boolean;
}

/** Calls whose arguments ask for room, which comes back with what the kernel put there. */
const ROOMS = new Set(['getdents64', 'lgetxattr', 'read', 'readlinkat', 'statmount', 'statx', 'listmount']);

/**
 * System calls that are made one after another, in one go, here or inside other namespaces. The first that fails ends
 * them. Calls that would change the process itself (chdir, chroot, unshare…) are made by a clone.
 */
export class Steps {
  readonly #steps: NativeStep[] = [];
  readonly #options: StepOptions[] = [];

  add(call: string, given: readonly StepArgument[], options: StepOptions = {}): Step {
    const flags = (options.optional ? OPTIONAL : 0) | (options.always ? ALWAYS : 0);
    const words = given.map((one) => {
      if (one instanceof Fd) return one.native;
      return typeof one === 'object' && one !== null && 'number' in one ? [one.number] : one;
    });
    this.#steps.push([call, flags, options.keep === true, ...words] as NativeStep);
    this.#options.push(options);
    return { number: this.#steps.length - 1 };
  }

  /** Rejects only if nothing could be run at all. With `move` it is a clone that runs them, wherever. */
  async run({ entries, ownMemory }: Inside, move = false): Promise<Outcome> {
    const told = await native().steps(entries, ownMemory, move, this.#steps);
    const [failed, results, fds, rooms] = checked(told as Exclude<typeof told, number>);
    const kept = new Map<number, NativeFd | null>();
    const room = new Map<number, Uint8Array>();
    for (const [number, [call]] of this.#steps.entries()) {
      if (this.#options[number]?.keep) kept.set(number, fds[kept.size] as NativeFd | null);
      if (ROOMS.has(call as string)) room.set(number, rooms[room.size] as Uint8Array);
    }
    const call = this.#steps[failed]?.[0].replace(/_fd$/, '').replace(/^loop_.*/, 'ioctl');
    return new Outcome(failed < 0 ? undefined : { number: failed }, call, results, kept, room);
  }
}

/** What became of them. */
export class Outcome {
  /** The step that failed. */
  readonly failed: Step | undefined;
  readonly #call: string | undefined;
  readonly #results: readonly number[];
  readonly #kept: ReadonlyMap<number, NativeFd | null>;
  readonly #rooms: ReadonlyMap<number, Uint8Array>;

  constructor(
    failed: Step | undefined,
    call: string | undefined,
    results: readonly number[],
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
    const room = this.#rooms.get(step.number) as Uint8Array;
    return room.subarray(0, Math.max(0, this.result(step)));
  }

  /** All the room that a call was given. */
  room({ number }: Step): Uint8Array {
    return this.#rooms.get(number) as Uint8Array;
  }

  /** The failure as an error; undefined if all went well. */
  error(details: Parameters<typeof systemError>[2] = {}): NsnetError | undefined {
    return this.failed && systemError(this.errno, this.#call as string, details);
  }
}
