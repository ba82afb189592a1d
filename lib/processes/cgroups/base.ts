import { constants, existsSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { posix } from 'node:path';
import { mounts } from '../../mounts/mounts.js';
import { type NsnetError, systemError, unsupportedError } from '../../syscalls/errors.js';
import { HERE, isFailure } from '../../syscalls/excursion.js';
import { native } from '../../syscalls/native.js';
import { attributeOf } from './files.js';
import { type Hierarchy, hierarchiesOf, V1_CURE } from './hierarchies.js';

/** All of nsnet's groups are below this one, in every hierarchy: who looks for what was left behind finds it here. */
export const FOLDER = 'nsnet';
/** Where a process goes that has to leave its group: no name that create() takes. */
export const SELF = '.self';

/** Where this process's groups go, in one hierarchy. */
export interface Base {
  hierarchy: Hierarchy;
  /** The group that they are made below, a directory. */
  path: string;
  /** This process is in that very group. */
  own: boolean;
  /** Its own group, to come back to. */
  home: string;
}

const ENOENT = -2;
const ESRCH = -3;
const EROFS = -30;
/** EPERM, EACCES, EROFS: this user may not change groups there, whatever they are. */
export const REFUSED = [-1, -13, EROFS];

let known: Promise<Base[]> | undefined;

/**
 * The bases, v2's first. Found out once: that this process moves into one of its groups does not change where the
 * others are.
 */
export function bases(): Promise<Base[]> {
  known ??= find().catch((error) => {
    known = undefined;
    throw error;
  });
  return known;
}

/** The hierarchies in which a process is. ESRCH if there is no such process. */
export async function hierarchiesOfProcess(pid: number | 'self'): Promise<Hierarchy[]> {
  const read = await native().readFile(HERE.entries, HERE.ownMemory, `/proc/${pid}/cgroup`);
  if (isFailure(read)) {
    const errno = read.errno === ENOENT ? ESRCH : read.errno;
    throw systemError(errno, read.syscall, { subject: `process ${pid}` });
  }
  return hierarchiesOf(await mounts().list(), Buffer.from(read).toString());
}

async function find(): Promise<Base[]> {
  const found = await hierarchiesOfProcess('self');
  if (found.length === 0) {
    throw unsupportedError('no cgroups are mounted that show this process', {
      hint: 'In a container: start it with its cgroups (docker run --cgroupns=private); else mount them: mount -t cgroup2 cgroup2 /sys/fs/cgroup',
    });
  }
  return Promise.all(found.map(baseOf));
}

async function baseOf(hierarchy: Hierarchy): Promise<Base> {
  const { version, mount } = hierarchy;
  const home = mount + hierarchy.own;
  const own = hierarchy.own.replace(`/${FOLDER}/${SELF}`, '');
  const path = version === 1 ? own : await delegated(mount, own);
  return { hierarchy, path: mount + path, own: path === own, home };
}

/**
 * v2 lets no group with processes have limits below it, so this process's own group is the last choice. First is the
 * nearest one that systemd delegated, told by an attribute (systemd.resource-control(5), Delegate=); then the group
 * above this process's, as runc takes it, where this user may write; then its own, which it has to leave.
 */
async function delegated(mount: string, own: string): Promise<string> {
  for (let path = own; path !== ''; path = above(path)) {
    for (const name of ['user.delegate', 'trusted.delegate'])
      if ((await attributeOf(mount + path, name)) === '1') return path;
  }
  if (own === '') return own;
  const parent = above(own);
  const wanted = ['', '/cgroup.procs', '/cgroup.subtree_control'].map((file) => mount + parent + file);
  const answers = await Promise.allSettled(wanted.map((file) => access(file, constants.W_OK)));
  return answers.every(({ status }) => status === 'fulfilled') ? parent : own;
}

const above = (path: string): string => (path.lastIndexOf('/') <= 0 ? '' : posix.dirname(path));

/** Why no group can be made there, and the cure. */
export async function refusedThere({ path }: Base, errno: number, subject: string): Promise<NsnetError> {
  // Delegation of v2 would give no limits where the controllers are v1's.
  const v1 = (await bases()).some(({ hierarchy }) => hierarchy.version === 1);
  return systemError(errno, 'mkdirat', { subject: `${subject} in ${path}`, hint: cure(v1, errno) });
}

function cure(v1: boolean, errno: number): string {
  if (errno === EROFS)
    return 'The cgroups are mounted read-only, as container engines do: docker run --privileged …, or podman run --security-opt unmask=/sys/fs/cgroup …';
  if (v1) return V1_CURE;
  if (!existsSync('/run/systemd/system'))
    return "As root, give this user a group of its own and start this process in it (kernel's cgroup-v2.rst, Delegation)";
  return 'This process is not in a group that was delegated to its user: start it by systemd-run --user --scope -p Delegate=yes node …, or Delegate=yes in its unit';
}

/** What to do where a controller is not there for this process. */
export function controllerCure(version: 1 | 2 | undefined, controller: string): string {
  if (version !== 2) return `Look into /proc/cgroups and for cgroup_disable=${controller} in /proc/cmdline`;
  return process.geteuid?.() === 0
    ? `Look at cgroup.controllers of the groups above, and for cgroup_disable=${controller} in /proc/cmdline; in a unit of systemd's: Delegate=yes`
    : `Have it delegated to users: a file /etc/systemd/system/user@.service.d/delegate.conf with the lines [Service] and Delegate=cpu cpuset io memory pids; then log in anew`;
}
