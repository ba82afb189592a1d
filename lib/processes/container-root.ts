import { constants, statSync } from 'node:fs';
import {
  AT,
  FSCONFIG,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MOUNT_ATTR,
  MOVE_MOUNT,
  O_CLOEXEC,
  O_PATH,
  OPEN_TREE,
  RESOLVE,
} from '../mounts/constants.js';
import { DEVICES, LINKS, MASKED, READONLY } from '../mounts/container-layout.js';
import { mountAttr } from '../mounts/flags.js';
import { bytesOf } from '../mounts/size.js';
import { Source } from '../mounts/source.js';
import { addStatus, statusIn } from '../mounts/target.js';
import { HERE } from '../syscalls/excursion.js';
import { type Step, type StepOptions, Steps } from '../syscalls/steps.js';
import type { ContainerRoot, RootMount } from './types.js';

const MOVE = MOVE_MOUNT.F_EMPTY_PATH | MOVE_MOUNT.T_EMPTY_PATH;
const { NOSUID, NODEV, NOEXEC, RDONLY } = MOUNT_ATTR;
const QUIET = NOSUID | NODEV | NOEXEC;
const NAMES = Object.keys(DEVICES) as (keyof typeof DEVICES)[];

/** Which of the namespaces that file systems show are the process's own: only such may be mounted rootless. */
export interface Shown {
  pid: boolean;
  net: boolean;
  ipc: boolean;
}

/** What is to be mounted, held; a descriptor cannot be exchanged. */
interface Opened {
  mount: RootMount;
  source: Source;
  directory: boolean;
  copy?: Step;
}

/**
 * A container's usual root, put together by the process itself when it is alone in its mount namespace: what is mounted
 * is made before the old root goes, and attached when the new one is all there is, so that no link in it leads out.
 */
export class ContainerTree {
  readonly #sources: Opened[] = [];
  readonly #base: Source;
  readonly #root: ContainerRoot;

  private constructor(root: ContainerRoot) {
    this.#root = root;
    this.#base = new Source(root.base);
  }

  /** Finds out what its sources are: that may take as long as a file system takes. */
  static async of(root: ContainerRoot): Promise<ContainerTree> {
    const tree = new ContainerTree(root);
    try {
      for (const mount of root.mounts ?? []) {
        if (!('source' in mount)) continue;
        const opened: Opened = { mount, source: new Source(mount.source), directory: false };
        tree.#sources.push(opened);
        opened.directory = await leadsToDirectory(opened.source);
      }
    } catch (error) {
      tree[Symbol.dispose]();
      throw error;
    }
    return tree;
  }

  /** Before another mount namespace is entered: of a detached mount a copy can be made only in its own. */
  prepare(steps: Steps): void {
    for (const one of this.#sources)
      if (one.source.isDetachedMount) one.copy = clone(steps, one.source.open(steps));
  }

  get base(): Source {
    return this.#base;
  }

  [Symbol.dispose](): void {
    this.#base[Symbol.dispose]();
    for (const { source } of this.#sources) source[Symbol.dispose]();
  }

  /** The first half, while the old root is there; the second, when the new one is. */
  add(steps: Steps, shown: Shown): () => void {
    const proc = shown.pid ? make(steps, 'proc', {}, QUIET) : restrict(steps, bind(steps, '/proc'), QUIET);
    const sys = shown.net
      ? make(steps, 'sysfs', {}, QUIET | RDONLY)
      : restrict(steps, bind(steps, '/sys'), QUIET | RDONLY);
    const dev = make(steps, 'tmpfs', { size: '65536', mode: '755' }, NOSUID | NOEXEC);
    const pts = make(steps, 'devpts', { newinstance: true, ptmxmode: '0666', mode: '0620' }, NOSUID | NOEXEC);
    const shm = make(steps, 'tmpfs', { size: '67108864', mode: '1777' }, QUIET);
    const queues = shown.ipc ? make(steps, 'mqueue', {}, QUIET) : undefined;
    const nodes = NAMES.map((name) => bindDevice(steps, name));
    const hidden = MASKED.flatMap((path) => {
      const directory = isDirectory(path);
      if (directory === undefined) return [];
      const cover = directory
        ? make(steps, 'tmpfs', { size: '4096', mode: '0' }, QUIET | RDONLY)
        : bindDevice(steps, 'null');
      return [{ path, cover }];
    });
    const given = (this.#root.mounts ?? []).map((mount) => this.#make(steps, mount));
    return () => {
      for (const path of ['/proc', '/sys', '/dev'])
        steps.add('mkdirat', [AT.FDCWD, path, 0o755], { optional: true });
      for (const { target, directory } of given) makePoint(steps, target, directory);
      if (this.#root.readonly) {
        const root = steps.add('openat', [AT.FDCWD, '/', O_PATH | O_CLOEXEC | constants.O_DIRECTORY, 0]);
        restrict(steps, root, RDONLY);
      }
      attach(steps, proc, '/proc');
      attach(steps, sys, '/sys');
      attach(steps, dev, '/dev');
      for (const name of ['pts', 'shm', 'mqueue']) steps.add('mkdirat', [AT.FDCWD, `/dev/${name}`, 0o755]);
      for (const [name, target] of Object.entries(LINKS))
        steps.add('symlinkat', [target, AT.FDCWD, `/dev/${name}`]);
      for (const [i, name] of NAMES.entries()) {
        steps.add('mknodat', [AT.FDCWD, `/dev/${name}`, constants.S_IFREG | 0o644, 0]);
        attach(steps, nodes[i] as Step, `/dev/${name}`);
      }
      attach(steps, pts, '/dev/pts');
      attach(steps, shm, '/dev/shm');
      if (queues) attach(steps, queues, '/dev/mqueue');
      for (const { mount, target, directory } of given) {
        // Below another of these it could not be made before.
        makePoint(steps, target, directory);
        steps.add('move_mount', [mount, '', open(steps, target, IN_ROOT), '', MOVE]);
      }
      for (const { path, cover } of hidden) attach(steps, cover, path);
      for (const path of READONLY) if (isDirectory(path) !== undefined) makeReadonly(steps, path);
    };
  }

  #make(steps: Steps, mount: RootMount): { mount: Step; target: string; directory: boolean } {
    const { target } = mount;
    if (!('source' in mount)) {
      const settings: Record<string, string> = { mode: (mount.mode ?? 0o1777).toString(8) };
      if (mount.size !== undefined) settings.size = String(bytesOf('size', mount.size));
      return { mount: make(steps, 'tmpfs', settings, NOSUID | NODEV), target, directory: true };
    }
    const found = this.#sources.find((one) => one.mount === mount) as Opened;
    const tree = found.copy ?? clone(steps, found.source.open(steps));
    const attributes = NOSUID | NODEV | (mount.readonly ? RDONLY : 0);
    steps.add('mount_setattr', [tree, '', AT.EMPTY_PATH | AT.RECURSIVE, attr(attributes)]);
    return { mount: tree, target, directory: found.directory };
  }
}

const attr = (set: number) => mountAttr({ set, clear: 0, propagation: 0 });

function make(steps: Steps, type: string, options: Record<string, string | true>, attributes: number): Step {
  const context = steps.add('fsopen', [type, FSOPEN_CLOEXEC]);
  for (const [key, value] of Object.entries(options))
    steps.add('fsconfig', [
      context,
      value === true ? FSCONFIG.SET_FLAG : FSCONFIG.SET_STRING,
      key,
      value === true ? null : value,
      0,
    ]);
  steps.add('fsconfig', [context, FSCONFIG.CMD_CREATE, null, null, 0]);
  return steps.add('fsmount', [context, FSMOUNT_CLOEXEC, attributes]);
}

/** A detached copy, with what is mounted in it. */
export function clone(steps: Steps, from: Parameters<Steps['add']>[1][number]): Step {
  return steps.add('open_tree', [
    from,
    '',
    AT.EMPTY_PATH | OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | AT.RECURSIVE,
  ]);
}

function bind(steps: Steps, path: string): Step {
  return clone(steps, steps.add('openat', [AT.FDCWD, path, O_PATH | O_CLOEXEC, 0]));
}

/** A link, or another node in its place, is refused (CVE-2025-31133): another device is none of a container's. */
function bindDevice(steps: Steps, name: keyof typeof DEVICES): Step {
  const [major, minor] = DEVICES[name];
  const node = steps.add('openat', [AT.FDCWD, `/dev/${name}`, O_PATH | O_CLOEXEC | constants.O_NOFOLLOW, 0]);
  steps.add('is_device', [node, major, minor]);
  return clone(steps, node);
}

/** With what is mounted in it. */
function restrict(steps: Steps, mount: Step, attributes: number): Step {
  steps.add('mount_setattr', [mount, '', AT.EMPTY_PATH | AT.RECURSIVE, attr(attributes)]);
  return mount;
}

function makeReadonly(steps: Steps, path: string): void {
  attach(steps, restrict(steps, clone(steps, open(steps, path)), RDONLY), path);
}

const IN_ROOT = RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS;

/** Looked up without any link, if not told otherwise: these paths lead through what the kernel shows, or was just made. */
function open(steps: Steps, path: string, resolve = RESOLVE.NO_SYMLINKS, options: StepOptions = {}): Step {
  const how = Buffer.alloc(24);
  how.writeUInt32LE(O_PATH | O_CLOEXEC, 0);
  how.writeUInt32LE(resolve, 16);
  return steps.add('openat2', [AT.FDCWD, path, how], options);
}

function attach(steps: Steps, mount: Step, path: string): void {
  steps.add('move_mount', [mount, '', open(steps, path), '', MOVE]);
}

/** Makes what is to be mounted on, if it is missing: each name in a directory that was looked up in this root, by no magic link. */
function makePoint(steps: Steps, target: string, directory: boolean): void {
  const optional = { optional: true };
  const names = target.split('/').filter((name) => name !== '');
  for (const [depth, name] of names.entries()) {
    const parent = open(steps, `/${names.slice(0, depth).join('/')}`, IN_ROOT, optional);
    if (directory || depth < names.length - 1) steps.add('mkdirat', [parent, name, 0o755], optional);
    else steps.add('mknodat', [parent, name, constants.S_IFREG | 0o644, 0], optional);
  }
}

async function leadsToDirectory(source: Source): Promise<boolean> {
  const steps = new Steps();
  const status = addStatus(steps, source.open(steps));
  const outcome = await steps.run(HERE);
  const error = outcome.error({ subject: source.path });
  if (error) throw error;
  return statusIn(outcome, status).directory;
}

/** What the kernel shows here it shows there; undefined where it has no such thing. */
function isDirectory(path: string): boolean | undefined {
  try {
    return statSync(path).isDirectory();
  } catch {
    return undefined;
  }
}
