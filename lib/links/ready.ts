import { setTimeout as sleep } from 'node:timers/promises';
import type { Internals } from '../namespaces/network.js';
import { readAnswer } from '../netlink/answer.js';
import { address as addressCodec } from '../rtnetlink/address.js';
import { IFA_F, IFF, RTM } from '../rtnetlink/constants.js';
import { abortError } from '../syscalls/errors.js';
import { getLinkRequest, linkAnswer } from './devices.js';
import type { Link } from './link.js';

/** Milliseconds between looks; duplicate address detection takes one or two seconds. */
const LOOKS = { first: 2, longest: 50 };

/** Resolves when the link has a carrier and none of its addresses is tentative. */
export async function waitUntilReady(inner: Internals, link: Link, signal?: AbortSignal): Promise<void> {
  for (
    let wait = LOOKS.first;
    !(await isReady(inner, link, signal));
    wait = Math.min(2 * wait, LOOKS.longest)
  ) {
    await sleep(wait, undefined, { signal }).catch(() => {
      throw abortError(signal);
    });
  }
}

async function isReady(inner: Internals, { index, subject }: Link, signal?: AbortSignal): Promise<boolean> {
  const found = linkAnswer(await inner.route.request({ ...getLinkRequest(index, inner.subject), signal }));
  if (!(found.flags & IFF.LOWER_UP) || !(found.flags & IFF.UP)) return false;
  // Filtered by the kernel, under strict checking.
  const body = { index };
  const addresses = await inner.route.dump({
    name: 'RTM_GETADDR',
    type: RTM.GETADDR,
    flags: 0,
    codec: addressCodec,
    body,
    subject,
    signal,
  });
  for (const answer of addresses) {
    const message = readAnswer(addressCodec, answer);
    const flags = message.attributes.flags ?? message.flags;
    if (message.index === index && flags & IFA_F.TENTATIVE && !(flags & IFA_F.DADFAILED)) return false;
  }
  return true;
}
