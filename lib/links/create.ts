import { setTimeout as sleep } from 'node:timers/promises';
import { NLM_F } from '../netlink/constants.js';
import type { Request } from '../netlink/request.js';
import { IFF, RTM } from '../rtnetlink/constants.js';
import { link as codec, type LinkMessage, type LinkRequest } from '../rtnetlink/link.js';
import { abortError, NsnetError, withDetails } from '../syscalls/errors.js';
import { addressRequest } from './addresses.js';
import { Devices, forgetNames, getLinkRequest, linkAnswer } from './devices.js';
import { someDying } from './dying.js';
import { attributesOf, type End, subjectOf } from './end.js';
import { altNamesRequest, deleteLinkRequest, explainLink } from './requests.js';

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

/** RTM_NEWLINK. A far end cannot be up before the near end is there (ENOTCONN), nor the near end of use before it. */
function create(near: End, linkinfo: object, ends: End[]): Promise<void> {
  const { inner, options } = near;
  const { master, up, signal } = options;
  const devices = Devices.of(inner);
  const flags = up && ends.length === 1 ? IFF.UP : 0;
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
  // In the same send as what makes it: if that fails so does the look, and says nothing of its own.
  const found = find(near);
  const there = Promise.all([made, found]);
  const work: Promise<unknown>[] = [made, found, ...change(near, there, there, far !== undefined)];
  if (far) {
    const farFound = find(far, after(made));
    work.push(farFound, ...change(far, made, farFound, true));
  }
  const results = await Promise.allSettled(work);
  const refused = results.find((result) => result.status === 'rejected');
  if (results[0]?.status === 'rejected') throw results[0].reason;
  const { signal } = near.options;
  try {
    if (refused) throw refused.reason;
    const built = await build();
    if (signal?.aborted) throw abortError(signal);
    return built;
  } catch (error) {
    throw await undoing(near, error);
  }
}

/** Removes what was made; what that cannot do is told with the error. */
async function undoing(end: End, error: unknown): Promise<unknown> {
  const { inner, message } = end;
  const removed = message
    ? inner.route.run(deleteLinkRequest(inner, message.index, subjectOf(end)))
    : unmakeByName(end);
  const notUndone = await removed.then(
    () => undefined,
    (failure: NsnetError) => (failure.code === 'ENODEV' ? undefined : failure),
  );
  if (!notUndone) return error;
  return error instanceof NsnetError
    ? withDetails(error, { notUndone: [notUndone] })
    : Object.assign(error as Error, { notUndone: [notUndone] });
}

/**
 * What a link cannot be made with: alias, alternative names, addresses; of a cable also the state of its ends, and the
 * far end's master. `ready`: it is there; `seen`: and its index is known.
 */
function change(
  end: End,
  ready: Promise<unknown>,
  seen: Promise<unknown>,
  ofCable: boolean,
): Promise<unknown>[] {
  const { inner, options } = end;
  const { alias, altNames = [], addresses = [], master, up, signal } = options;
  const near = ready === seen;
  const work: Promise<unknown>[] = [];
  // The look before it comes up (`seen`) spares a grace period of the kernel's: a link that is up without a carrier
  // when it is first looked at is deactivated (linkwatch_sync_dev).
  const changes = alias !== undefined || (ofCable && up) || (!near && master != null);
  const exists = after(ready);
  if (changes) work.push(inner.route.run(changeRequest(end, exists, near, ofCable)));
  const known = after(seen);
  const index = () => (end.message as LinkMessage).index;
  const subject = subjectOf(end);
  for (const address of addresses) {
    const spec = typeof address === 'string' ? { address } : address;
    work.push(inner.route.run({ ...addressRequest('add', index, spec, subject), prepare: known, signal }));
  }
  if (altNames.length > 0) {
    const request = altNamesRequest('add', inner, index, altNames, subject);
    work.push(inner.route.run({ ...request, prepare: known, signal }));
  }
  if (changes || altNames.length > 0) work.push(find(end, exists));
  return work;
}

/** By name, so that of a far end it can travel together with the look that finds the index. */
function changeRequest(
  end: End,
  exists: () => Promise<void> | undefined,
  near: boolean,
  ofCable: boolean,
): Request<LinkRequest> {
  const { inner, name, options } = end;
  const { alias, master, up, signal } = options;
  const devices = Devices.of(inner);
  const flags = up && ofCable ? IFF.UP : 0;
  return {
    name: 'RTM_SETLINK',
    type: RTM.SETLINK,
    flags: 0,
    codec,
    prepare: (ask) => exists() ?? (near ? undefined : devices.prepare(master, ask)),
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
  };
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
