import { closedWithin, type Internals } from '../namespaces/network.js';
import type { NsnetError } from '../syscalls/errors.js';
import { getLinkRequest, linkAnswer } from './devices.js';
import type { End } from './end.js';
import { isHeld } from './nsid.js';

const NOTICING_MILLISECONDS = 1000;

/**
 * Those whose names are taken for good: not by near ends of veths whose far ends' namespaces are gone already, which
 * the kernel removes soon.
 */
export async function takenEnds(ends: End[]): Promise<End[]> {
  const taken: End[] = [];
  for (const end of ends) {
    const { inner, name } = end;
    const found = await inner.route.request(getLinkRequest(name, inner.subject)).catch(() => undefined);
    if (!found) continue;
    const { linkinfo, linkNetnsid } = linkAnswer(found).attributes;
    if (linkinfo?.kind !== 'veth' || linkNetnsid === undefined || !(await isGone(inner, linkNetnsid)))
      taken.push(end);
  }
  return taken;
}

/** A number that stands for no living namespace: asked to look there, the kernel says EINVAL (5.0). */
async function isGone(inner: Internals, netnsid: number): Promise<boolean> {
  if (netnsid < 0) return true;
  const look = {
    ...getLinkRequest(1, inner.subject),
    body: { index: 1, attributes: { targetNetnsid: netnsid } },
  };
  return inner.route.request(look).then(
    // The kernel takes a moment to notice that nobody holds it any more.
    async () => closedWithin(NOTICING_MILLISECONDS) && !(await isHeld(inner, netnsid)),
    (error: NsnetError) => error.code === 'EINVAL',
  );
}
