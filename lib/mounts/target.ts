import { constants } from 'node:fs';
import { type NsnetError, systemError } from '../syscalls/errors.js';
import { HERE, type Inside } from '../syscalls/excursion.js';
import { Fd } from '../syscalls/fd.js';
import { within } from '../syscalls/inside.js';
import { type Outcome, type RunOptions, type Step, type StepOptions, Steps } from '../syscalls/steps.js';
import { checkString, invalidValue } from '../syscalls/validate.js';
import { AT, MOVE_MOUNT, O_CLOEXEC, O_PATH, RESOLVE } from './constants.js';
import { detachedPath } from './detached-path.js';
import type { Mount } from './mount.js';
import { mayMount, runMaking } from './place.js';
import { renamedMeanwhile } from './renames.js';
import { Source } from './source.js';

const EEXIST = -17;
const ENOENT = -2;

/** Opens a path (O_PATH) as targets are looked up. */
type Open = (path: string, flags?: number, keep?: boolean) => Step;

/** Opens a path as targets are looked up; inside a root, if there is one. */
function open(
  steps: Steps,
  root: Fd | undefined,
  path: string,
  { flags = 0, keep, optional }: StepOptions & { flags?: number } = {},
): Step {
  const how = Buffer.alloc(24);
  how.writeUInt32LE(O_PATH | O_CLOEXEC | flags, 0);
  how.writeUInt32LE(RESOLVE.NO_MAGICLINKS | (root ? RESOLVE.IN_ROOT : 0), 16);
  return steps.add('openat2', [root ?? AT.FDCWD, path, how], { keep, optional });
}

/** A path, where it begins, and in which mount namespace. */
export class Target {
  /** As it was given, absolute. */
  readonly path: string;
  readonly namespace: Fd | undefined;
  /** What it is looked up in: no link leads out of that. */
  readonly #root: string | Mount | undefined;
  readonly #inside: string;
  #held: Fd | undefined;
  /** Whether it is in a detached mount, which is in no mount namespace: nothing can be taken off there. */
  inDetached = false;

  constructor(path: unknown, { namespace, root }: { namespace?: Fd; root?: string | Mount } = {}) {
    checkString('target', path);
    if (path === '') throw invalidValue('target', 'a path', path);
    if (namespace && root === undefined && !path.startsWith('/')) {
      throw invalidValue('target', 'an absolute path in another mount namespace', path);
    }
    this.namespace = namespace;
    const absolute = path.startsWith('/') ? path : `${process.cwd()}/${path}`;
    const detached = root === undefined ? detachedPath(absolute) : undefined;
    this.#root = detached ? `/proc/self/fd/${detached.fd}` : root;
    this.#inside = detached?.inside ?? (root === undefined ? absolute : path.replace(/^\/+/, '') || '.');
    const shown = typeof root === 'string' ? root : root?.path;
    this.path = shown === undefined ? absolute : `${shown.replace(/\/+$/, '')}/${this.#inside}`;
  }

  /** Its names, from where it begins. */
  get #names(): string[] {
    return this.#inside.split('/').filter((name) => name !== '' && name !== '.');
  }

  /** The directory it is in, and its name there. */
  get #split(): [directory: string, name: string | undefined] {
    const names = this.#names;
    const name = names.pop();
    return [this.#prefix(names), name === '..' ? undefined : name];
  }

  #prefix(names: readonly string[]): string {
    return `${this.#root === undefined ? '/' : ''}${names.join('/')}` || '.';
  }

  /** Runs a program where the target is. */
  async #run(add: (steps: Steps, open: Open) => void): Promise<Outcome> {
    const root = await this.#openRoot();
    const fill = (steps: Steps) =>
      add(steps, (path, flags = 0, keep = false) => open(steps, root, path, { flags, keep }));
    for (let tries = 1; ; tries++) {
      const outcome = await (this.inDetached ? runMaking(fill) : this.run(fill));
      if (!renamedMeanwhile(outcome.errno, tries)) return outcome;
    }
  }

  /** Once: whatever is mounted on it or moved later, it is the same directory. */
  async #openRoot(): Promise<Fd | undefined> {
    if (this.#root === undefined || this.#held) return this.#held;
    using source = new Source(this.#root);
    this.inDetached = source.detached && !this.namespace;
    const detached = source.held;
    if (detached) {
      this.#held = Fd.duplicate(detached.number);
      return this.#held;
    }
    let opened: Step | undefined;
    const outcome = await this.run((steps) => {
      opened = steps.add('openat', [AT.FDCWD, source.path, O_PATH | O_CLOEXEC | constants.O_DIRECTORY, 0], {
        keep: true,
      });
    });
    const error = outcome.error({ subject: source.path });
    if (error) throw error;
    this.#held = outcome.fd(opened as Step);
    return this.#held;
  }

  /** Lets go of the mount namespace, and of what it is looked up in. */
  async close(): Promise<void> {
    await this.#held?.close();
    await this.namespace?.close();
  }

  /** Does something in its mount namespace. */
  run(add: (steps: Steps) => void, options: RunOptions = {}): Promise<Outcome> {
    const steps = new Steps();
    add(steps);
    const go = (inside: Inside) => steps.run(inside, options);
    return this.namespace ? within({ inside: { mnt: this.namespace.number } }, go) : go(HERE);
  }

  /**
   * Whether it is looked up in this process's own mount namespace with nothing to be opened before, so that it can be
   * looked up by a program that does something else besides.
   */
  get #atHand(): boolean {
    const open = this.#root === undefined || this.#held !== undefined;
    return open && this.namespace === undefined && !this.inDetached && mayMount();
  }

  /** Adds the attaching of what an earlier step made, optional; undefined where that takes a program of its own. */
  addAttach(steps: Steps, mount: Step): Step | undefined {
    if (!this.#atHand) return undefined;
    const at = open(steps, this.#held, this.#inside, { optional: true });
    return steps.add('move_mount', [mount, '', at, '', MOVE], { optional: true });
  }

  /**
   * Adds the check that the mount of a descriptor is on top there; with the directory that it is in, and its name there.
   * Undefined where that takes a program of its own.
   */
  addCheck(steps: Steps, mount: Fd, keep = false): { parent: Step; name: string } | undefined {
    const [path, name] = this.#split;
    if (!this.#atHand || name === undefined) return undefined;
    const own = steps.add('statx', [mount, '', AT.EMPTY_PATH, STATX_MNT_ID, 256]);
    const parent = open(steps, this.#held, path, { flags: constants.O_DIRECTORY, keep });
    steps.add('same_mount', [own, steps.add('statx', [parent, name, NO_FOLLOW, STATX_MNT_ID, 256])]);
    return { parent, name };
  }

  /** Attaches a detached mount there: to the descriptor that the path was looked up to, whatever becomes of the path. */
  async attach(mount: Fd): Promise<NsnetError | undefined> {
    const outcome = await this.#run((steps, open) => {
      const at = open(this.#inside);
      steps.add('move_mount', [mount, '', at, '', MOVE]);
    });
    return outcome.error({ subject: this.path });
  }

  /** What is mounted there. */
  async open(): Promise<Fd> {
    let at: Step | undefined;
    const outcome = await this.#run((_, open) => {
      at = open(this.#inside, 0, true);
    });
    const error = outcome.error({ subject: this.path });
    if (error) throw error;
    return outcome.fd(at as Step);
  }

  /** Makes it, and the directories that lead to it; those that it made, the outermost first. */
  async create(directory: boolean): Promise<Created[]> {
    const names = this.#names;
    const opened: Step[] = [];
    const looked = await this.#run((_, open) => {
      for (let depth = 1; depth <= names.length; depth++)
        opened.push(open(this.#prefix(names.slice(0, depth))));
    });
    const missing = opened.findIndex((step) => looked.failed?.number === step.number);
    if (missing < 0) return [];
    if (looked.errno !== ENOENT) throw looked.error({ subject: this.path });
    const made: { step: Step; depth: number }[] = [];
    const outcome = await this.#run((steps, open) => {
      for (let depth = missing; depth < names.length; depth++) {
        const parent = open(this.#prefix(names.slice(0, depth)), constants.O_DIRECTORY);
        const name = names[depth] as string;
        const file = depth === names.length - 1 && !directory;
        const step = file
          ? steps.add('mknodat', [parent, name, constants.S_IFREG | 0o644, 0], { optional: true })
          : steps.add('mkdirat', [parent, name, 0o755], { optional: true });
        made.push({ step, depth });
      }
    });
    const created = made
      .filter(({ step }) => outcome.result(step) === 0)
      .map(({ depth }) => ({
        directory: this.#prefix(names.slice(0, depth)),
        name: names[depth] as string,
        file: depth === names.length - 1 && !directory,
      }));
    const refused = made
      .map(({ step }) => outcome.result(step))
      .find((result) => result < 0 && result !== EEXIST);
    const error =
      refused === undefined
        ? outcome.error({ subject: this.path })
        : systemError(refused, 'mkdirat', { subject: this.path });
    if (!error) return created;
    await this.remove(created);
    throw error;
  }

  /** Removes what create() made, as far as it is empty. */
  async remove(created: readonly Created[]): Promise<void> {
    for (const { directory, name, file } of [...created].reverse()) {
      let status: Step | undefined;
      const looked = await this.#run((steps, open) => {
        const parent = open(directory, constants.O_DIRECTORY);
        status = steps.add('statx', [parent, name, AT.SYMLINK_NOFOLLOW, STATX_SIZE, 256]);
        if (!file) steps.add('unlinkat', [parent, name, AT.REMOVEDIR]);
      });
      if (!file || looked.failed || sizeIn(looked.room(status as Step)) !== 0n) continue;
      await this.#run((steps, open) => {
        steps.add('unlinkat', [open(directory, constants.O_DIRECTORY), name, 0]);
      });
    }
  }

  /** The directory that it is in, if what is on top there is the mount of the given id. */
  async parentOf(mountId: bigint): Promise<Place | undefined> {
    const [path, name] = this.#split;
    if (name === undefined) return undefined;
    let parent: Step | undefined;
    let status: Step | undefined;
    const outcome = await this.#run((steps, open) => {
      parent = open(path, constants.O_DIRECTORY, true);
      status = steps.add('statx', [parent, name, NO_FOLLOW, STATX_MNT_ID, 256]);
    });
    if (outcome.failed) return undefined;
    const directory = outcome.fd(parent as Step);
    if (mountIdIn(outcome.room(status as Step)) === mountId) return { directory, name };
    await directory.close();
    return undefined;
  }
}

/** A target that may be left out. Throws if it cannot be one. */
export function targetOf(path: string | undefined): Target | undefined {
  return path === undefined ? undefined : new Target(path);
}

/** Where a mount is. */
export interface Place {
  directory: Fd;
  name: string;
}

/** A directory or file that was made to be mounted on. */
export interface Created {
  directory: string;
  name: string;
  file: boolean;
}

const AT_NO_AUTOMOUNT = 0x800;
const NO_FOLLOW = AT.SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
const MOVE = MOVE_MOUNT.F_EMPTY_PATH | MOVE_MOUNT.T_EMPTY_PATH;
const STATX_TYPE = 0x1;
const STATX_SIZE = 0x200;
const STATX_MNT_ID = 0x1000;

const sizeIn = (status: Uint8Array) => Buffer.from(status).readBigUInt64LE(40);
const mountIdIn = (status: Uint8Array) => Buffer.from(status).readBigUInt64LE(144);

/** What is known of an open mount: its number, whether its root is a directory, and whether it is a mount's root. */
export interface Status {
  mountId: bigint;
  directory: boolean;
  mountRoot: boolean;
}

export async function statusOf(fd: Fd): Promise<Status> {
  const steps = new Steps();
  const status = addStatus(steps, fd);
  const outcome = await steps.run(HERE);
  const error = outcome.error();
  if (error) throw error;
  return statusIn(outcome, status);
}

/** The same, for a program that does something else besides. */
export function addStatus(steps: Steps, fd: Fd | Step): Step {
  return steps.add('statx', [fd, '', AT.EMPTY_PATH, STATX_MNT_ID | STATX_TYPE, 256]);
}

export function statusIn(outcome: Outcome, status: Step): Status {
  const bytes = Buffer.from(outcome.room(status));
  const type = bytes.readUInt16LE(28) & constants.S_IFMT;
  return {
    mountId: mountIdIn(bytes),
    directory: type === constants.S_IFDIR,
    // STATX_ATTR_MOUNT_ROOT (Linux 5.8).
    mountRoot: (bytes.readBigUInt64LE(8) & 0x2000n) !== 0n,
  };
}
