import { statSync } from 'node:fs';
import type { Namespace, NamespaceType } from '../namespaces/namespace.js';
import { openAllOfProcess, openOfProcess } from '../namespaces/open.js';
import { capable } from '../syscalls/capabilities.js';
import { closedError } from '../syscalls/errors.js';
import { CLONE } from '../syscalls/excursion.js';
import { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { Process } from './process.js';
import type { ProcessNamespaces, SpawnOptions } from './types.js';

/** Whether it stands for all the namespaces of a process. */
export const isProcess = (value: unknown): value is number | Process =>
  typeof value === 'number' || value instanceof Process;

/** Which namespaces a process enters and which it makes, with descriptors for as long as that takes. */
export class Placement {
  readonly joined = new Map<NamespaceType, Fd>();
  readonly made = new Set<NamespaceType>();
  /** The map of one id that a new user namespace has by itself: the outer id. */
  outer: { uid: number; gid: number } | undefined;

  static async of({ namespaces, uidMap, gidMap, root }: SpawnOptions): Promise<Placement> {
    const placement = new Placement();
    try {
      if (isProcess(namespaces)) await placement.#holdAll(namespaces);
      else await placement.#hold(namespaces ?? {});
      // What is mounted for a root is nobody else's to see.
      if (root !== undefined && !placement.joined.has('mnt')) placement.made.add('mnt');
      await placement.#enterOwner();
      if (placement.made.has('user') && uidMap === undefined && gidMap === undefined)
        placement.outer ??= { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
      return placement;
    } catch (error) {
      await placement.close();
      throw error;
    }
  }

  /** The namespaces that are made, as flags of clone(2). */
  get flags(): number {
    return [...this.made].reduce((flags, type) => flags + CLONE[type], 0);
  }

  /** Whether the process must be another one than that which entered: these are for children. */
  get forChildren(): boolean {
    return (['pid', 'time'] as const).some((type) => this.joined.has(type) || this.made.has(type));
  }

  /** In the order in which they can be entered: the user namespace gives the right to the rest, or takes it (`last`). */
  get order(): { first: [Fd, NamespaceType][]; last: [Fd, NamespaceType][] } {
    const user = this.joined.get('user');
    const owner: [Fd, NamespaceType][] = user ? [[user, 'user']] : [];
    const rest = [...this.joined]
      .filter(([type]) => type !== 'user')
      .map(([type, fd]): [Fd, NamespaceType] => [fd, type]);
    return capable('SYS_ADMIN') ? { first: rest, last: owner } : { first: [...owner, ...rest], last: [] };
  }

  /** Whether a mount namespace can be made that belongs to the owner of the network namespace. */
  get ownsNetwork(): boolean {
    return capable('SYS_ADMIN') || this.joined.has('net');
  }

  async close(): Promise<void> {
    await Promise.all([...this.joined.values()].map((fd) => fd.close()));
  }

  async #hold(wanted: ProcessNamespaces): Promise<void> {
    for (const [type, one] of Object.entries(wanted) as [NamespaceType, ProcessNamespaces[NamespaceType]][]) {
      if (one === undefined) continue;
      if (one === 'new') {
        this.made.add(type);
        continue;
      }
      if (!isProcess(one) && one.closed) throw closedError(one.toString());
      this.#join(type, isProcess(one) ? await openOfProcess(one, type) : Fd.duplicate((one as Namespace).fd));
    }
  }

  async #holdAll(process: number | Process): Promise<void> {
    const types = Object.keys(CLONE) as NamespaceType[];
    const fds = await openAllOfProcess(process, types);
    for (const [i, type] of types.entries()) this.#join(type, fds[i] as Fd);
  }

  /** What this process is in already need not be entered; its own user namespace cannot be (EINVAL). */
  #join(type: NamespaceType, fd: Fd): void {
    if (inode(fd) === statSync(`/proc/self/ns/${type}`).ino) fd.closeNow();
    else this.joined.set(type, fd);
  }

  /**
   * Without CAP_SYS_ADMIN what is entered is entered by way of its owner. In that which all of this process's namespaces
   * share no foreign program may run: it goes on in one nested inside.
   */
  async #enterOwner(): Promise<void> {
    if (capable('SYS_ADMIN') || this.joined.has('user')) return;
    const [first] = this.joined.values();
    if (first) {
      const owner = native().nsUser(first.native);
      if (typeof owner !== 'number') {
        this.joined.set('user', new Fd(owner));
        if (!native().isSharedUser(owner)) return;
        this.made.add('user');
        this.outer = { uid: 0, gid: 0 };
      }
    } else if (this.made.size > 0) {
      this.made.add('user');
    }
  }
}

const inode = (fd: Fd): number => (native().nsInfo(fd.native) as number[])[1] as number;
