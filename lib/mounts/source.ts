import { constants } from 'node:fs';
import { closedError } from '../syscalls/errors.js';
import { Fd } from '../syscalls/fd.js';
import type { Step, Steps } from '../syscalls/steps.js';
import { checkString, invalidType, invalidValue } from '../syscalls/validate.js';
import { AT, O_CLOEXEC, O_PATH } from './constants.js';
import { detachedPath } from './detached-path.js';
import type { Mount } from './mount.js';

const mounts = new WeakSet<object>();

/** Called by each mount. */
export function isOneOfUs(mount: Mount): void {
  mounts.add(mount);
}

const isMount = (value: unknown): value is Mount =>
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

/**
 * A directory or file that something is made of. Symbolic links of a path are followed: it is the caller's own. What is
 * in a detached mount is opened from its descriptor: the stub may not look into this process's /proc.
 */
export class Source {
  /** As it is shown, absolute. */
  readonly path: string;
  /** Of a mount that is in no directory, or in one that this process cannot name. */
  readonly detached: boolean;
  readonly #from: Fd | undefined;
  readonly #inside: string;

  constructor(source: string | Mount) {
    const path = typeof source === 'string' ? source : source.path;
    this.path = path.startsWith('/') ? path : `${process.cwd()}/${path}`;
    const found = detachedPath(this.path);
    this.detached = found !== undefined;
    this.#from = found && Fd.duplicate(found.fd);
    this.#inside = found?.inside ?? this.path;
  }

  /** Where it is a detached mount itself, its descriptor. */
  get held(): Fd | undefined {
    return this.#inside === '.' ? this.#from : undefined;
  }

  /** Opens it (O_PATH) in a program. */
  open(steps: Steps, flags = 0): Step | Fd {
    if (this.#from && this.#inside === '.') return this.#from;
    return steps.add('openat', [this.#from ?? AT.FDCWD, this.#inside, O_PATH | O_CLOEXEC | flags, 0]);
  }

  /** The same, of a directory. */
  openDirectory(steps: Steps): Step | Fd {
    return this.open(steps, constants.O_DIRECTORY);
  }

  [Symbol.dispose](): void {
    void this.#from?.close();
  }
}
