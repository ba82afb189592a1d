import { CLONE } from '../syscalls/excursion.js';
import { Fd } from '../syscalls/fd.js';
import type { Outcome, Step, Steps } from '../syscalls/steps.js';
import { AT, FSCONFIG, FSOPEN_CLOEXEC, MOUNT_ATTR, MS, O_CLOEXEC, O_PATH, OPEN_TREE } from './constants.js';
import { configure, type FsOption, finish, MAX_VALUE } from './filesystem.js';
import { runMaking } from './place.js';
import { renamedMeanwhile } from './renames.js';
import type { Source } from './source.js';
import type { Target } from './target.js';

/** What an overlay consists of, the topmost lower first. */
export interface Layers {
  lower: readonly Source[];
  upper?: Source;
  work?: Source;
  source: string;
  options: readonly FsOption[];
  attributes: number;
  /** Where it is attached in the same go, if that can be. */
  target?: Target;
}

/**
 * How the kernel is told its layers; none puts a path of the caller's into an option string:
 * - fd: descriptors, FSCONFIG_SET_FD (detached mounts and O_PATH descriptors from Linux 6.15 on), and by name those
 *   whose name can mean but one thing;
 * - string: the clone goes into each directory, which is '.' then, one option a layer ('lowerdir+', Linux 6.7);
 * - page: the stub numbers its descriptors, and names them in the one page of mount(2).
 */
export type OverlayWay = 'fd' | 'string' | 'page';

export interface Making {
  mount: Step;
  log: Step[];
  outcome: Outcome;
  /** The layers that steps were about, for errors. */
  opened: Opened;
  /** What attached it, or failed to. */
  attached?: Step;
  /** The descriptor that locks its work. */
  locked?: Step;
}

/**
 * Two overlays with one upper and work break each other, of which the kernel without `index` only warns in its log. So
 * each locks its work, for as long as it is held; kill -9 ends that as well. Unlocked and not only closed: whatever is
 * cloned from this process has the descriptor, too, until it has become another program.
 */
function lock(steps: Steps, { work }: Layers, opened: Opened): Step | undefined {
  if (!work) return undefined;
  const directory = work.readDirectory(steps, { keep: true });
  about(work, opened, directory);
  about(work, opened, steps.add('flock', [directory]));
  return directory;
}

/** The last step: of what failed nothing is locked. */
function unlock(steps: Steps, directory: Step | undefined): void {
  if (directory) steps.add('funlock', [directory], { afterFailure: true });
}

type Opened = Map<number, Source>;

function about(layer: Source, opened: Opened, step: Step): void {
  opened.set(step.number, layer);
}

/** Opens a layer, and remembers that the step was about it. */
function open(steps: Steps, layer: Source, opened: Opened): Step | Fd {
  const step = layer.openDirectory(steps);
  if (!(step instanceof Fd)) opened.set(step.number, layer);
  return step;
}

/**
 * Whether its path says the same to fsconfig(2), which takes 255 bytes, and of some keys takes escapes back. One call
 * then does what else takes three.
 */
const isPlain = ({ path, detached, held }: Source): boolean =>
  !detached && !held && !/[\\:,]/.test(path) && Buffer.byteLength(path) <= MAX_VALUE;

async function byFd(layers: Layers): Promise<Making> {
  const made = await byFdOrName(layers, true);
  const { failed } = made.outcome;
  // By its name alone the kernel does not say what is wrong with a layer.
  return failed && made.opened.has(failed.number) ? byFdOrName(layers, false) : made;
}

async function byFdOrName(layers: Layers, named: boolean): Promise<Making> {
  const { lower, upper, work, source, options, attributes, target } = layers;
  const opened: Opened = new Map();
  let end: ReturnType<typeof finish> | undefined;
  let attached: Step | undefined;
  let locked: Step | undefined;
  const outcome = await runMaking((steps) => {
    locked = lock(steps, layers, opened);
    const context = steps.add('fsopen', ['overlay', FSOPEN_CLOEXEC]);
    configure(steps, context, [['source', source], ...options]);
    const set = (key: string, layer: Source) => {
      const step =
        named && isPlain(layer)
          ? steps.add('fsconfig', [context, FSCONFIG.SET_STRING, key, layer.path, 0])
          : steps.add('fsconfig_fd', [context, FSCONFIG.SET_FD, key, null, open(steps, layer, opened)]);
      about(layer, opened, step);
    };
    for (const layer of lower) set('lowerdir+', layer);
    if (upper !== undefined) set('upperdir', upper);
    if (work !== undefined) set('workdir', work);
    end = finish(steps, context, attributes);
    attached = target?.addAttach(steps, end.mount);
    unlock(steps, locked);
  });
  return { ...(end as ReturnType<typeof finish>), outcome, opened, attached, locked };
}

async function byString(layers: Layers): Promise<Making> {
  const { lower, upper, work, source, options, attributes, target } = layers;
  const opened: Opened = new Map();
  let end: ReturnType<typeof finish> | undefined;
  let attached: Step | undefined;
  let locked: Step | undefined;
  const outcome = await runMaking(
    (steps) => {
      locked = lock(steps, layers, opened);
      const context = steps.add('fsopen', ['overlay', FSOPEN_CLOEXEC]);
      configure(steps, context, [['source', source], ...options]);
      const set = (key: string, layer: Source) => {
        steps.add('fchdir', [open(steps, layer, opened)]);
        about(layer, opened, steps.add('fsconfig', [context, FSCONFIG.SET_STRING, key, '.', 0]));
      };
      for (const layer of lower) set('lowerdir+', layer);
      if (upper !== undefined) set('upperdir', upper);
      if (work !== undefined) set('workdir', work);
      end = finish(steps, context, attributes);
      attached = target?.addAttach(steps, end.mount);
      unlock(steps, locked);
    },
    { move: true },
  );
  return { ...(end as ReturnType<typeof finish>), outcome, opened, attached, locked };
}

/** The stub keeps so many descriptors, and what it opens then is numbered from there on: its socket is the last of them. */
const KEPT = 3;

/** So that what is opened for 500 layers has numbers below these, and all are below a limit of 1,024. */
const FIRST_NUMBER = 520;

/** As mount(2) has them; the first four are the same. */
function oldFlags(attributes: number): number {
  const others = [
    [MOUNT_ATTR.NOATIME, MS.NOATIME],
    [MOUNT_ATTR.STRICTATIME, MS.STRICTATIME],
    [MOUNT_ATTR.NODIRATIME, MS.NODIRATIME],
    [MOUNT_ATTR.NOSYMFOLLOW, MS.NOSYMFOLLOW],
  ] as const;
  return others.reduce((flags, [is, was]) => (attributes & is ? flags | was : flags), attributes & 0xf);
}

async function byPage(layers: Layers): Promise<Making> {
  const { lower, upper, work, source, options, attributes } = layers;
  const opened: Opened = new Map();
  let mount: Step | undefined;
  let locked: Step | undefined;
  const outcome = await runMaking(
    (steps) => {
      // Its socket has the number that it has here, which may be any. close_range(2) is Linux 5.9.
      steps.add('forget', [KEPT], { optional: true });
      locked = lock(steps, layers, opened);
      steps.add('unshare', [CLONE.mnt]);
      steps.add('mount', [null, '/', null, MS.REC | MS.PRIVATE, null]);
      let next = FIRST_NUMBER;
      const numberOf = (layer: Source) => {
        steps.add('dup3', [open(steps, layer, opened), next, 0]);
        return String(next++);
      };
      const words = [`lowerdir=${lower.map(numberOf).join(':')}`];
      if (upper !== undefined) words.push(`upperdir=${numberOf(upper)}`);
      if (work !== undefined) words.push(`workdir=${numberOf(work)}`);
      for (const [key, value] of options) words.push(value === true ? key : `${key}=${value}`);
      // Where the numbers are names. What is mounted on /proc then is seen by nobody: this mount namespace ends here.
      steps.add('chdir', ['/proc/self/fd']);
      steps.add('mount', [source, '/proc', 'overlay', oldFlags(attributes), words.join(',')]);
      const flags = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC;
      mount = steps.add('open_tree', [AT.FDCWD, '/proc', flags], { keep: true });
      unlock(steps, locked);
    },
    { ownMemory: true },
  );
  return { mount: mount as Step, log: [], outcome, opened, locked };
}

const ways: Record<OverlayWay, (layers: Layers) => Promise<Making>> = {
  fd: byFd,
  string: byString,
  page: byPage,
};

let forced: OverlayWay | undefined;
let probed: Promise<OverlayWay> | undefined;

/** @internal For tests: another way than the kernel's best. */
export function forceOverlayWay(way: OverlayWay | undefined): void {
  forced = way;
}

/** The best this kernel has, found by doing, once. */
export function overlayWay(): Promise<OverlayWay> {
  if (forced) return Promise.resolve(forced);
  probed ??= probe();
  return probed;
}

async function probe(): Promise<OverlayWay> {
  let byDescriptor: Step | undefined;
  let one: Step | undefined;
  let nonsense: Step | undefined;
  const outcome = await runMaking(
    (steps) => {
      const context = steps.add('fsopen', ['overlay', FSOPEN_CLOEXEC]);
      const root = steps.add('openat', [AT.FDCWD, '/', O_PATH | O_CLOEXEC, 0]);
      const optional = { optional: true };
      byDescriptor = steps.add('fsconfig_fd', [context, FSCONFIG.SET_FD, 'lowerdir+', null, root], optional);
      one = steps.add('fsconfig', [context, FSCONFIG.SET_STRING, 'lowerdir+', '/', 0], optional);
      nonsense = steps.add('fsconfig', [context, FSCONFIG.SET_STRING, 'nonsense', 'x', 0], optional);
    },
    { move: true },
  );
  // Before 6.5 the options are only kept until the end, whatever they are: all are taken now, and refused then.
  if (outcome.failed || outcome.result(nonsense as Step) === 0) return 'page';
  if (outcome.result(byDescriptor as Step) === 0) return 'fd';
  return outcome.result(one as Step) === 0 ? 'string' : 'page';
}

/** Makes it, detached. */
export async function makeOverlay(layers: Layers): Promise<Making> {
  const make = ways[await overlayWay()];
  for (let tries = 1; ; tries++) {
    const made = await make(layers);
    const { syscall, errno = 0 } = made.outcome.error() ?? {};
    if (syscall !== 'openat2' || !renamedMeanwhile(errno, tries)) return made;
  }
}
