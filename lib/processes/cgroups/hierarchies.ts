import type { MountInfo } from '../../mounts/info.js';

/** What nsnet limits, freezes and counts, by the names of cgroup v2. */
export type Controller = 'cpu' | 'cpuset' | 'memory' | 'pids' | 'io';

/** A tree of cgroups that is mounted, and where in it a process is. */
export interface Hierarchy {
  version: 1 | 2;
  /** Of v1, as the kernel names them there ('cpuacct', 'blkio', 'freezer'); of v2 none, since each group has its own. */
  controllers: string[];
  /** Where it is mounted. */
  mount: string;
  /** The process's group below that: '' for the mount itself, else '/user.slice/…'. */
  own: string;
}

/** What an ordinary user is told where v1 is mounted, beside v2 or alone. */
export const V1_CURE = 'cgroup v1 is for root: run it with sudo, or boot with cgroup v2';

/** Controllers of v1 that are of use here. */
const KNOWN = ['cpu', 'cpuacct', 'cpuset', 'memory', 'pids', 'blkio', 'freezer'];

/**
 * The hierarchies that a process sees, v2 first, from its mounts and the text of its /proc/<pid>/cgroup
 * (cgroups(7)). One whose mount does not show the process's own group is left out: it belongs to somebody else.
 */
export function hierarchiesOf(mounts: readonly MountInfo[], membership: string): Hierarchy[] {
  const found: Hierarchy[] = [];
  for (const line of membership.split('\n')) {
    const [, list, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (list === undefined || path === undefined) continue;
    const version = list === '' ? 2 : 1;
    const controllers = list.split(',').filter((name) => KNOWN.includes(name));
    if (version === 1 && controllers.length === 0) continue;
    const fits = ({ type, superOptions }: MountInfo) =>
      version === 2
        ? type === 'cgroup2'
        : type === 'cgroup' && controllers.every((name) => superOptions.includes(name));
    for (const { root, target } of mounts.filter((mount) => fits(mount) && isVisible(mount, mounts))) {
      const own = below(root, path);
      if (own === undefined) continue;
      found.push({ version, controllers, mount: target, own });
      break;
    }
  }
  return found.sort((a, b) => b.version - a.version || rank(a) - rank(b));
}

/** The same order for everybody, so that all agree which one is first. */
function rank({ controllers }: Hierarchy): number {
  return KNOWN.indexOf(controllers[0] ?? '');
}

/** Nothing that was mounted later hides it. */
function isVisible(mount: MountInfo, mounts: readonly MountInfo[]): boolean {
  const later = mounts.slice(mounts.indexOf(mount) + 1);
  return !later.some(
    ({ target, parent }) =>
      (target === mount.target && parent === mount.id) ||
      (mount.target.startsWith(`${target}/`) && parent !== mount.id),
  );
}

/** `path` as seen below `root`; undefined where it is not below it, as in another cgroup namespace ('/../x'). */
function below(root: string, path: string): string | undefined {
  const plain = path.replace(/ \(deleted\)$/, '');
  if (plain.startsWith('/..') || root.startsWith('/..')) return undefined;
  if (plain === root) return '';
  if (root === '/') return plain;
  return plain.startsWith(`${root}/`) ? plain.slice(root.length) : undefined;
}
