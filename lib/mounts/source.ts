import { constants } from 'node:fs';
import { closedError } from '../syscalls/errors.js';
import { HERE } from '../syscalls/excursion.js';
import { Fd } from '../syscalls/fd.js';
import { type Step, type StepOptions, Steps } from '../syscalls/steps.js';
import { checkString, invalidType, invalidValue } from '../syscalls/validate.js';
import { AT, O_CLOEXEC, O_PATH, RESOLVE } from './constants.js';
import { detachedPath } from './detached-path.js';
import type { Mount } from './mount.js';

const mounts = new WeakSet<object>();

/** Called by each mount. */
export function isOneOfUs(mount: Mount): void {
  mounts.add(mount);
}

export const isMount = (value: unknown): value is Mount =>
  typeof value === 'object' && value !== null && mounts.has(value);

/** Throws unless it can be a source. */
export function checkSource(source: unknown, name = 'source'): asserts source is string | Mount {
  if (isMount(source)) {
    if (source.closed) throw closedError(source.toString());
    return;
  }
  if (typeof source !== 'string') throw invalidType(name, 'a path or a Mount', source);
  checkString(name, source);
  if (source === '') throw invalidValue(name, 'a path', source);
}

/** The struct open_how of a path that is looked up in a directory as in a root: openat2(2), Linux 5.6. */
export function openInRoot(flags: number): Uint8Array {
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS), 16);
  return how;
}

/**
 * A directory or file that something is made of. Symbolic links of a path are followed: it is the caller's own. What is
 * in a detached mount, or below another descriptor of this process, is looked up in it as in a root (openat2(2),
 * RESOLVE_IN_ROOT): what it holds may be somebody else's, whose links are not to lead to this machine's files.
 */
export class Source {
  /** As it is shown, absolute. */
  readonly path: string;
  /** Of a mount that is in no directory, or in one that this process cannot name. */
  readonly detached: boolean;
  readonly #from: Fd | undefined;
  readonly #inside: string;

  /** With `held` a mount that is attached is meant itself, whatever its path means by now: that is for this mount namespace. */
  constructor(source: string | Mount, { held = false }: { held?: boolean } = {}) {
    const path = typeof source === 'string' ? source : source.path;
    this.path = path.startsWith('/') ? path : `${process.cwd()}/${path}`;
    const found = detachedPath(this.path);
    this.detached = found !== undefined;
    const itself = held && !found && typeof source !== 'string';
    this.#from = itself ? Fd.duplicate(source.fd) : found && Fd.duplicate(found.fd);
    this.#inside = itself ? '.' : (found?.inside ?? this.path);
  }

  /** Where it is a mount itself, not a path, its descriptor. */
  get held(): Fd | undefined {
    return this.#inside === '.' ? this.#from : undefined;
  }

  /** Whether a copy of it must be made in the mount namespace that it was made in (Linux 6.15). */
  get isDetachedMount(): boolean {
    return this.detached && this.held !== undefined;
  }

  /** Opens it (O_PATH) in a program. */
  open(steps: Steps, flags = 0): Step | Fd {
    return this.held ?? this.#open(steps, O_PATH | flags);
  }

  /** The same, of a directory. */
  openDirectory(steps: Steps): Step | Fd {
    return this.open(steps, constants.O_DIRECTORY);
  }

  /** Opens a directory for reading, in a program. */
  readDirectory(steps: Steps, options: StepOptions): Step {
    const flags = constants.O_RDONLY | constants.O_DIRECTORY;
    if (!this.held) return this.#open(steps, flags, options);
    return steps.add('openat', [this.held, '.', flags | O_CLOEXEC, 0], options);
  }

  /** Opens it for reading, here. */
  async read(): Promise<Fd> {
    const steps = new Steps();
    const keep = { keep: true };
    const flags = constants.O_RDONLY | O_CLOEXEC;
    const opened = this.held
      ? steps.add('openat', [AT.FDCWD, `/proc/self/fd/${this.held.number}`, flags, 0], keep)
      : this.#open(steps, constants.O_RDONLY, keep);
    const outcome = await steps.run(HERE);
    const error = outcome.error({ subject: this.path });
    if (error) throw error;
    return outcome.fd(opened);
  }

  #open(steps: Steps, flags: number, options: StepOptions = {}): Step {
    if (!this.#from) return steps.add('openat', [AT.FDCWD, this.#inside, flags | O_CLOEXEC, 0], options);
    return steps.add('openat2', [this.#from, this.#inside, openInRoot(flags)], options);
  }

  [Symbol.dispose](): void {
    void this.#from?.close();
  }
}
