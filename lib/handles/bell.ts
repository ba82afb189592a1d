import { systemError } from '../syscalls/errors.js';
import type { Fd } from '../syscalls/fd.js';
import { type NativeWatch, native } from '../syscalls/native.js';

/**
 * Waits for the next event of an open file that tells of changes by poll(2): a table of mounts, a cgroup's files, an
 * eventfd. Only waiting keeps the event loop alive.
 */
export class Bell {
  readonly #fd: Fd;
  #watch: NativeWatch | undefined;
  /** Apart, so that the add-on's hold on the callback is none on a watch that nobody waits for. */
  readonly #waiter: { wake?: () => void } = {};
  #stopped = false;

  readonly #urgent: boolean;

  /**
   * Takes the descriptor over. It must be nobody else's: who reads an event takes it away from the others. `urgent` for
   * what changes (EPOLLPRI), else what becomes readable rings.
   */
  constructor(fd: Fd, urgent = true) {
    this.#fd = fd;
    this.#urgent = urgent;
  }

  get fd(): Fd {
    return this.#fd;
  }

  /** Resolves at the next event, or when it was stopped. */
  wait(missed: () => boolean): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiter = this.#waiter;
      waiter.wake = () => {
        waiter.wake = undefined;
        resolve();
      };
      const watch =
        this.#watch ??
        native().watch(this.#fd.native, () => waiter.wake?.(), this.#urgent ? 'urgent' : 'read');
      if (typeof watch === 'number') return reject(systemError(watch, 'epoll_ctl'));
      this.#watch = watch;
      const armed = native().watchArm(watch);
      if (armed < 0) return reject(systemError(armed, 'epoll_ctl'));
      // epoll(7) asks once when it is armed, and forgets the answer by the time it delivers it: what came before is
      // not told any more.
      if (missed()) this.#disarm();
    });
  }

  #disarm(): void {
    if (this.#watch) native().watchClose(this.#watch);
    this.#watch = undefined;
    this.#waiter.wake?.();
  }

  stop(): void {
    this.#stopped = true;
    this.#disarm();
  }

  async close(): Promise<void> {
    await this.#fd.close();
  }
}
