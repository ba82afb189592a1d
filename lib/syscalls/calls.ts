import { NsnetError, systemError } from './errors.js';
import { CLONE, checked, checkedFd, type NamespaceType } from './excursion.js';
import { Fd } from './fd.js';
import { type Options, within } from './inside.js';
import { native } from './native.js';
import { openSocket } from './sockets.js';
import { checkInteger, checkString, invalidType, invalidValue } from './validate.js';

const INT32 = [-0x80000000, 0x7fffffff] as const;
const UINT32 = 0xffffffff;

/**
 * unshare(2): makes namespaces with nobody in them. A new user namespace maps this user to its root, and owns the
 * others made by the same call. Resolves to their descriptors, by type.
 */
export async function unshare<T extends Exclude<NamespaceType, 'pid'>>(
  types: readonly T[],
  options: Options = {},
): Promise<Record<T, number>> {
  if (!Array.isArray(types) || types.length === 0) throw invalidType('types', 'a non-empty array', types);
  let flags = 0;
  for (const type of types) {
    if (!Object.hasOwn(CLONE, type) || (type as string) === 'pid') {
      throw invalidValue('types', 'net, mnt, uts, ipc, user, cgroup or time', type);
    }
    flags |= CLONE[type as T];
  }
  const unique = [...new Set(types)];
  const names = unique.map((type) => (type === 'time' ? 'time_for_children' : type));
  return within(options, async ({ entries, ownMemory }) => {
    const made = checked(await native().unshare(entries, ownMemory, flags, names, [], false));
    return Object.fromEntries(made.map((fd, i) => [unique[i], new Fd(fd).release()])) as Record<T, number>;
  });
}

/** socket(2). The socket stays in the network namespace it was made in. SOCK_CLOEXEC is added. */
export async function socket(
  domain: number,
  type: number,
  protocol: number,
  options: Options = {},
): Promise<number> {
  checkInteger('domain', domain, 0, INT32[1]);
  checkInteger('type', type, 0, INT32[1]);
  checkInteger('protocol', protocol, 0, INT32[1]);
  return within(options, async (inside) => {
    const made = await openSocket(inside, [domain, type, protocol]);
    return made.release();
  });
}

/** open(2), the path being looked up inside. O_CLOEXEC is added. */
export async function open(
  path: string,
  flags: number,
  { mode = 0, ...options }: Options & { mode?: number } = {},
): Promise<number> {
  checkString('path', path);
  checkInteger('flags', flags, 0, INT32[1]);
  checkInteger('mode', mode, 0, 0o7777);
  return within(options, async ({ entries, ownMemory }) =>
    checkedFd(await native().open(entries, ownMemory, path, flags, mode), 'open', {
      subject: path,
    }).release(),
  );
}

/** Arguments of mount(2); those left out are NULL. */
export interface MountArguments extends Options {
  source?: string;
  target: string;
  type?: string;
  /** MS_*, up to 32 bits. Default 0. */
  flags?: number;
  data?: string;
}

/** mount(2). */
export async function mount({
  source,
  target,
  type,
  flags = 0,
  data,
  ...options
}: MountArguments): Promise<void> {
  for (const [name, value] of Object.entries({ source, type, data }))
    if (value !== undefined) checkString(name, value);
  checkString('target', target);
  checkInteger('flags', flags, 0, UINT32);
  await within(options, async ({ entries, ownMemory }) => {
    const given = [source ?? null, target, type ?? null, flags, data ?? null] as const;
    checked(await native().mount(entries, ownMemory, ...given), { subject: target });
  });
}

/** umount2(2). */
export async function umount(
  target: string,
  { flags = 0, ...options }: Options & { flags?: number } = {},
): Promise<void> {
  checkString('target', target);
  checkInteger('flags', flags, 0, INT32[1]);
  await within(options, async ({ entries, ownMemory }) =>
    checked(await native().umount(entries, ownMemory, target, flags), { subject: target }),
  );
}

/** pidfd_open(2) (Linux 5.3). */
export function pidfdOpen(pid: number): number {
  checkInteger('pid', pid, 1, INT32[1]);
  return checkedFd(native().pidfdOpen(pid), 'pidfd_open', { subject: `process ${pid}` }).release();
}

/**
 * close(2), off the event loop, of what these calls gave; EBADF where there is no such descriptor. As `fs.close` in
 * Node.js and Bun; Deno's fs knows no descriptors but those it opened itself.
 */
export async function close(fd: number): Promise<void> {
  checkInteger('fd', fd, 0, INT32[1]);
  await checkedFd(native().fdOwn(fd), 'close', { subject: `descriptor ${fd}` }).close();
}

/** What ioctl_nsfs(2) tells of a namespace. */
export interface NamespaceFacts {
  type: NamespaceType;
  inode: number;
  device: number;
  /** NS_GET_OWNER_UID, of a user namespace. */
  uid?: number;
}

/** NS_GET_NSTYPE and NS_GET_OWNER_UID (Linux 4.11). */
export function namespaceFacts(fd: number): NamespaceFacts {
  const copy = Fd.duplicate(fd);
  const info = native().nsInfo(copy.native);
  void copy.close();
  if (typeof info === 'number') throw systemError(info, 'ioctl', { subject: `descriptor ${fd}` });
  const [flag, inode, device, uid] = info;
  const type = (Object.keys(CLONE) as NamespaceType[]).find((name) => CLONE[name] === flag);
  if (!type) throw new NsnetError('ERR_NSNET_UNSUPPORTED', `a namespace of unknown type ${flag}`);
  return { type, inode, device, ...(uid >= 0 && { uid }) };
}

function related(fd: number, which: 'nsUser' | 'nsParent'): number {
  const copy = Fd.duplicate(fd);
  const found = native()[which](copy.native);
  void copy.close();
  return checkedFd(found, 'ioctl', { subject: `descriptor ${fd}` }).release();
}

/** NS_GET_USERNS (Linux 4.9): the user namespace that owns a namespace. */
export function namespaceOwner(fd: number): number {
  return related(fd, 'nsUser');
}

/** NS_GET_PARENT (Linux 4.9), of pid and user namespaces. */
export function namespaceParent(fd: number): number {
  return related(fd, 'nsParent');
}
