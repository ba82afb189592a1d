import { constants } from 'node:fs';
import { AT, O_CLOEXEC, O_PATH } from '../mounts/constants.js';
import type { Source } from '../mounts/source.js';
import { capable } from '../syscalls/capabilities.js';
import { CLONE } from '../syscalls/excursion.js';
import type { Fd } from '../syscalls/fd.js';
import { type Step, Steps } from '../syscalls/steps.js';
import type { Placement as GroupPlacement } from './cgroups/placement.js';
import { F_DUPFD_CLOEXEC, PR, RLIMIT, SIGKILL } from './constants.js';
import type { ContainerTree } from './container-root.js';
import { addFilter } from './filter.js';
import { addEarly, type Furnished } from './furnishing.js';
import { addIdentity } from './identity.js';
import type { Placement } from './namespaces.js';
import { addRoot, prepareRoot } from './root.js';
import type { IdRange, Resource, SpawnOptions } from './types.js';

const PR_SET_DUMPABLE_OFF = 0;
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface Start {
  file: string;
  args: readonly string[];
  options: SpawnOptions;
  placement: Placement;
  root: Source | ContainerTree | undefined;
  furnished: Furnished | undefined;
  /** Null is the null device. */
  stdio: readonly (Fd | null)[];
  group: GroupPlacement | undefined;
}

/** What the stub does to become the process, and what is written from outside meanwhile. */
export interface Plan {
  steps: Steps;
  writes: string[];
  /** What a step is about, for errors. */
  subjects: Map<number, string>;
}

/** The order is the kernel's: each step needs what those before it gave, and loses what those behind it need. */
export function plan(start: Start): Plan {
  const { options, placement, root, stdio, furnished } = start;
  const steps = new Steps();
  const subjects = new Map<number, string>();
  const about = (subject: string, step: Step) => subjects.set(step.number, subject);
  steps.add('aside', [stdio.length, amongWhom(placement)]);
  const device = stdio.includes(null) ? addNullDevice(steps, about) : undefined;
  const held = stdio.map((fd) => steps.add('fcntl', [fd ?? (device as Step), F_DUPFD_CLOEXEC, stdio.length]));
  const diesBy = options.detached ? 0 : SIGKILL;
  addGroup(steps, start.group, diesBy);
  const prepared = prepareRoot(steps, root, about);
  const early = furnished && placement.ownsNetwork ? furnished : undefined;
  const writes = addNamespaces(steps, start, diesBy, early && (() => addEarly(steps, early, about)));
  if (placement.made.has('mnt')) {
    const shows = (type: 'pid' | 'net' | 'ipc') => placement.made.has(type) || placement.joined.has(type);
    const net = shows('net') && early?.sys === undefined;
    addRoot(
      steps,
      prepared,
      { pid: shows('pid'), net, ipc: shows('ipc') },
      furnished,
      early ? undefined : about,
    );
  }
  for (const [number, fd] of held.entries()) steps.add('dup3', [fd, number, 0]);
  steps.add('forget', [held.length]);
  // A limit of descriptors is one for these, too.
  addSettings(steps, options);
  if (options.cwd !== undefined) about(options.cwd, steps.add('chdir', [options.cwd]));
  // A working directory of another mount namespace leads out of this one (CVE-2024-21626).
  if (placement.joined.has('mnt') || placement.made.has('mnt'))
    about('the working directory', steps.add('inside', []));
  addLife(steps, start, diesBy);
  if (options.terminal) steps.add('tiocsctty', []);
  steps.add('ready', []);
  const filter = addFilter(steps, options, placement);
  if (filter) about('the seccomp filter', filter);
  about(start.file, addExec(steps, start));
  return { steps, writes, subjects };
}

/** As in native/stub/stub.c: among whom the stub is when it ends, whose root and descriptors are this process's. */
function amongWhom({ joined, made }: Placement): number {
  if (joined.size === 0 && made.has('pid')) return 0;
  return joined.has('mnt') ? 2 : 1;
}

/** By the stub, which needs no thread to close it again. */
function addNullDevice(steps: Steps, about: (subject: string, step: Step) => void): Step {
  const path = '/dev/null';
  const device = steps.add('openat', [AT.FDCWD, path, constants.O_RDWR | O_CLOEXEC, 0]);
  about(path, device);
  return device;
}

/** First of all: a cgroup namespace shows as its root the group that its maker is in. */
function addGroup(steps: Steps, group: GroupPlacement | undefined, diesBy: number): void {
  if (!group) return;
  for (const procs of group.procs) steps.add('write', [procs, Buffer.from('0')]);
  if (group.directory) steps.add('fork', [group.directory, diesBy]);
}

/** Enters, makes, maps; goes on in another process where these namespaces are for children. */
function addNamespaces(
  steps: Steps,
  { placement, options }: Start,
  diesBy: number,
  furnish: (() => void) | undefined,
): string[] {
  const { outer } = placement;
  const { timeOffsets } = options;
  const self = (outer || timeOffsets) && steps.add('openat', [AT.FDCWD, '/proc/self', O_PATH | O_CLOEXEC, 0]);
  const hide = () => steps.add('prctl', [PR.SET_DUMPABLE, PR_SET_DUMPABLE_OFF, 0, 0, 0]);
  // Its own maps an ordinary user's process can write only while it may be dumped. Nobody else is where it is then.
  const late = (outer !== undefined || options.newuidmap === true) && !capable('SYS_ADMIN');
  if (!late) hide();
  const { first, last } = placement.order;
  for (const [fd, type] of first) steps.add('setns', [fd, CLONE[type]]);
  furnish?.();
  for (const [fd, type] of last) steps.add('setns', [fd, CLONE[type]]);
  // What was furnished is in a mount namespace already; in another user namespace it needs one that belongs to that.
  const other = placement.made.has('user') || last.length > 0;
  const flags = furnish && !other ? placement.flags & ~CLONE.mnt : placement.flags;
  if (flags !== 0) steps.add('unshare', [flags]);
  const writes: string[] = [];
  if (self && outer) addOwnMaps(steps, self, outer);
  else if (options.uidMap && options.gidMap) {
    writes.push('/proc/%p/uid_map', mapOf(options.uidMap), '/proc/%p/gid_map', mapOf(options.gidMap));
    steps.add('sync', []);
  }
  if (self && timeOffsets) addOffsets(steps, self, timeOffsets);
  if (late) hide();
  if (placement.forChildren) steps.add('fork', [-1, diesBy]);
  return writes;
}

function addOwnMaps(steps: Steps, self: Step, outer: { uid: number; gid: number }): void {
  const write = (name: string, text: string) =>
    steps.add('write', [
      steps.add('openat', [self, name, constants.O_WRONLY | O_CLOEXEC, 0]),
      Buffer.from(text),
    ]);
  write('setgroups', 'deny');
  write('uid_map', `0 ${outer.uid} 1`);
  write('gid_map', `0 ${outer.gid} 1`);
}

/** time_namespaces(7); before anybody is in it. */
function addOffsets(steps: Steps, self: Step, offsets: NonNullable<SpawnOptions['timeOffsets']>): void {
  const lines = Object.entries(offsets).map(([clock, ms]) => {
    const nanoseconds = BigInt(Math.round(ms * 1e6));
    const second = 1_000_000_000n;
    const fraction = ((nanoseconds % second) + second) % second;
    return `${clock} ${(nanoseconds - fraction) / second} ${fraction}\n`;
  });
  const file = steps.add('openat', [self, 'timens_offsets', constants.O_WRONLY | O_CLOEXEC, 0]);
  steps.add('write', [file, Buffer.from(lines.join(''))]);
}

const mapOf = (ranges: readonly IdRange[]): string =>
  ranges.map(({ inside, outside, count }) => `${inside} ${outside} ${count}\n`).join('');

/** In a user namespace that is not this process's own it is root unless told otherwise. */
function withIds(options: SpawnOptions, { joined, made }: Placement): SpawnOptions {
  if (!joined.has('user') && !(made.has('user') && options.uidMap)) return options;
  // Where it has but one id it has that already.
  if (made.has('user') && !options.uidMap) return options;
  return { ...options, uid: options.uid ?? 0, gid: options.gid ?? 0 };
}

function addSettings(steps: Steps, { hostname, domainname, rlimits, umask, nice }: SpawnOptions): void {
  if (hostname !== undefined) steps.add('sethostname', [Buffer.from(hostname)]);
  if (domainname !== undefined) steps.add('setdomainname', [Buffer.from(domainname)]);
  for (const [name, limit] of Object.entries(rlimits ?? {})) {
    const pair = typeof limit === 'number' ? [limit, limit] : limit;
    const bytes = Buffer.alloc(16);
    for (const [i, one] of pair.entries())
      bytes.writeBigUInt64LE(one === Infinity ? 0xffffffffffffffffn : BigInt(one), i * 8);
    steps.add('setrlimit', [0, RLIMIT[name as Resource], bytes]);
  }
  if (umask !== undefined) steps.add('umask', [umask]);
  if (nice !== undefined) steps.add('setpriority', [0, 0, nice]);
}

/** What it dies with, its signals, its session, and who it is. */
function addLife(steps: Steps, { options, placement, group }: Start, diesBy: number): void {
  const { init = false, detached = false, terminal = false, root } = options;
  // A group of processes reaches across namespaces: its own, or kill(0) in a container would be the end of Node.
  const apart =
    root !== undefined ||
    (['pid', 'mnt'] as const).some((type) => placement.joined.has(type) || placement.made.has(type));
  const session = detached || terminal || apart;
  const bind = () => {
    steps.add('prctl', [PR.SET_PDEATHSIG, diesBy, 0, 0, 0]);
    steps.add('alive', []);
  };
  if (init) {
    if (session) steps.add('setsid', []);
    bind();
    steps.add('init', []);
  }
  steps.add('signals', []);
  if (session) steps.add('setsid', []);
  const denied = placement.joined.has('user') || placement.outer !== undefined;
  const changed = addIdentity(steps, withIds(options, placement), denied);
  // A fork has done so, but a change of ids takes it away; whoever started this may have gone before.
  const forked = placement.forChildren || group?.directory !== undefined;
  if (!init && (changed || !forked)) bind();
}

function addExec(steps: Steps, { file, args, options }: Start): Step {
  const { env = {} } = options;
  const words = Object.entries(env).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${value}`],
  );
  const paths = file.includes('/')
    ? [file]
    : (env.PATH ?? DEFAULT_PATH).split(':').map((directory) => `${directory || '.'}/${file}`);
  return steps.add('exec', [paths, [file, ...args], words]);
}
