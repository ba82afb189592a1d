import { Pace } from '../handles/pace.js';
import type { Namespace } from '../namespaces/namespace.js';
import { abortError, closedError, NsnetError, systemError } from '../syscalls/errors.js';
import { checkedFd, HERE, type Inside } from '../syscalls/excursion.js';
import { Fd } from '../syscalls/fd.js';
import { within } from '../syscalls/inside.js';
import { native } from '../syscalls/native.js';
import { Steps } from '../syscalls/steps.js';
import type { MountInfo } from './info.js';
import { parseMountinfo } from './mountinfo.js';
import { addListing, idsOf, listed, statMounts } from './statmount.js';

const AT_FDCWD = -100;
const O_PATH = 0o10000000;
const O_RDONLY = 0;
/** How often a table is read that changes while it is read, before it is taken as it is. */
const ATTEMPTS = 8;

/** What was mounted at one moment. */
export interface Look {
  mounts: MountInfo[];
  /** The open mountinfo, which tells whether anything has changed since. */
  table: Fd;
  /** Nothing changed while it was read. If not, every mount that was there all the time is in it all the same. */
  settled: boolean;
}

/** The mounts of a namespace, as they are seen from its root directory; of this process's, from this process's root. */
export class MountTable {
  readonly #namespace: Fd | undefined;
  readonly #subject: string;
  /** Numbers as mountinfo has them, by unique id: what was asked once is not asked again. */
  #numbers = new Map<number, number>();

  /** The namespace's descriptor is duplicated. */
  constructor(namespace: Pick<Namespace<'mnt'>, 'closed' | 'fd' | 'id'> | undefined) {
    if (namespace?.closed) throw closedError(namespace.toString());
    this.#namespace = namespace && Fd.duplicate(namespace.fd);
    this.#subject = namespace ? `mounts of mnt namespace ${namespace.id}` : 'mounts of this process';
  }

  /** The table, opened anew. */
  async open(): Promise<Fd> {
    return this.#within(async (inside) => {
      const { done, table } = await this.#enter(inside);
      return done.fd(table);
    });
  }

  /** What is mounted now. The caller closes `table`. */
  async read(signal?: AbortSignal): Promise<Look> {
    return this.#within(async (inside) => {
      for (let attempt = 1; ; attempt++) {
        if (signal?.aborted) throw abortError(signal);
        const look = await this.#look(inside, signal);
        if (look.settled || attempt === ATTEMPTS) return look;
        await look.table.close();
      }
    });
  }

  async close(): Promise<void> {
    await this.#namespace?.close();
  }

  async #within<T>(work: (inside: Inside) => Promise<T>): Promise<T> {
    try {
      return await within(this.#namespace ? { inside: { mnt: this.#namespace.number } } : {}, work);
    } catch (error) {
      if (!(error instanceof NsnetError)) throw error;
      throw error.with({ subject: this.#subject, hint: hintFor(error) });
    }
  }

  /**
   * Opens the table inside. It is found by this process's own /proc, in which whoever enters the namespace has a
   * number: there may be no /proc inside, or one of another pid namespace. What is opened stays a view of the
   * namespace, wherever it is read.
   */
  async #enter({ entries, ownMemory }: Inside) {
    const proc = entries.length > 0 ? await openProc() : undefined;
    try {
      const steps = new Steps();
      const at = proc ?? AT_FDCWD;
      const path = proc ? 'self/mountinfo' : '/proc/self/mountinfo';
      const table = steps.add('openat', [at, path, O_RDONLY, 0], { keep: true });
      const listing = addListing(steps);
      const done = await steps.run({ entries, ownMemory });
      if (done.failed) throw done.error();
      return { done, table, listing };
    } finally {
      await proc?.close();
    }
  }

  async #look(inside: Inside, signal: AbortSignal | undefined): Promise<Look> {
    const { done, table: step, listing } = await this.#enter(inside);
    const table = done.fd(step);
    try {
      const unique = await this.#unique(await listed(done, listing, inside), inside);
      const read = await native().readTable(table.native);
      if (typeof read === 'number') throw systemError(read, 'pread');
      const [bytes, changed] = read;
      const mounts: MountInfo[] = [];
      const pace = new Pace();
      for (const mount of parseMountinfo(bytes, unique)) {
        // If anything has changed between the two looks, what only one of them knows is gone, or has just come.
        if (mount.uniqueId !== undefined || !unique || !changed) mounts.push(mount);
        if (pace.due) {
          await pace.turn();
          if (signal?.aborted) throw abortError(signal);
        }
      }
      return { mounts, table, settled: !changed };
    } catch (error) {
      await table.close();
      throw error;
    }
  }

  /** Unique ids by those of mountinfo. */
  async #unique(
    ids: BigUint64Array | undefined,
    inside: Inside,
  ): Promise<ReadonlyMap<number, number> | undefined> {
    if (ids === undefined) return undefined;
    const numbers = new Map<number, number>();
    const asked = ids.filter((id) => !this.#numbers.has(Number(id)));
    for (const [unique, id] of await statMounts(asked, inside, idsOf)) numbers.set(unique, id);
    for (const id of ids) {
      const number = this.#numbers.get(Number(id));
      if (number !== undefined) numbers.set(Number(id), number);
    }
    this.#numbers = numbers;
    // A filter of system calls may forbid the one and not the other.
    if (numbers.size === 0) return undefined;
    const unique = new Map<number, number>();
    for (const [one, id] of numbers) unique.set(id, one);
    return unique;
  }
}

async function openProc(): Promise<Fd> {
  const opened = await native().open(HERE.entries, HERE.ownMemory, '/proc', O_PATH, 0);
  return checkedFd(opened, 'open', { subject: '/proc' });
}

function hintFor({ code, syscall }: NsnetError): string | undefined {
  if (code === 'ENOENT' && syscall === 'openat') return "/proc must be that of this process's pid namespace";
  if (code === 'EPERM' && syscall === 'setns')
    return 'Without CAP_SYS_ADMIN only the mount namespaces of user namespaces that this user made can be entered';
  return undefined;
}
