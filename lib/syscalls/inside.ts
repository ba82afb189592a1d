import { statSync } from 'node:fs';
import { capable } from './capabilities.js';
import { CLONE, type Inside, type NamespaceType } from './excursion.js';
import { Fd } from './fd.js';
import { native } from './native.js';
import { checkInteger, checkKeys, checkObject, invalidType } from './validate.js';

/** A descriptor of this process, or an object that has one. */
export type Descriptor = number | { readonly fd: number };

/** A namespace file's. */
export type NamespaceFd = Descriptor;

/**
 * Which namespaces a call runs in: the given ones, and this process's own for the rest. A pid namespace cannot be
 * entered by a call: only a process started in it is in it.
 */
export type Namespaces = { readonly [T in Exclude<NamespaceType, 'pid'>]?: NamespaceFd };

export interface Options {
  inside?: Namespaces;
}

const TYPES = ['user', 'mnt', 'uts', 'ipc', 'net', 'cgroup', 'time'] as const;

/** Throws unless it is a descriptor, or has one. */
export function numberOf(name: string, given: unknown): number {
  const fd = typeof given === 'object' && given !== null ? (given as { fd?: unknown }).fd : given;
  if (typeof fd !== 'number') throw invalidType(name, 'a descriptor', given);
  checkInteger(name, fd, 0, 0x7fffffff);
  return fd;
}

/**
 * Runs a call inside. The descriptors are duplicated for as long as it takes, so closing them meanwhile is harmless.
 * A user namespace is joined first by those without CAP_SYS_ADMIN and last by those who have it, and by the stub,
 * whose memory is not ours. Those without CAP_SYS_ADMIN need to join the owner of what they enter: it is found.
 */
export async function within<T>(options: Options, work: (inside: Inside) => Promise<T>): Promise<T> {
  checkObject('options', options);
  checkKeys('options', options, ['inside']);
  const inside: Namespaces = options.inside ?? {};
  checkObject('inside', inside);
  checkKeys('inside', inside, TYPES);
  const held: Fd[] = [];
  const hold = (fd: Fd) => {
    held.push(fd);
    return fd;
  };
  try {
    const wanted = new Map<(typeof TYPES)[number], Fd>();
    for (const type of TYPES) {
      const namespace = inside[type];
      if (namespace !== undefined)
        wanted.set(type, hold(Fd.duplicate(numberOf(`inside.${type}`, namespace))));
    }
    const admin = capable('SYS_ADMIN');
    if (!admin && !wanted.has('user')) {
      const owned = [...wanted.values()][0];
      const owner = owned && native().nsUser(owned.native);
      if (owner !== undefined && typeof owner !== 'number') wanted.set('user', hold(new Fd(owner)));
    }
    for (const [type, fd] of wanted) if (isOwn(fd, type)) wanted.delete(type);
    const user = wanted.get('user');
    const join = (types: (typeof TYPES)[number][]) =>
      types.flatMap((type) => [(wanted.get(type) as Fd).native, CLONE[type]]);
    const rest = join([...wanted.keys()].filter((type) => type !== 'user'));
    const owner = user ? join(['user']) : [];
    const entries = admin ? [...rest, ...owner] : [...owner, ...rest];
    return await work({ entries, ownMemory: user !== undefined || wanted.has('time') });
  } finally {
    await Promise.all(held.map((fd) => fd.close()));
  }
}

/** A namespace that this process is in need not be joined; its own user namespace cannot be (EINVAL). */
function isOwn(fd: Fd, type: NamespaceType): boolean {
  const info = native().nsInfo(fd.native);
  try {
    return typeof info !== 'number' && info[1] === statSync(`/proc/self/ns/${type}`).ino;
  } catch {
    return false;
  }
}
