import { randomInt } from 'node:crypto';
import type { Link } from '../links/link.js';
import { deleteLinkRequest, explainLink } from '../links/requests.js';
import { type Internals, internals } from '../namespaces/network.js';
import type { Request } from '../netlink/request.js';
import { RTM } from '../rtnetlink/constants.js';
import { link as codec } from '../rtnetlink/link.js';
import type { NsnetError } from '../syscalls/errors.js';
import { Together } from './together.js';
import { namesChanged } from './view.js';

interface Device {
  index: number;
  name: string;
}

/** Removes a link, which may be gone; with those that are removed beside it. */
export async function deleteDevice(inner: Internals, index: number, name: string): Promise<void> {
  const known = inner.memory.get(deleteDevice) as Together<Device> | undefined;
  const deleting = known ?? new Together<Device>((devices) => deleteAll(inner, devices));
  inner.memory.set(deleteDevice, deleting);
  try {
    await inner.during(deleting.do({ index, name }));
  } finally {
    namesChanged();
  }
}

/** Removes an endpoint's cable. Of a namespace that is closed it is gone, or will be. */
export async function deleteCable(end: Link): Promise<void> {
  if (end.netns.closed) return;
  await deleteDevice(internals(end.netns), end.index, end.name);
  end.noteDeleted();
}

/**
 * The kernel waits some 20 milliseconds for all who might still use a device, for a group of devices as long as for one:
 * those that are removed at once are made a group of their own.
 */
async function deleteAll(inner: Internals, devices: readonly Device[]): Promise<void> {
  if (devices.length > 1) {
    const group = randomInt(1, 2 ** 31);
    const grouped = devices.map(({ index }) => change(inner, 'RTM_SETLINK', index, group));
    await Promise.all([...grouped, change(inner, 'RTM_DELLINK', 0, group)].map(unlessGone));
  }
  // Where the group has taken it this finds nothing; where somebody has given it another one meanwhile, it.
  const each = devices.map(({ index, name }) =>
    unlessGone(inner.route.run(deleteLinkRequest(inner, index, `link '${name}' in ${inner.subject}`))),
  );
  await Promise.all(each);
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
