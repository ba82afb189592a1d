import { Handle } from '../handles/handle.js';
import type { Call } from '../handles/listing.js';
import type { Change, WatchOptions } from '../handles/view.js';
import { closedError, NsnetError, systemError } from '../syscalls/errors.js';
import { CLONE, checkedFd, isFailure, type NamespaceType } from '../syscalls/excursion.js';
import { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import {
  checkBoolean,
  checkInteger,
  checkKeys,
  checkObject,
  checkSignal,
  illegalConstructor,
  invalidValue,
} from '../syscalls/validate.js';
import { listNamespaces } from './list.js';
import { openOfProcess, openPath, openSource } from './open.js';
import { checkType, checkTypes, typeOfFlag } from './types.js';
import { DEFAULT_INTERVAL, identity, watchNamespaces } from './watch.js';

export type { NamespaceType };

/** What is known of a namespace without holding it. */
export interface NamespaceInfo {
  type: NamespaceType;
  /**
   * Inode number, as `lsns` and readlink(2) of /proc/<pid>/ns/* show it. Unique among the namespaces that exist at one
   * time: the next one that is made may be given the inode of one that is gone.
   */
  id: number;
  /** Never used again until the next boot. From Linux 6.18 on, of mount namespaces from 6.11 (ioctl_nsfs(2)). */
  uniqueId?: number;
  /** Of a network namespace pinned under /run/netns, or labelled in this process. */
  name?: string;
  /**
   * Where it is mounted, as under /run/netns. Else, with no process in it, where something else keeps it:
   * '/proc/<pid>/fd/<number>', '/proc/<pid>/task/<thread>/ns/<type>', '/proc/<pid>/ns/<type>_for_children', or a mount in
   * another mount namespace, '/proc/<pid>/root/…'. None if only a relative keeps it, a namespace that it owns or is the
   * parent of; nor if it is mounted where this process cannot get at it, as another mount hides it, or not without
   * asking a file system that may not answer (NFS, FUSE): then its owner is not known either.
   */
  path?: string;
  /** Processes that are in it, as far as this process may see, in the numbers of its /proc; ascending. */
  pids: number[];
  /** Of a user namespace: the user who made it. */
  uid?: number;
  /** Inode of the user namespace that owns it. */
  owner?: number;
  /** Inode of the parent, of pid and user namespaces. */
  parent?: number;
}

/** A path of a namespace file, a descriptor (duplicated; how a Worker gets a namespace), or what list() gave. */
export type NamespaceSource = { path: string } | { fd: number } | NamespaceInfo;

/** What Namespace.watch() takes. */
export interface NamespaceWatchOptions extends WatchOptions {
  /** All types by default. */
  type?: NamespaceType;
  /** Milliseconds from one look to the next, 1000 by default. */
  interval?: number;
}

function checkedSignal(signal: unknown): AbortSignal | undefined {
  checkSignal(signal);
  return signal;
}

/** With the interval that is meant. */
export function checkWatch(options: NamespaceWatchOptions): NamespaceWatchOptions & { interval: number } {
  checkObject('options', options);
  checkKeys('options', options, ['type', 'interval', 'snapshot', 'signal']);
  const { interval = DEFAULT_INTERVAL, snapshot, signal } = options;
  checkInteger('interval', interval, 1, 0x7fffffff);
  if (snapshot !== undefined) checkBoolean('snapshot', snapshot);
  checkSignal(signal);
  return { ...options, interval };
}

/** One namespace, held by a descriptor: it lives as long as this object holds it, or a process is in it. */
export class Namespace<T extends NamespaceType = NamespaceType> extends Handle {
  readonly type: T;
  /** Inode number. Unique among the namespaces that exist at one time. */
  readonly id: number;
  protected readonly handle: Fd;

  protected constructor(handle: Fd, owned: boolean, type?: T) {
    if (!(handle instanceof Fd)) throw illegalConstructor(new.target.name, `${new.target.name}.create()`);
    super(owned);
    this.handle = handle;
    const info = native().nsInfo(handle.native);
    if (typeof info === 'number') {
      const error = systemError(info, 'ioctl', { hint: 'This is no namespace' });
      void handle.close();
      throw error;
    }
    const found = typeOfFlag(info[0]);
    if (found === undefined || (type !== undefined && found !== type)) {
      void handle.close();
      throw new NsnetError(
        'EINVAL',
        `a ${found ?? 'unknown'} namespace where one of type ${type} is needed`,
        {},
      );
    }
    this.type = found as T;
    this.id = info[1];
    this.warnIfCollected(`${this.type} namespace ${this.id}`);
  }

  /** The descriptor, O_CLOEXEC; −1 once close() has resolved. It stays this object's: not for others to close. */
  get fd(): number {
    return this.handle.number;
  }

  /**
   * A new namespace with nobody in it. A new user namespace maps this user to its root; other types need CAP_SYS_ADMIN. For
   * networks `Netns.create()` needs no privileges.
   */
  static async create(type: Exclude<NamespaceType, 'pid'>): Promise<Namespace> {
    checkType(type);
    if (type === ('pid' as NamespaceType)) {
      throw invalidValue('type', 'a type that can exist without a process', type);
    }
    const name = type === 'time' ? 'time_for_children' : type;
    const made = await native().unshare([], false, CLONE[type], [name], [], false);
    if (isFailure(made)) {
      throw systemError(made.errno, made.syscall, {
        subject: `a new ${type} namespace`,
        hint: hintFor(made.errno),
      });
    }
    return new Namespace(new Fd(made[0] as never), true, type);
  }

  /** Holds a namespace that exists. Rejects with ESTALE if what list() gave is gone or another by now. */
  static async open(source: NamespaceSource): Promise<Namespace> {
    return new Namespace(await openSource(source), false);
  }

  /** The namespace of a process, without the race of a pid that is used again meanwhile. */
  static async ofProcess(pid: number | { readonly pid: number }, type: NamespaceType): Promise<Namespace> {
    checkType(type);
    return new Namespace(await openOfProcess(pid, type), false, type);
  }

  /** The one that this process is in. */
  static async current(type: NamespaceType): Promise<Namespace> {
    checkType(type);
    return new Namespace(await openPath(`/proc/self/ns/${type}`), false, type);
  }

  /**
   * All that this process may see, sorted by type and id, each once: what lsns(8) shows, and what has no process in it
   * but is kept by a descriptor (of any process or thread), by a thread that is in another namespace than its process,
   * by a mount (in this mount namespace, or one that a process is in), for the children of a process, or as the owner or
   * parent of another. Of processes that this one may not look into (another user's, without CAP_SYS_PTRACE; those that
   * /proc's `hidepid` hides) nothing is seen, as with lsns. Nor are namespaces that only a socket keeps, or a mount of
   * proc, sysfs or mqueue, or a mount of theirs in a mount namespace that no process is in.
   *
   * It is read on another thread, process by process: what comes or goes meanwhile may or may not be in it. Nothing is
   * held afterwards. Rejects with EMFILE where not one more descriptor can be opened, ENOENT where there is no /proc.
   *
   * Source: /proc/<pid>/ns (namespaces(7)), /proc/<pid>/fd, /proc/<pid>/mountinfo, ioctl_nsfs(2).
   */
  static async list(filter: { type?: NamespaceType } & Call = {}): Promise<NamespaceInfo[]> {
    checkObject('filter', filter);
    checkKeys('filter', filter, ['type', 'signal']);
    return listNamespaces(checkTypes(filter.type), checkedSignal(filter.signal));
  }

  /**
   * What list() gives, and then what comes, goes and changes. The kernel tells nobody of namespaces, so they are listed
   * again every `interval`, while somebody waits for the next change; a slow reader gets the net change of each.
   * A process that comes or goes is a change of the namespaces that it is in. Before Linux 6.18, one that is gone and
   * another that was given its inode between two looks are a change of the first.
   */
  static watch(options: NamespaceWatchOptions = {}): AsyncIterableIterator<Change<NamespaceInfo>> {
    const { type, interval, ...rest } = checkWatch(options);
    const types = checkTypes(type);
    return watchNamespaces(() => listNamespaces(types, rest.signal), identity, interval, rest);
  }

  /** The user namespace that owns it: capabilities count there. EPERM if it is outside of this process's own. */
  async owner(): Promise<Namespace<'user'>> {
    if (this.closed) throw closedError(this.toString());
    const related = native().nsUser(this.handle.native);
    return new Namespace<'user'>(checkedFd(related, 'ioctl', { subject: this.toString() }), false, 'user');
  }

  /** The parent, of a pid or user namespace. EPERM where there is none that this process may see. */
  async parent(): Promise<Namespace<T>> {
    if (this.closed) throw closedError(this.toString());
    const related = native().nsParent(this.handle.native);
    return new Namespace<T>(checkedFd(related, 'ioctl', { subject: this.toString() }), false, this.type);
  }

  override toString(): string {
    return `Namespace { type: '${this.type}', id: ${this.id} }`;
  }

  override toJSON(): unknown {
    return { type: this.type, id: this.id };
  }

  protected override async dispose(_owned: boolean): Promise<void> {
    await this.handle.close();
  }
}

function hintFor(errno: number): string | undefined {
  return errno === -1
    ? 'Without CAP_SYS_ADMIN only a user namespace, and what Netns makes in it, can be made'
    : undefined;
}
