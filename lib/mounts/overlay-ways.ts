import { CLONE } from '../syscalls/excursion.js';
import { Fd } from '../syscalls/fd.js';
import type { Outcome, Step, Steps } from '../syscalls/steps.js';
import { AT, FSCONFIG, FSOPEN_CLOEXEC, MS, O_CLOEXEC, O_PATH, OPEN_TREE } from './constants.js';
import { configure, type FsOption, finish } from './filesystem.js';
import { runMaking } from './place.js';
import type { Source } from './source.js';

/** What an overlay consists of, the topmost lower first. */
export interface Layers {
  lower: readonly Source[];
  upper?: Source;
  work?: Source;
  source: string;
  options: readonly FsOption[];
  attributes: number;
}

/**
 * How the kernel is told its layers; none puts a path of the caller's into an option string:
 * - fd: descriptors, FSCONFIG_SET_FD (detached mounts and O_PATH descriptors from Linux 6.15 on);
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

async function byFd({ lower, upper, work, source, options, attributes }: Layers): Promise<Making> {
  const opened: Opened = new Map();
  let end: ReturnType<typeof finish> | undefined;
  const outcome = await runMaking((steps) => {
    const context = steps.add('fsopen', ['overlay', FSOPEN_CLOEXEC]);
    configure(steps, context, [['source', source], ...options]);
    const set = (key: string, layer: Source) =>
      about(
        layer,
        opened,
        steps.add('fsconfig_fd', [context, FSCONFIG.SET_FD, key, null, open(steps, layer, opened)]),
      );
    for (const layer of lower) set('lowerdir+', layer);
    if (upper !== undefined) set('upperdir', upper);
    if (work !== undefined) set('workdir', work);
    end = finish(steps, context, attributes);
  });
  return { ...(end as ReturnType<typeof finish>), outcome, opened };
}

async function byString({ lower, upper, work, source, options, attributes }: Layers): Promise<Making> {
  const opened: Opened = new Map();
  let end: ReturnType<typeof finish> | undefined;
  const outcome = await runMaking(
    (steps) => {
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
    },
    { move: true },
  );
  return { ...(end as ReturnType<typeof finish>), outcome, opened };
}

/** Numbers that no descriptor of the stub's has by itself, and all below a limit of 1,024. */
const FIRST_NUMBER = 520;

async function byPage({ lower, upper, work, source, options, attributes }: Layers): Promise<Making> {
  const opened: Opened = new Map();
  let mount: Step | undefined;
  const outcome = await runMaking(
    (steps) => {
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
      steps.add('mount', [source, '/proc', 'overlay', attributes & 0xf, words.join(',')]);
      const flags = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC;
      mount = steps.add('open_tree', [AT.FDCWD, '/proc', flags], { keep: true });
    },
    { ownMemory: true },
  );
  return { mount: mount as Step, log: [], outcome, opened };
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
  return ways[await overlayWay()](layers);
}
