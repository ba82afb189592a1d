// What the kernel itself has against a new user namespace.
import { direct, setSysctl } from '../check.js';
import { mountsOf } from '../mountinfo.js';
import type { Probes } from '../probes.js';
import { denied, type FindCause } from './cause.js';

const LIMIT = 'user.max_user_namespaces';

/** One line of a map: ids from `inside` on, `count` of them. */
interface Range {
  inside: number;
  outside: number;
  count: number;
}

async function map(probe: Probes, kind: 'uid' | 'gid'): Promise<Range[] | undefined> {
  const text = await probe.text(`/proc/self/${kind}_map`);
  if (text === undefined) return undefined;
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number);
      return { inside, outside, count };
    });
}

async function isNested(probe: Probes): Promise<boolean> {
  const ranges = await map(probe, 'uid');
  return ranges !== undefined && ranges[0]?.count !== 0xffffffff;
}

export const missing: FindCause = async (probe, { call, code }) => {
  const absent = code === 'EINVAL' && (await probe.identity('/proc/self/ns/user')) === undefined;
  if (call !== 'unshare' || !absent || (await probe.identity('/proc/self/ns/mnt')) === undefined)
    return undefined;
  return {
    why: 'this kernel was built without user namespaces',
    cure: 'Boot a kernel with CONFIG_USER_NS=y; those of the distributions have it',
  };
};

export const limit: FindCause = async (probe, { call, code }) => {
  if (call !== 'unshare' || (code !== 'ENOSPC' && code !== 'EUSERS')) return undefined;
  const most = await probe.text(`/proc/sys/${LIMIT.replaceAll('.', '/')}`);
  if (most === '0') return { why: `${LIMIT} is 0`, cure: setSysctl(LIMIT, 15000) };
  const usedUp = `the ${most ?? 'unknown number of'} user namespaces that ${LIMIT} allows are used up`;
  const raise = `End what holds them (lsns -t user), or raise the limit: ${setSysctl(LIMIT, 2 * (Number(most) || 15000))}`;
  if (!(await isNested(probe))) return { why: usedUp, cure: raise };
  const deep = 'user namespaces are nested 33 deep here, the most there can be';
  const further = 'Start this program further out';
  // As many as that are never used up; a limit of a namespace around this one may be, and cannot be seen.
  if (Number(most) > 1e6)
    return {
      why: `${deep}, or those that a namespace around this one allows are used up`,
      cure: `${further}, or raise ${LIMIT} outside (bwrap: without --disable-userns)`,
    };
  return {
    why: `${usedUp}, or ${deep}`,
    cure: `${raise}. If they are nested too deep: ${further.toLowerCase()}`,
  };
};

/** Debian's and Arch's own switch. */
export const clone: FindCause = async (probe, refusal) => {
  const key = 'kernel.unprivileged_userns_clone';
  if (refusal.code !== 'EPERM' || refusal.call !== 'unshare' || probe.capable('SYS_ADMIN')) return undefined;
  if ((await probe.text(`/proc/sys/${key.replaceAll('.', '/')}`)) !== '0') return undefined;
  return { why: `${key} is 0`, cure: setSysctl(key, 1) };
};

export const unmapped: FindCause = async (probe, refusal) => {
  if (!denied(refusal)) return undefined;
  for (const [kind, id] of [
    ['uid', probe.uid],
    ['gid', probe.gid],
  ] as const) {
    const ranges = await map(probe, kind);
    if (!ranges || ranges.some(({ inside, count }) => id >= inside && id < inside + count)) continue;
    return {
      why: `this process's ${kind} has no meaning in the user namespace it is in (/proc/self/${kind}_map)`,
      cure: 'Map it when that namespace is made: unshare --map-root-user, or --userns=keep-id of podman run',
    };
  }
  return undefined;
};

/** Since 5.12 the root of a namespace may be mapped only by who could give files capabilities there. */
export const rootWithoutSetfcap: FindCause = async (probe, { call, code }) => {
  if (call !== 'write' || code !== 'EPERM' || probe.uid !== 0 || probe.capable('SETFCAP')) return undefined;
  return {
    why: 'root without CAP_SETFCAP may not map itself into a user namespace',
    cure: 'Run it as an ordinary user (setpriv --reuid=USER node …, docker run --user 1000 …), or leave it CAP_SETFCAP (docker run --cap-add SETFCAP …)',
  };
};

export const undumpable: FindCause = async (probe, { call, code }) => {
  if (call !== 'openat' || code !== 'EACCES' || probe.dumpable()) return undefined;
  return {
    why: 'this process changed its user or gave up capabilities, so that it may not write maps, and the stub did not do it',
    cure: 'Start it as the user it is to run as: setpriv --reuid=USER node …, or User= in the unit',
  };
};

/** The kernel refuses user namespaces to who has another root directory than its mount namespace. */
export const chroot: FindCause = async (probe, refusal) => {
  if (refusal.code !== 'EPERM' || refusal.call !== 'unshare') return undefined;
  const mounts = await mountsOf(probe);
  const noRoot = mounts.length > 0 && !mounts.some(({ target }) => target === '/');
  if (!noRoot && !(await rootDiffers(probe))) return undefined;
  return {
    why: 'this process was started in a chroot, where the kernel makes no user namespaces',
    cure: direct(probe)
      ? 'Nothing to do for namespaces, links and ping; for the rest use pivot_root(2), or bwrap, instead of chroot'
      : 'Use pivot_root(2) instead of chroot(2), as bwrap, systemd-nspawn and container engines do, or run it with CAP_SYS_ADMIN and CAP_NET_ADMIN',
  };
};

/** Compared with the first process's, if that is in the same mount namespace and may be looked at. */
async function rootDiffers(probe: Probes): Promise<boolean> {
  const [own, first, root, firstRoot] = await Promise.all(
    ['/proc/self/ns/mnt', '/proc/1/ns/mnt', '/', '/proc/1/root/'].map((path) => probe.identity(path)),
  );
  return own !== undefined && own === first && firstRoot !== undefined && root !== firstRoot;
}
