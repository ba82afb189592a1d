import { Handle } from '../handles/handle.js';
import type { Call } from '../handles/listing.js';
import { capable } from '../syscalls/capabilities.js';
import { closedError, NsnetError, systemError, withDetails } from '../syscalls/errors.js';
import { CLONE, checkedFd, HERE, isFailure, type NamespaceType } from '../syscalls/excursion.js';
import { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import {
  checkInteger,
  checkObject,
  checkString,
  illegalConstructor,
  invalidType,
  invalidValue,
} from '../syscalls/validate.js';
import { listNamespaces } from './list.js';

export type { NamespaceType };

/** What is known of a namespace without holding it. */
export interface NamespaceInfo {
  type: NamespaceType;
  /** Inode number, as `lsns` and readlink(2) of /proc/<pid>/ns/* show it. */
  id: number;
  /** Of a network namespace pinned under /run/netns, or labelled in this process. */
  name?: string;
  /** Where it is pinned. */
  path?: string;
  /** Processes that are in it, as far as this process may see. */
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

export const NAMESPACE_TYPES = Object.keys(CLONE) as NamespaceType[];

const byFlag = new Map(NAMESPACE_TYPES.map((type) => [CLONE[type] as number, type]));

function checkType(type: unknown): asserts type is NamespaceType {
  if (!NAMESPACE_TYPES.includes(type as NamespaceType)) {
    throw invalidValue('type', `one of ${NAMESPACE_TYPES.join(', ')}`, type);
  }
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
    const found = byFlag.get(info[0]);
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

  /** All that this process may see, by type and id, as lsns(8). */
  static async list(filter: { type?: NamespaceType } & Call = {}): Promise<NamespaceInfo[]> {
    checkObject('filter', filter);
    if (filter.type !== undefined) checkType(filter.type);
    return listNamespaces(filter.type ? [filter.type] : NAMESPACE_TYPES, filter.signal);
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

export async function openPath(path: string, subject = path): Promise<Fd> {
  // O_RDONLY|O_NONBLOCK: a name that is a FIFO must not wait for a writer.
  const opened = await native().open(HERE.entries, HERE.ownMemory, path, 0o4000, 0);
  return checkedFd(opened, 'open', { subject });
}

export async function openSource(source: NamespaceSource): Promise<Fd> {
  checkObject('source', source);
  if ('fd' in source) {
    checkInteger('source.fd', source.fd, 0, 0x7fffffff);
    return Fd.duplicate(source.fd);
  }
  if (!('id' in source)) {
    checkString('source.path', source.path);
    return openPath(source.path);
  }
  return openListed(source);
}

async function openListed(info: NamespaceInfo): Promise<Fd> {
  const { id, type, path, pids, name } = info;
  checkType(type);
  checkInteger('source.id', id, 0, Number.MAX_SAFE_INTEGER);
  const candidates = [...(path ? [path] : []), ...(pids ?? []).map((pid) => `/proc/${pid}/ns/${type}`)];
  const label = name === undefined ? -2 : native().labelled(name);
  if (typeof label !== 'number') {
    const fd = new Fd(label);
    if (inode(fd) === id) return fd;
    await fd.close();
  }
  for (const candidate of candidates) {
    const fd = await openPath(candidate).catch(() => undefined);
    if (fd && inode(fd) === id) return fd;
    await fd?.close();
  }
  throw systemError(-116, 'open', {
    subject: `${type} namespace ${id}`,
    hint: 'It is gone, or only held by descriptors',
  });
}

function inode(fd: Fd): number | undefined {
  const info = native().nsInfo(fd.native);
  return typeof info === 'number' ? undefined : info[1];
}

/** The kernel lets a process look into those that it could trace. */
function lookHint(): string {
  return capable('SYS_PTRACE')
    ? 'It is of a user namespace further out, or a security module keeps it from being looked into'
    : "It is another user's, or has capabilities that this process lacks: looking into it takes CAP_SYS_PTRACE";
}

/** Opened between taking hold of the process and seeing that it still lives, so the pid cannot mean another. */
export async function openOfProcess(
  process: number | { readonly pid: number },
  type: NamespaceType,
): Promise<Fd> {
  const pid = typeof process === 'object' && process !== null ? process.pid : process;
  if (typeof pid !== 'number') throw invalidType('pid', 'a number or a Process', pid);
  checkInteger('pid', pid, 1, 0x7fffffff);
  const subject = `process ${pid}`;
  const pidfd = checkedFd(native().pidfdOpen(pid), 'pidfd_open', { subject });
  try {
    const fd = await openPath(`/proc/${pid}/ns/${type}`, subject).catch((error: NsnetError) => {
      if (native().pidfdExited(pidfd.native)) throw systemError(-3, 'open', { subject });
      throw error.code === 'EACCES' ? withDetails(error, { hint: lookHint() }) : error;
    });
    if (!native().pidfdExited(pidfd.native)) return fd;
    await fd.close();
    throw systemError(-3, 'pidfd_open', { subject });
  } finally {
    await pidfd.close();
  }
}
