import { setTimeout as sleep } from 'node:timers/promises';
import { NLM_F } from '../netlink/constants.js';
import type { Request } from '../netlink/request.js';
import { IFF, RTM } from '../rtnetlink/constants.js';
import { link as codec, type LinkRequest } from '../rtnetlink/link.js';
import { abortError, NsnetError, withNotUndone } from '../syscalls/errors.js';
import { addressRequest } from './addresses.js';
import { Devices, forgetNames, getLinkRequest, linkAnswer } from './devices.js';
import { someDying } from './dying.js';
import { attributesOf, type End, subjectOf } from './end.js';
import { altNamesRequest, deleteLinkRequest, explainLink } from './requests.js';
import type { LinkOptions } from './types.js';

/** How long a name may be taken by a link whose far end's namespace is being torn down; that takes some 50 ms. */
const DYING_MILLISECONDS = 5000;

/** For Request.prepare: its turn comes when `ready` has resolved; if that fails, so does the request. */
function after(ready: Promise<unknown>): () => Promise<void> | undefined {
  let done = false;
  const settled = ready.then(() => {
    done = true;
  });
  settled.catch(() => {});
  return () => (done ? undefined : settled);
}

/** Reads it by its name, behind whatever was issued before. */
async function find(end: End, prepare?: Request['prepare']): Promise<void> {
  const request = getLinkRequest(end.name, end.inner.subject);
  end.message = linkAnswer(await end.inner.route.request({ ...request, prepare }));
}

/**
 * Makes a link with the given linkinfo, a veth with its far end, and does to both what their options ask for; then
 * `build` gives what is to be had of it. What fails or is aborted is undone. A name that is only taken by what the
 * kernel is tearing down is waited for.
 */
export async function makeLink<T>(
  near: End,
  linkinfo: object,
  far: End | undefined,
  build: () => Promise<T>,
): Promise<T> {
  const { signal } = near.options;
  if (signal?.aborted) throw abortError(signal);
  const ends = far ? [near, far] : [near];
  const until = performance.now() + DYING_MILLISECONDS;
  for (;;) {
    for (const end of ends) delete end.message;
    const made = create(near, linkinfo, ends);
    try {
      return await finish(near, far, made, build);
    } catch (error) {
      // What came of `made` is known by now.
      const taken = error instanceof NsnetError && error.code === 'EEXIST' && (await failed(made));
      if (!taken || performance.now() > until || !(await someDying(ends))) throw error;
      await sleep(5, undefined, { signal }).catch(() => {
        throw abortError(signal);
      });
    }
  }
}

const failed = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => false,
    () => true,
  );

/** RTM_NEWLINK. It makes the far end too, which cannot be up before the near end is there (ENOTCONN). */
function create(near: End, linkinfo: object, ends: End[]): Promise<void> {
  const { inner, options } = near;
  const { master, up, signal } = options;
  const devices = Devices.of(inner);
  const flags = up ? IFF.UP : 0;
  // Not with the signal: once it is sent, whether the link was made must be known before it may be unmade.
  return inner.route.run({
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
        ...attributesOf(near),
        linkinfo: linkinfo as never,
        ...(master != null && { master: devices.index(master) }),
      };
      forgetNames(inner);
      return { flags, change: flags, attributes };
    },
    subject: ends.map(subjectOf).join(' and '),
    explain: explainLink,
  });
}

/**
 * All requests are issued at once, each waiting for those it stands on, so that whatever is issued later in one of the
 * namespaces finds the link as it is to be.
 */
async function finish<T>(
  near: End,
  far: End | undefined,
  made: Promise<void>,
  build: () => Promise<T>,
): Promise<T> {
  const work = far ? finishCable(near, far, made) : finishAlone(near, made);
  const results = await Promise.allSettled([made, ...work]);
  const refused = results.find((result) => result.status === 'rejected');
  if (results[0]?.status === 'rejected') throw results[0].reason;
  const { signal } = near.options;
  try {
    if (refused) throw refused.reason;
    const built = await build();
    if (signal?.aborted) throw abortError(signal);
    return built;
  } catch (error) {
    throw await undoing(near, far, error);
  }
}

function finishAlone(end: End, made: Promise<void>): Promise<unknown>[] {
  // In the same send as what makes it. If the name was taken, what is found is another's link, to be left alone.
  const found = find(end);
  const known = after(Promise.all([made, found]));
  const { alias, altNames } = end.options;
  const work = [found, ...change(end, { alias }, known), ...add(end, known, () => indexOf(end))];
  return alias !== undefined || altNames?.length ? [...work, find(end, known)] : work;
}

/**
 * The far end first: it tells the near end's index too, and a look at an end that is up while the other is not costs
 * a grace period of the kernel's (linkwatch_sync_dev deactivates it).
 */
function finishCable(near: End, far: End, made: Promise<void>): Promise<unknown>[] {
  const exists = after(made);
  const { alias, master, up, altNames } = far.options;
  const changed = change(far, { alias, master, up }, exists);
  const farFound = find(far, exists);
  const known = after(farFound);
  const farAdded = add(far, known, () => indexOf(far));
  if (altNames?.length) farAdded.push(find(far, known));
  const nearChanged = change(near, { alias: near.options.alias }, known);
  const nearAdded = add(near, known, () => indexOf(near, far));
  return [...changed, farFound, ...farAdded, ...nearChanged, ...nearAdded, find(near, known)];
}

/** Its index, where the end itself was looked at or the other end of its cable. */
function indexOf(end: End, other?: End): number | undefined {
  return end.message?.index ?? other?.message?.attributes.link;
}

/** Removes what was made; what that cannot do is told with the error. */
async function undoing(end: End, other: End | undefined, error: unknown): Promise<unknown> {
  const { inner } = end;
  const index = indexOf(end, other);
  const removed =
    index === undefined
      ? unmakeByName(end)
      : inner.route.run(deleteLinkRequest(inner, index, subjectOf(end)));
  const notUndone = await removed.then(
    () => undefined,
    (failure: NsnetError) => (failure.code === 'ENODEV' ? undefined : failure),
  );
  return notUndone ? withNotUndone(error, notUndone) : error;
}

/** By name, so that it can travel together with the look that finds the index. Nothing to change, no request. */
function change(
  end: End,
  { alias, master, up }: Pick<LinkOptions, 'alias' | 'master' | 'up'>,
  ready: () => Promise<void> | undefined,
): Promise<unknown>[] {
  if (alias === undefined && master == null && !up) return [];
  const { inner, name, options } = end;
  const devices = Devices.of(inner);
  const flags = up ? IFF.UP : 0;
  const request: Request<LinkRequest> = {
    name: 'RTM_SETLINK',
    type: RTM.SETLINK,
    flags: 0,
    codec,
    prepare: (ask) => ready() ?? devices.prepare(master, ask),
    body: () => ({
      flags,
      change: flags,
      attributes: {
        ifname: name,
        ...(alias !== undefined && { ifalias: alias }),
        ...(master != null && { master: devices.index(master) }),
      },
    }),
    subject: subjectOf(end),
    explain: explainLink,
    signal: options.signal,
  };
  return [inner.route.run(request)];
}

/** Its addresses and alternative names, once its index is known. */
function add(
  end: End,
  known: () => Promise<void> | undefined,
  index: () => number | undefined,
): Promise<unknown>[] {
  const { inner, options } = end;
  const { addresses = [], altNames = [], signal } = options;
  const subject = subjectOf(end);
  const number = index as () => number;
  const work: Promise<unknown>[] = addresses.map((address) => {
    const spec = typeof address === 'string' ? { address } : address;
    return inner.route.run({ ...addressRequest('add', number, spec, subject), prepare: known, signal });
  });
  if (altNames.length === 0) return work;
  const request = altNamesRequest('add', inner, number, altNames, subject);
  return [...work, inner.route.run({ ...request, prepare: known, signal })];
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
