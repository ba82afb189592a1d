import { sharedUserNamespace } from '../namespaces/rootless.js';
import { capable } from '../syscalls/capabilities.js';
import { CLONE, HERE, type Inside } from '../syscalls/excursion.js';
import { type Outcome, Steps } from '../syscalls/steps.js';

/** Whether this process may mount in the mount namespace that it is in. */
export function mayMount(): boolean {
  return capable('SYS_ADMIN');
}

/**
 * Runs a program that makes a detached mount. With privileges that is done where this process is. Without, the stub
 * enters the user namespace that all of this process's mounts belong to, with a mount namespace of its own, which
 * shows what this process sees and is gone when it is done: what was made is held by its descriptor alone.
 */
export async function runMaking(
  add: (steps: Steps) => void,
  { move = false, ownMemory = false }: { move?: boolean; ownMemory?: boolean } = {},
): Promise<Outcome> {
  const steps = new Steps();
  if (mayMount()) {
    add(steps);
    return steps.run({ ...HERE, ownMemory }, move || ownMemory);
  }
  const user = await sharedUserNamespace();
  try {
    const inside: Inside = { entries: [user.native, CLONE.user], ownMemory: true };
    steps.add('unshare', [CLONE.mnt]);
    add(steps);
    return await steps.run(inside, true);
  } finally {
    await user.close();
  }
}
