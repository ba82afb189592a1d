import { CLONE, type Inside, type NamespaceType } from './excursion.js';
import { Fd } from './fd.js';
import { native } from './native.js';
import { checkInteger, checkKeys, checkObject, invalidType } from './validate.js';

/** A namespace file's descriptor, or an object that has one. */
export type NamespaceFd = number | { readonly fd: number };

/**
 * Which namespaces a call runs in: the given ones, and this process's own for the rest. A pid namespace cannot be
 * entered by a call: only a process started in it is in it.
 */
export type Namespaces = { readonly [T in Exclude<NamespaceType, 'pid'>]?: NamespaceFd };

export interface Options {
  inside?: Namespaces;
}

const TYPES = ['user', 'mnt', 'uts', 'ipc', 'net', 'cgroup', 'time'] as const;
const CAP_SYS_ADMIN = 21;

function numberOf(namespace: unknown, type: string): number {
  const fd =
    typeof namespace === 'object' && namespace !== null ? (namespace as { fd?: unknown }).fd : namespace;
  if (typeof fd !== 'number') throw invalidType(`inside.${type}`, 'a descriptor', namespace);
  checkInteger(`inside.${type}`, fd, 0, 0x7fffffff);
  return fd;
}

function maySetAdmin(): boolean {
  const sets = native().capabilities();
  return typeof sets !== 'number' && (sets[0] & (1 << CAP_SYS_ADMIN)) !== 0;
}

/**
 * Runs a call inside. The descriptors are duplicated for as long as it takes, so closing them meanwhile is harmless.
 * A user namespace is joined first by those without CAP_SYS_ADMIN and last by those who have it, and by the stub,
 * whose memory is not ours.
 */
export async function within<T>(options: Options, work: (inside: Inside) => Promise<T>): Promise<T> {
  checkObject('options', options);
  checkKeys('options', options, ['inside']);
  const inside: Namespaces = options.inside ?? {};
  checkObject('inside', inside);
  checkKeys('inside', inside, TYPES);
  const held: Fd[] = [];
  try {
    const join = (type: (typeof TYPES)[number]) => {
      const namespace = inside[type];
      if (namespace === undefined) return [];
      const fd = Fd.duplicate(numberOf(namespace, type));
      held.push(fd);
      return [fd.native, CLONE[type]];
    };
    const user = join('user');
    const rest = TYPES.filter((type) => type !== 'user').flatMap(join);
    const entries = maySetAdmin() ? [...rest, ...user] : [...user, ...rest];
    return await work({ entries, ownMemory: inside.user !== undefined || inside.time !== undefined });
  } finally {
    await Promise.all(held.map((fd) => fd.close()));
  }
}
