import { setTimeout as sleep } from 'node:timers/promises';
import { closedWithin, type Internals, internals } from '../namespaces/network.js';
import { NLM_F } from '../netlink/constants.js';
import { IFF, RTM } from '../rtnetlink/constants.js';
import { link as codec, type LinkMessage, type LinkRequest } from '../rtnetlink/link.js';
import { abortError, NsnetError, withDetails } from '../syscalls/errors.js';
import { addressRequest } from './addresses.js';
import { checkLinkRef, Devices, forgetNames, getLinkRequest, linkAnswer } from './devices.js';
import { altNamesRequest, deleteLinkRequest, explainLink } from './requests.js';
import type { LinkOptions } from './types.js';

type Attributes = NonNullable<LinkRequest['attributes']>;

/** How long a name may be taken by a link whose far end's namespace is being torn down; that takes some 50 ms. */
const DYING_MILLISECONDS = 5000;
const NOTICING_MILLISECONDS = 1000;

/** One end of what is made: its place, its options, and once it is there what was read of it. */
export interface End {
  inner: Internals;
  name: string;
  options: LinkOptions;
  message?: LinkMessage;
}

/** A link to be made in `options.netns`, with a free name if it has none. */
export function endOf(options: LinkOptions, prefix: string): End {
  const inner = internals(options.netns);
  if (options.master != null) checkLinkRef(options.master, inner, 'master');
  return { inner, name: options.name ?? freeName(prefix), options };
}

/** As Docker names them: the kernel's own numbering would not tell us which name it chose. */
function freeName(prefix: string): string {
  const digits = Math.floor(Math.random() * 0x10000000)
    .toString(16)
    .padStart(7, '0');
  return prefix + digits;
}

/** Attributes that a link can be made with. */
export function attributesOf({ name, options: { mtu, mac } }: End): Attributes {
  return {
    ifname: name,
    ...(mtu !== undefined && { mtu }),
    ...(mac !== undefined && { address: mac.toLowerCase() }),
  };
}

export function subjectOf({ inner, name }: End): string {
  return `link '${name}' in ${inner.subject}`;
}

/** Reads it by its name, behind whatever was issued before. */
async function find(end: End): Promise<LinkMessage> {
  const message = linkAnswer(await end.inner.route.request(getLinkRequest(end.name, end.inner.subject)));
  end.message = message;
  return message;
}

/**
 * RTM_NEWLINK with the given linkinfo, and a look at what came of it in the same send. A name that is only taken by
 * what the kernel is tearing down is waited for.
 */
export async function makeLink(end: End, linkinfo: object, others: End[] = []): Promise<void> {
  const { signal } = end.options;
  if (signal?.aborted) throw abortError(signal);
  const until = performance.now() + DYING_MILLISECONDS;
  for (;;) {
    try {
      await tryToMake(end, linkinfo, others);
      return;
    } catch (error) {
      const taken = error instanceof NsnetError && error.code === 'EEXIST';
      if (!taken || performance.now() > until || !(await someDying([end, ...others]))) throw error;
      await sleep(5, undefined, { signal }).catch(() => {
        throw abortError(signal);
      });
    }
  }
}

async function tryToMake(end: End, linkinfo: object, others: End[]): Promise<void> {
  const { inner, options } = end;
  const devices = Devices.of(inner);
  const { master, up, signal } = options;
  const flags = up ? IFF.UP : 0;
  // Not with the signal: once it is sent, whether the link was made must be known before it may be unmade.
  const made = inner.route.run({
    name: 'RTM_NEWLINK',
    type: RTM.NEWLINK,
    flags: NLM_F.CREATE | NLM_F.EXCL,
    codec,
    prepare: (ask) => {
      if (signal?.aborted) throw abortError(signal);
      return devices.prepare(master, ask);
    },
    body: () => {
      const attributes = {
        ...attributesOf(end),
        linkinfo: linkinfo as never,
        ...(master != null && { master: devices.index(master) }),
      };
      forgetNames(inner);
      return { flags, change: flags, attributes };
    },
    subject: [end, ...others].map(subjectOf).join(' and '),
    explain: explainLink,
  });
  // Looked for even if it could not be made, in the same send: that look fails then, and says nothing of its own.
  const here = [end, ...others.filter((other) => other.inner === inner)];
  const seen = Promise.allSettled(here.map(find));
  await made.catch(async (error) => {
    await seen;
    for (const each of here) delete each.message;
    throw error;
  });
  for (const result of await seen) {
    if (result.status === 'fulfilled') continue;
    await unmakeByName(end).catch(() => undefined);
    throw result.reason;
  }
}

/** Of a link that this object has just made, but could not read. */
async function unmakeByName({ inner, name }: End): Promise<void> {
  await inner.route.run({
    name: 'RTM_DELLINK',
    type: RTM.DELLINK,
    flags: 0,
    codec,
    body: { attributes: { ifname: name } },
  });
}

/**
 * Whether the names are free, or belong only to near ends of veths whose far ends' namespaces are gone already, which
 * the kernel removes soon.
 */
async function someDying(ends: End[]): Promise<boolean> {
  for (const { inner, name } of ends) {
    const found = await inner.route.request(getLinkRequest(name, inner.subject)).catch(() => undefined);
    if (!found) continue;
    const { linkinfo, linkNetnsid } = linkAnswer(found).attributes;
    if (linkinfo?.kind !== 'veth' || linkNetnsid === undefined || !(await isGone(inner, linkNetnsid)))
      return false;
  }
  return true;
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
    () => closedWithin(NOTICING_MILLISECONDS),
    (error: NsnetError) => error.code === 'EINVAL',
  );
}

/**
 * What a link cannot be made with: alias, alternative names, addresses; of a veth's far end, which cannot go up before
 * the near end is there (ENOTCONN), also its master and its state.
 */
export async function finishLink(end: End, near: boolean): Promise<void> {
  const { inner, options } = end;
  const { alias, altNames = [], addresses = [], master, up, signal } = options;
  const changes = alias !== undefined || (!near && (master != null || up));
  await all([...(changes ? [change(end, near)] : []), ...(changes || !end.message ? [find(end)] : [])]);
  if (altNames.length === 0 && addresses.length === 0) return;
  const { index } = end.message as LinkMessage;
  const subject = subjectOf(end);
  const work: Promise<unknown>[] = addresses.map((address) => {
    const spec = typeof address === 'string' ? { address } : address;
    return inner.route.run({ ...addressRequest('add', () => index, spec, subject), signal });
  });
  if (altNames.length > 0) {
    work.push(
      inner.route.run({ ...altNamesRequest('add', inner, index, altNames, subject), signal }),
      find(end),
    );
  }
  await all(work);
}

/** Waits for all, so that nothing is under way any more when the first error is thrown. */
async function all(work: Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) if (result.status === 'rejected') throw result.reason;
}

/** By name, so that it can travel together with the look that finds the index. */
function change(end: End, near: boolean): Promise<unknown> {
  const { inner, name, options } = end;
  const { alias, master, up, signal } = options;
  const devices = Devices.of(inner);
  const flags = up && !near ? IFF.UP : 0;
  return inner.route.run({
    name: 'RTM_SETLINK',
    type: RTM.SETLINK,
    flags: 0,
    codec,
    prepare: near ? undefined : (ask) => devices.prepare(master, ask),
    body: () => ({
      flags,
      change: flags,
      attributes: {
        ifname: name,
        ...(alias !== undefined && { ifalias: alias }),
        ...(!near && master != null && { master: devices.index(master) }),
      },
    }),
    subject: subjectOf(end),
    explain: explainLink,
    signal,
  });
}

/** Makes something, and unmakes it if what follows fails or is aborted. */
export async function makeOrUndo<T>(
  end: End,
  make: () => Promise<void>,
  finish: () => Promise<T>,
): Promise<T> {
  await make();
  try {
    const made = await finish();
    const { signal } = end.options;
    if (signal?.aborted) throw abortError(signal);
    return made;
  } catch (error) {
    const index = (end.message as LinkMessage).index;
    const undone = end.inner.route.request(deleteLinkRequest(end.inner, index, subjectOf(end)));
    const notUndone = await undone.then(
      () => undefined,
      (failure: NsnetError) => (failure.code === 'ENODEV' ? undefined : failure),
    );
    if (!notUndone) throw error;
    throw error instanceof NsnetError
      ? withDetails(error, { notUndone: [notUndone] })
      : Object.assign(error as Error, { notUndone: [notUndone] });
  }
}
