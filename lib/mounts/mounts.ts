import { type Call, Listing } from '../handles/listing.js';
import { Pace } from '../handles/pace.js';
import type { Change, View, WatchOptions } from '../handles/view.js';
import { Namespace } from '../namespaces/namespace.js';
import { abortError } from '../syscalls/errors.js';
import { checkBoolean, checkObject, invalidType, invalidValue } from '../syscalls/validate.js';
import { describeMount } from './describe.js';
import { checkFilter, type MountFilter, matcher } from './filter.js';
import type { MountInfo } from './info.js';
import { MountTable } from './table.js';
import { watchMounts } from './watch.js';

/**
 * What is mounted: in this process's mount namespace, as seen from its root directory, or in another one, as seen from
 * that one's root. Reading another one takes CAP_SYS_ADMIN there: root has it everywhere, other users in the user
 * namespaces that they made; else EPERM. `namespace` is one of type 'mnt', and not closed before it is read
 * (ERR_NSNET_CLOSED).
 *
 * Source: /proc/<pid>/mountinfo (proc_pid_mountinfo(5)) and, from Linux 6.8, statmount(2) for `uniqueId`.
 */
export function mounts(namespace?: Namespace): Mounts {
  if (namespace === undefined) return new Mounts(undefined);
  if (!(namespace instanceof Namespace)) throw invalidType('namespace', 'a Namespace', namespace);
  if (namespace.type !== 'mnt') {
    throw invalidValue('namespace', "a Namespace of type 'mnt'", `one of type ${namespace.type}`);
  }
  return new Mounts(namespace as Namespace<'mnt'>);
}

/** The mounts of a mount namespace. */
export class Mounts implements View<MountInfo, MountFilter> {
  readonly #namespace: Namespace<'mnt'> | undefined;

  constructor(namespace: Namespace<'mnt'> | undefined) {
    this.#namespace = namespace;
  }

  /**
   * In the kernel's order; of several on the same mount point the last hides the others. All of it is from one moment,
   * unless it changed while each of eight readings was under way: then a mount that came or went meanwhile may or may
   * not be in it.
   */
  list(filter: MountFilter & Call = {}): Listing<MountInfo> {
    checkFilter(filter);
    const { signal, ...wanted } = filter;
    return new Listing(() => this.#read(wanted, signal), undefined, signal);
  }

  /** A line for each, as mount(8) prints it: `tmpfs on /run type tmpfs (rw,nosuid,nodev,mode=755)`. */
  async describe(filter: MountFilter & Call = {}): Promise<string> {
    const all = await this.list(filter);
    return all.map((mount) => `${describeMount(mount)}\n`).join('');
  }

  /**
   * What is there, and then what comes, goes and changes: mounting, unmounting, moving, other options. Each reader gets
   * the net change of each mount since it last asked; nothing is queued. The kernel says nothing when only propagation
   * changes by mount(2), or options of a file system by a mount in another namespace: that is told with the next event.
   * The watch holds the namespace by itself, so closing `namespace` does not end it; `break`, return() and an abort do.
   */
  watch(options: MountFilter & WatchOptions = {}): AsyncIterableIterator<Change<MountInfo>> {
    checkObject('filter', options);
    const { snapshot, ...filter } = options;
    checkFilter(filter);
    if (snapshot !== undefined) checkBoolean('snapshot', snapshot);
    const { signal, ...wanted } = filter;
    return watchMounts(this.#namespace, matcher(wanted), { snapshot, signal });
  }

  async #read(filter: MountFilter, signal: AbortSignal | undefined): Promise<MountInfo[]> {
    if (signal?.aborted) throw abortError(signal);
    const table = new MountTable(this.#namespace);
    try {
      const look = await table.read(signal);
      await look.table.close();
      const wanted = matcher(filter);
      const found: MountInfo[] = [];
      const pace = new Pace();
      for (const mount of look.mounts) {
        if (wanted(mount)) found.push(mount);
        if (pace.due) await pace.turn();
      }
      if (signal?.aborted) throw abortError(signal);
      return found;
    } finally {
      await table.close();
    }
  }
}
