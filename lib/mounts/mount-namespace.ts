import { constants } from 'node:fs';
import type { Call } from '../handles/listing.js';
import { Namespace } from '../namespaces/namespace.js';
import { abortError, closedError } from '../syscalls/errors.js';
import { CLONE, type NamespaceType } from '../syscalls/excursion.js';
import { within } from '../syscalls/inside.js';
import { type Step, Steps } from '../syscalls/steps.js';
import { checkKeys, checkObject, checkSignal, checkString, invalidType } from '../syscalls/validate.js';
import { AT, MNT_DETACH, MS, O_CLOEXEC } from './constants.js';
import type { AttachOptions, Mount } from './mount.js';
import { mayMount, runMaking } from './place.js';
import { isMount } from './source.js';

/**
 * A mount namespace with nobody in it: a copy of the mounts that this process sees, private, so that nothing that is
 * mounted on either side shows on the other. Without CAP_SYS_ADMIN it belongs to the user namespace that all of this
 * process's namespaces share, and everything can be mounted on in it.
 */
export class MountNamespace extends Namespace<'mnt'> {
  // Namespace.create() takes a type, so this must, too; it takes none but its own.
  static override async create(options: Call | Exclude<NamespaceType, 'pid'> = {}): Promise<MountNamespace> {
    const given = options === 'mnt' ? {} : options;
    checkObject('options', given);
    checkKeys('options', given, ['signal']);
    checkSignal(given.signal);
    if (given.signal?.aborted) throw abortError(given.signal);
    let opened: Step | undefined;
    const outcome = await runMaking(
      (steps) => {
        if (mayMount()) steps.add('unshare', [CLONE.mnt]);
        // Before anything else: what is shared would be mounted on the host, too.
        steps.add('mount', [null, '/', null, MS.REC | MS.PRIVATE, null]);
        opened = steps.add('openat', [AT.FDCWD, '/proc/self/ns/mnt', O_CLOEXEC | constants.O_RDONLY, 0], {
          keep: true,
        });
      },
      { move: true },
    );
    const error = outcome.error({ subject: 'a new mount namespace' });
    if (error) throw error;
    return new MountNamespace(outcome.fd(opened as Step), true, 'mnt');
  }

  /** Attaches a mount in it. */
  async attach(mount: Mount, target: string, options: Omit<AttachOptions, 'namespace'> = {}): Promise<void> {
    if (!isMount(mount)) throw invalidType('mount', 'a Mount, and the target after it', mount);
    this.#checkOpen();
    await mount.attach(target, { ...options, namespace: this });
  }

  /**
   * Makes what is mounted on `path` its root, and takes the old root off: pivot_root(2). Whoever enters it from now
   * on has that root. EINVAL or EBUSY if nothing is mounted on `path`.
   */
  async pivotRoot(path: string, { signal }: Call = {}): Promise<void> {
    checkString('path', path);
    checkSignal(signal);
    this.#checkOpen();
    if (signal?.aborted) throw abortError(signal);
    const steps = new Steps();
    steps.add('chdir', [path]);
    // The old root is mounted on the new one for a moment, and is found there by '.'.
    steps.add('pivot_root', ['.', '.']);
    steps.add('umount2', ['.', MNT_DETACH]);
    const outcome = await within({ inside: { mnt: this } }, (inside) => steps.run(inside, { move: true }));
    const error = outcome.error({ subject: path });
    if (!error) return;
    const hint =
      error.code === 'EINVAL' || error.code === 'EBUSY'
        ? 'The new root must be a mount, and the old one no initial ramdisk'
        : undefined;
    throw hint === undefined ? error : error.with({ hint });
  }

  override toString(): string {
    return `MountNamespace { id: ${this.id} }`;
  }

  #checkOpen(): void {
    if (this.closed) throw closedError(this.toString());
  }
}
