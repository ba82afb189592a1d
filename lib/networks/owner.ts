import type { Internals } from '../namespaces/network.js';
import { SOCK } from '../sockets/constants.js';
import { AF_UNIX, encodeUnixAddress } from '../sockets/unix-address.js';
import { systemError } from '../syscalls/errors.js';
import type { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { anyOwner } from './marks.js';

const EADDRINUSE = -98;

const addressOf = (id: string) => encodeUnixAddress('owner', `\0nsnet:owner:${id}`);

/**
 * Who has made networks and endpoints in a namespace. It is alive while it holds an abstract unix socket there: these
 * belong to the network namespace, and vanish with the process, kill -9 included (unix(7)).
 */
export class Owner {
  readonly id: string;
  readonly #fd: Fd;
  #users = 1;
  readonly #inner: Internals;

  private constructor(inner: Internals, id: string, fd: Fd) {
    this.#inner = inner;
    this.id = id;
    this.#fd = fd;
  }

  /** This program's, for as long as somebody has it. */
  static async take(inner: Internals): Promise<Owner> {
    const found = inner.memory.get(Owner) as Promise<Owner> | undefined;
    if (found) {
      const owner = await found;
      // The last of those that had it may have let it go meanwhile.
      if (owner.#users > 0) {
        owner.#users++;
        return owner;
      }
      if (inner.memory.get(Owner) !== found) return Owner.take(inner);
    }
    const made = Owner.#make(inner);
    inner.memory.set(Owner, made);
    made.catch(() => {
      if (inner.memory.get(Owner) === made) inner.memory.delete(Owner);
    });
    return made;
  }

  static async #make(inner: Internals): Promise<Owner> {
    const fd = await inner.socket(AF_UNIX, SOCK.DGRAM, 0);
    for (;;) {
      const id = anyOwner();
      const bound = native().bind(fd.native, addressOf(id));
      if (bound === 0) return new Owner(inner, id, fd);
      if (bound === EADDRINUSE) continue;
      await fd.close();
      throw systemError(bound, 'bind', { subject: inner.subject });
    }
  }

  /** Of those that were asked for, those that are alive. */
  static async alive(inner: Internals, ids: Iterable<string>): Promise<Set<string>> {
    const alive = new Set<string>();
    for (const id of new Set(ids)) {
      const fd = await inner.socket(AF_UNIX, SOCK.DGRAM, 0);
      const bound = native().bind(fd.native, addressOf(id));
      await fd.close();
      if (bound === EADDRINUSE) alive.add(id);
      else if (bound !== 0) throw systemError(bound, 'bind', { subject: inner.subject });
    }
    return alive;
  }

  /** The last one ends it. */
  async letGo(): Promise<void> {
    if (--this.#users > 0) return;
    this.#inner.memory.delete(Owner);
    await this.#fd.close();
  }
}
