import { getLinkRequest, linkAnswer } from '../links/devices.js';
import type { LinkRef } from '../links/types.js';
import type { Internals } from '../namespaces/network.js';

/** The index of a device, whose name is looked up in the namespace; 0 for none. It was checked by checkLinkRef(). */
export async function deviceIndex(
  inner: Internals,
  ref: LinkRef | undefined,
  signal?: AbortSignal,
): Promise<number> {
  if (ref === undefined) return 0;
  if (typeof ref === 'object') return ref.index;
  return linkAnswer(await inner.route.request({ ...getLinkRequest(ref, inner.subject), signal })).index;
}
