import type { Call } from '../handles/listing.js';
import { abortError } from '../syscalls/errors.js';
import type { AllFlags } from './flags.js';
import type { Mount } from './mount.js';

/** A new mount with its propagation set, attached where it was asked for; or gone. */
export async function placed<M extends Mount>(
  mount: M,
  { propagation, signal }: Pick<AllFlags, 'propagation'> & Call,
  target: string | undefined,
): Promise<M> {
  try {
    if (target !== undefined) await mount.attach(target, { signal });
    if (propagation !== undefined) await mount.set({ propagation });
    if (signal?.aborted) throw abortError(signal);
    return mount;
  } catch (error) {
    await mount.close();
    throw error;
  }
}
