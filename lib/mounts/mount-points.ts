import { constants } from 'node:fs';
import { systemError } from '../syscalls/errors.js';
import { Fd } from '../syscalls/fd.js';
import { within } from '../syscalls/inside.js';
import { type Step, Steps } from '../syscalls/steps.js';
import { AT, O_CLOEXEC, O_PATH, OPEN_TREE } from './constants.js';
import type { MountNamespace } from './mount-namespace.js';
import { type Created, Target } from './target.js';

const ENOTDIR = -20;

/** STATX_TYPE. */
const STATX_TYPE = 0x1;

/** Directories and files of a base that a tree's mounts are put on. What was missing is made, and removed again. */
export class MountPoints {
  readonly #namespace: MountNamespace;
  readonly #root: string;
  /** The base by a mount of its own, which can still be written when the tree's cannot, and on which nothing is mounted. */
  #base: Fd | undefined;
  readonly #made: Created[] = [];

  /** `root` is where the base is mounted in the namespace, and nothing else yet in it. */
  constructor(namespace: MountNamespace, root: string) {
    this.#namespace = namespace;
    this.#root = root;
  }

  /**
   * Makes directories in the base itself. ENOTDIR if one is a symbolic link: what is mounted there, and hidden in what
   * is mounted there, would be where the link leads, which may be somebody else's to change.
   */
  async makeDirectories(names: readonly string[]): Promise<void> {
    const steps = new Steps();
    const flags = O_PATH | O_CLOEXEC | constants.O_DIRECTORY;
    const root = steps.add('openat', [AT.FDCWD, this.#root, flags, 0]);
    const tree = AT.EMPTY_PATH | AT.RECURSIVE | OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC;
    const base = steps.add('open_tree', [root, '', tree], { keep: true });
    const optional = { optional: true };
    const made = names.map((name) => steps.add('mkdirat', [root, name, 0o755], optional));
    const found = names.map((name) =>
      steps.add('statx', [root, name, AT.SYMLINK_NOFOLLOW, STATX_TYPE, 256], optional),
    );
    const outcome = await within({ inside: { mnt: this.#namespace } }, (inside) =>
      steps.run(inside, { move: true }),
    );
    const error = outcome.error({ subject: this.#root });
    if (error) throw error;
    this.#base = outcome.fd(base);
    for (const [i, name] of names.entries()) {
      if (outcome.result(made[i] as Step) === 0) this.#made.push({ directory: '.', name, file: false });
    }
    for (const [i, name] of names.entries()) {
      const subject = `/${name} of the base`;
      if (outcome.result(found[i] as Step) < 0)
        throw systemError(outcome.result(made[i] as Step), 'mkdirat', { subject });
      const type = Buffer.from(outcome.room(found[i] as Step)).readUInt16LE(28) & constants.S_IFMT;
      if (type !== constants.S_IFDIR)
        throw systemError(ENOTDIR, 'mkdirat', {
          subject,
          hint: 'It is a symbolic link, or a file: a directory is needed there, or nothing',
        });
    }
  }

  /** Makes a path that leads nowhere yet; links in it are followed, and lead never out of the base. */
  async make(path: string, directory: boolean): Promise<void> {
    const at = new Target(path, { root: this.#root, namespace: Fd.duplicate(this.#namespace.fd) });
    try {
      this.#made.push(...(await at.create(directory)));
    } finally {
      await at.close();
    }
  }

  /** Removes what it made, as far as that is empty. What somebody has mounted there meanwhile is gone with it. */
  async close(remove = true): Promise<void> {
    const base = this.#base;
    if (!base) return;
    this.#base = undefined;
    const at = new Target('/', { root: `/proc/self/fd/${base.number}` });
    try {
      if (remove) await at.remove(this.#made);
    } finally {
      await at.close();
      await base.close();
    }
  }
}
