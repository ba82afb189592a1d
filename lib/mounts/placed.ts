import type { Call } from '../handles/listing.js';
import { abortError } from '../syscalls/errors.js';
import type { AllFlags } from './flags.js';
import type { Mount } from './mount.js';
import type { Target } from './target.js';

/** A new mount with its propagation set, attached where it was asked for, if it is not yet; or gone. */
export async function placed<M extends Mount>(
  mount: M,
  { propagation, signal }: Pick<AllFlags, 'propagation'> & Call,
  target: Target | undefined,
): Promise<M> {
  try {
    if (target && !mount.attached) await mount.attach(target.path, { signal });
    if (propagation !== undefined) await mount.set({ propagation });
    if (signal?.aborted) throw abortError(signal);
    return mount;
  } catch (error) {
    await mount.close();
    throw error;
  }
}
