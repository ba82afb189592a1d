import { randomInt } from 'node:crypto';
import type { Link } from '../links/link.js';
import { explainLink } from '../links/requests.js';
import { type Internals, internals } from '../namespaces/network.js';
import type { Request } from '../netlink/request.js';
import { RTM } from '../rtnetlink/constants.js';
import { link as codec } from '../rtnetlink/link.js';
import type { NsnetError } from '../syscalls/errors.js';
import { Together } from './together.js';

/** Removes an endpoint's cable. Of a namespace that is closed it is gone, or will be. */
export async function removeCable(end: Link): Promise<void> {
  if (end.netns.closed) return;
  const inner = internals(end.netns);
  const known = inner.memory.get(removeCable) as Together<Link> | undefined;
  const removing = known ?? new Together<Link>((ends) => removeAll(inner, ends));
  inner.memory.set(removeCable, removing);
  await inner.during(removing.do(end));
}

/**
 * The kernel waits some 20 milliseconds for all who might still use a device, for a group of devices as long as for one:
 * those that are removed at once are made a group of their own.
 */
async function removeAll(inner: Internals, ends: readonly Link[]): Promise<void> {
  if (ends.length > 1) {
    const group = randomInt(1, 2 ** 31);
    const grouped = ends.map((end) => change(inner, 'RTM_SETLINK', end.index, group));
    await Promise.all([...grouped, change(inner, 'RTM_DELLINK', 0, group)].map(unlessGone));
  }
  // Where the group has taken it this finds nothing; where somebody has given it another one meanwhile, it.
  for (const end of ends) await end.delete();
}

function change(inner: Internals, name: 'RTM_SETLINK' | 'RTM_DELLINK', index: number, group: number) {
  const type = name === 'RTM_SETLINK' ? RTM.SETLINK : RTM.DELLINK;
  const request: Request = {
    name,
    type,
    flags: 0,
    codec,
    body: { index, attributes: { group } },
    subject: inner.subject,
    explain: explainLink,
  };
  return inner.route.run(request);
}

async function unlessGone(asked: Promise<unknown>): Promise<void> {
  await asked.catch((error: NsnetError) => {
    if (error.code !== 'ENODEV') throw error;
  });
}
