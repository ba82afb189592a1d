import { type BigIntStats, fstatSync, statSync } from 'node:fs';
import { systemError } from './errors.js';
import { type NativeFd, native } from './native.js';
import { isDeno } from './runtime.js';
import { checkInteger } from './validate.js';

/**
 * A descriptor that this process owns: closed by close(), when collected, or when its thread ends. Closing waits for
 * what still uses the number, so a number is never used after it has come to mean something else.
 */
export class Fd {
  readonly native: NativeFd;

  constructor(owned: NativeFd) {
    this.native = owned;
  }

  /** A duplicate (F_DUPFD_CLOEXEC) of any descriptor of this process. */
  static duplicate(number: number): Fd {
    checkInteger('fd', number, 0, 0x7fffffff);
    const made = native().fdDup(number);
    if (typeof made === 'number') throw systemError(made, 'fcntl', { subject: `descriptor ${number}` });
    return new Fd(made);
  }

  /** -1 once closed. */
  get number(): number {
    return native().fdNumber(this.native);
  }

  get closed(): boolean {
    return this.number < 0;
  }

  /** What it is open on: fstat(2). */
  stat(): BigIntStats {
    const options = { bigint: true } as const;
    // Deno's fs knows no descriptors but those that it opened itself.
    if (isDeno) return statSync(`/proc/self/fd/${this.number}`, options);
    return fstatSync(this.number, options);
  }

  /** Again is no error. */
  async close(): Promise<void> {
    await native().fdClose(this.native);
  }

  /** @internal The same at once, on this thread: of what nothing waits for, as pipes and devices. */
  closeNow(): void {
    native().fdCloseNow(this.native);
  }

  /** Gives the number away: from now on closing it is the caller's business. */
  release(): number {
    const number = native().fdRelease(this.native);
    if (number < 0) throw systemError(number, 'close');
    return number;
  }
}
