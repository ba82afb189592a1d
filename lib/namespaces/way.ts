import { CLONE, HERE, type Inside } from '../syscalls/excursion.js';
import { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { privileged } from './credentials.js';
import { ownNamespaceId } from './own.js';

/** The way into a namespace, and what must stay open for as long as it is used. */
export interface Way {
  readonly inside: Inside;
  readonly owner?: Fd;
}

function isOwn(fd: Fd, type: 'net' | 'user'): boolean {
  const info = native().nsInfo(fd.native);
  return typeof info !== 'number' && info[1] === ownNamespaceId(type);
}

/**
 * How this process gets into a network namespace, which is decided by what it may do:
 * - it is there already: no excursion;
 * - it has CAP_SYS_ADMIN: a clone joins the network namespace alone and keeps its user namespace, so that nobody
 *   inside can trace it;
 * - else it joins the owning user namespace first, where whoever is inside could trace it: by the stub, whose memory
 *   is not Node's.
 */
export function wayInto(fd: Fd): Way {
  if (isOwn(fd, 'net')) return { inside: HERE };
  const alone: Inside = { entries: [fd.native, CLONE.net], ownMemory: false };
  if (privileged()) return { inside: alone };
  const related = native().nsUser(fd.native);
  if (typeof related === 'number') return { inside: alone };
  const owner = new Fd(related);
  if (isOwn(owner, 'user')) return { inside: alone, owner };
  const entries = [owner.native, CLONE.user, fd.native, CLONE.net];
  return { inside: { entries, ownMemory: true }, owner };
}
