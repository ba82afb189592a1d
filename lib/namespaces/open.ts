import { capable } from '../syscalls/capabilities.js';
import { type NsnetError, systemError, withDetails } from '../syscalls/errors.js';
import { CLONE, checkedFd, HERE, type NamespaceType } from '../syscalls/excursion.js';
import { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { checkInteger, checkObject, checkString, invalidType } from '../syscalls/validate.js';
import { findNamespace } from './census.js';
import type { NamespaceInfo, NamespaceSource } from './namespace.js';
import { checkType } from './types.js';

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

/** How many of the processes in it are asked before all are. */
const MOST_TRIED = 8;

async function openListed(info: NamespaceInfo): Promise<Fd> {
  const { id, uniqueId, type, path, pids = [], name } = info;
  checkType(type);
  checkInteger('source.id', id, 0, Number.MAX_SAFE_INTEGER);
  if (uniqueId !== undefined) checkInteger('source.uniqueId', uniqueId, 0, Number.MAX_SAFE_INTEGER);
  if (path !== undefined) checkString('source.path', path);
  if (!Array.isArray(pids)) throw invalidType('source.pids', 'an array', pids);
  const label = name === undefined ? -2 : native().labelled(name);
  if (typeof label !== 'number') {
    const fd = new Fd(label);
    if (isMeant(fd, info)) return fd;
    await fd.close();
  }
  const candidates = pids.slice(0, MOST_TRIED).map((pid) => `/proc/${pid}/ns/${type}`);
  // What a number of another process's, or its mounts, mean by now may be anything, and opening it may never end.
  if (path !== undefined && (!path.startsWith('/proc/') || NAMESPACE_FILE.test(path)))
    candidates.unshift(path);
  for (const candidate of candidates) {
    const fd = await openPath(candidate).catch(() => undefined);
    if (fd && isMeant(fd, info)) return fd;
    await fd?.close();
  }
  const first = Number(/^\/proc\/(\d{1,9})\//.exec(path ?? '')?.[1] ?? 0);
  const found = await findNamespace(info, first);
  if (found) return found;
  throw systemError(-116, 'open', {
    subject: `${type} namespace ${id}`,
    hint: 'It is gone, or kept only by what this process may not look into',
  });
}

const NAMESPACE_FILE = /^\/proc\/\d+(\/task\/\d+)?\/ns\/\w+$/;

function isMeant(fd: Fd, { type, id, uniqueId }: NamespaceInfo): boolean {
  const info = native().nsInfo(fd.native);
  if (typeof info === 'number' || info[0] !== CLONE[type] || info[1] !== id) return false;
  return !uniqueId || !info[4] || info[4] === uniqueId;
}

/** The kernel lets a process look into those that it could trace. */
function lookHint(): string {
  return capable('SYS_PTRACE')
    ? 'It is of a user namespace further out, or a security module keeps it from being looked into'
    : "It is another user's, or has capabilities that this process lacks: looking into it takes CAP_SYS_PTRACE";
}

export async function openOfProcess(process: ProcessSource, type: NamespaceType): Promise<Fd> {
  const [fd] = await openAllOfProcess(process, [type]);
  return fd as Fd;
}

/** A process by its number, or one that spawn() gave, which is held by a descriptor already. */
export type ProcessSource = number | { readonly pid: number; readonly pidfd?: number };

function hold(process: ProcessSource, pid: number, subject: string): Fd {
  const own = typeof process === 'object' ? process.pidfd : undefined;
  if (own === undefined) return checkedFd(native().pidfdOpen(pid), 'pidfd_open', { subject });
  if (own < 0) throw systemError(-3, 'pidfd_open', { subject });
  return Fd.duplicate(own);
}

/** Opened between taking hold of the process and seeing that it still lives, so the pid cannot mean another. */
export async function openAllOfProcess(
  process: ProcessSource,
  types: readonly NamespaceType[],
): Promise<Fd[]> {
  const pid = typeof process === 'object' && process !== null ? process.pid : process;
  if (typeof pid !== 'number') throw invalidType('pid', 'a number or a Process', pid);
  checkInteger('pid', pid, 1, 0x7fffffff);
  const subject = `process ${pid}`;
  const pidfd = hold(process, pid, subject);
  const opened: Fd[] = [];
  try {
    for (const type of types) {
      const fd = await openPath(`/proc/${pid}/ns/${type}`, subject).catch((error: NsnetError) => {
        if (native().pidfdExited(pidfd.native)) throw systemError(-3, 'open', { subject });
        throw error.code === 'EACCES' ? withDetails(error, { hint: lookHint() }) : error;
      });
      opened.push(fd);
    }
    if (native().pidfdExited(pidfd.native)) throw systemError(-3, 'pidfd_open', { subject });
    return opened;
  } catch (error) {
    await Promise.all(opened.map((fd) => fd.close()));
    throw error;
  } finally {
    await pidfd.close();
  }
}
