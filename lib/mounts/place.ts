import { statSync } from 'node:fs';
import { sharedUserNamespace } from '../namespaces/rootless.js';
import { capable } from '../syscalls/capabilities.js';
import { CLONE, HERE } from '../syscalls/excursion.js';
import { type Namespaces, within } from '../syscalls/inside.js';
import { type Outcome, Steps } from '../syscalls/steps.js';

/** Whether this process may mount in the mount namespace that it is in. */
export function mayMount(): boolean {
  return capable('SYS_ADMIN');
}

/** PROC_USER_INIT_INO, linux/nsfs.h. */
const INITIAL_USER_NAMESPACE = 0xeffffffd;

/**
 * Whether what this process mounts may have trusted.* attributes: from the initial user namespace alone. Root of
 * another one, in a container or by `unshare --user --map-root-user`, may mount, and that not.
 */
export function mayTrust(): boolean {
  // Asked once: a process with threads cannot change its user namespace.
  initial ??= statSync('/proc/self/ns/user').ino === INITIAL_USER_NAMESPACE;
  return initial && mayMount();
}

let initial: boolean | undefined;

export interface PlaceOptions {
  /** It changes what only a clone's own may be changed: the working directory, namespaces. */
  move?: boolean;
  /** By the stub, in memory and with descriptors of its own. */
  ownMemory?: boolean;
  /** Namespaces that it is to be made in, besides. */
  inside?: Namespaces;
}

/**
 * Runs a program that makes a detached mount. With privileges that is done where this process is. Without, the stub
 * enters the user namespace that all of this process's mounts belong to, with a mount namespace of its own, which
 * shows what this process sees and is gone when it is done: what was made is held by its descriptor alone.
 */
export async function runMaking(
  add: (steps: Steps) => void,
  { move = false, ownMemory = false, inside }: PlaceOptions = {},
): Promise<Outcome> {
  const steps = new Steps();
  const direct = mayMount();
  if (!direct) steps.add('unshare', [CLONE.mnt]);
  add(steps);
  if (inside) return within({ inside }, (place) => steps.run(place, { move: true }));
  if (direct) return steps.run({ ...HERE, ownMemory }, { move: move || ownMemory });
  const user = await sharedUserNamespace();
  try {
    return await steps.run({ entries: [user.native, CLONE.user], ownMemory: true }, { move: true });
  } finally {
    await user.close();
  }
}
