import type { Internals } from '../namespaces/network.js';
import { IFF, RTM } from '../rtnetlink/constants.js';
import { link as codec, type LinkBrief, type LinkRequest } from '../rtnetlink/link.js';
import { abortError } from '../syscalls/errors.js';
import { forgetNames, getLinkRequest, linkAnswer } from './devices.js';
import { explainLink, explainTaken } from './requests.js';
import type { LinkInfo } from './types.js';

/** A link that goes from one namespace to another. */
export interface Move {
  here: Internals;
  there: Internals;
  info: LinkInfo;
  /** What it is called there. */
  name: string;
  /** For errors. */
  subject: string;
  signal?: AbortSignal | undefined;
}

const NAMES_TAKEN =
  'A link there has its name already, or one of its alternative names: move it with another `name`';

/** Moves it and reads it there. Not with the signal: once it is sent, where the link is must be known. */
export async function moveLink({ here, there, info, name, subject, signal }: Move): Promise<LinkBrief> {
  const attributes = { ...(name !== info.name && { ifname: name }), netNsFd: there.fd.number };
  await here.route.run({
    name: 'RTM_NEWLINK',
    type: RTM.NEWLINK,
    flags: 0,
    codec,
    prepare: () => {
      if (signal?.aborted) throw abortError(signal);
      return undefined;
    },
    body: () => {
      forgetNames(here);
      return { index: info.index, attributes };
    },
    subject: `${subject} to ${there.subject}`,
    explain: (error) => explainLink(explainTaken(error, NAMES_TAKEN)),
  });
  const answers = await there.route.request(getLinkRequest(name, there.subject)).catch(async (error) => {
    await bringBack(here, there, name, info).catch(() => undefined);
    throw error;
  });
  forgetNames(there);
  return linkAnswer(answers);
}

/** A link that was moved and could not be found there: back to where it was, by its name. */
async function bringBack(here: Internals, there: Internals, name: string, before: LinkInfo): Promise<void> {
  const set = (inner: Internals, body: LinkRequest) =>
    inner.route.run({ name: 'RTM_SETLINK', type: RTM.SETLINK, flags: 0, codec, body });
  await set(there, { attributes: { ifname: name, netNsFd: here.fd.number } });
  const { index } = linkAnswer(await here.route.request(getLinkRequest(name, here.subject)));
  if (name !== before.name) await set(here, { index, attributes: { ifname: before.name } });
  if (before.up) await set(here, { index, flags: IFF.UP, change: IFF.UP });
}
