import { type Internals, internals, liveNamespaces } from '../namespaces/network.js';
import { readAnswer } from '../netlink/answer.js';
import { RTM } from '../rtnetlink/constants.js';
import { nsid as nsidCodec } from '../rtnetlink/nsid.js';

/** The number by which a namespace knows another; undefined if it has none for it. */
export async function nsidOf(inner: Internals, other: Internals): Promise<number | undefined> {
  const answers = await inner.route.request({
    name: 'RTM_GETNSID',
    type: RTM.GETNSID,
    flags: 0,
    codec: nsidCodec,
    body: { family: 0, attributes: { fd: other.fd.number } },
    subject: inner.subject,
  });
  const answer = answers.find(({ type }) => type === RTM.NEWNSID);
  return answer && readAnswer(nsidCodec, answer).attributes.nsid;
}

/** Whether it is the number of a namespace that this thread holds open. */
export async function isHeld(inner: Internals, nsid: number): Promise<boolean> {
  for (const netns of liveNamespaces()) if ((await nsidOf(inner, internals(netns))) === nsid) return true;
  return false;
}
