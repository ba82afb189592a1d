import { setTimeout as sleep } from 'node:timers/promises';
import { NLM_F } from '../netlink/constants.js';
import { after, type Gate, type Request } from '../netlink/request.js';
import { IFF, RTM } from '../rtnetlink/constants.js';
import { link as codec, type LinkBrief, type LinkRequest } from '../rtnetlink/link.js';
import { abortError, NsnetError, withDetails, withNotUndone } from '../syscalls/errors.js';
import { addressRequest } from './addresses.js';
import { bridgePortRequest } from './bridge-port.js';
import { Devices, forgetNames, getLinkRequest, linkAnswer } from './devices.js';
import { takenEnds } from './dying.js';
import { type Attributes, attributesOf, type End, subjectOf } from './end.js';
import { altNamesRequest, deleteLinkRequest, explainLink, nameInUse } from './requests.js';
import type { DeviceData, LinkOptions, LinkRef } from './types.js';

/** How long a name may be taken by a link whose far end's namespace is being torn down; that takes some 50 ms. */
const DYING_MILLISECONDS = 5000;

/** A link to be made. */
export interface Making {
  /** Of a veth, the end whose socket is asked for it. */
  near: End;
  /** Of a veth, the other end. */
  far?: End;
  /** IFLA_INFO_KIND. */
  kind: string;
  /** IFLA_INFO_DATA; a function where it names devices, which are looked up first. */
  data?: object | DeviceData;
  /** Devices that `data` names. */
  devices?: readonly (LinkRef | undefined)[];
  /** What else RTM_NEWLINK is to say. */
  attributes?: Attributes;
  /** What the kind knows of the causes of refusals. */
  explain?: (error: NsnetError) => NsnetError;
}

/** Reads it by its name, in the same send as what makes it. */
async function find(end: End): Promise<void> {
  const { inner, name } = end;
  end.message = linkAnswer(await inner.route.request(getLinkRequest(name, inner.subject)));
}

/** Reads it by its index: whoever renames it, or gives its name to another link, changes nothing for us. */
async function look(end: End, index: () => number, known: Gate): Promise<void> {
  const { inner } = end;
  const request = getLinkRequest(1, inner.subject);
  const body = () => ({ ...(request.body as LinkRequest), index: index() });
  end.message = linkAnswer(
    await inner.route.request({ ...request, body, subject: subjectOf(end), prepare: known }),
  );
}

/**
 * Makes a link, a veth with both its ends, and does to them what their options ask for; then `build` gives what is to
 * be had of it. What fails or is aborted is undone. A name that is only taken by what the kernel is tearing down is
 * waited for.
 */
export async function makeLink<T>(making: Making, build: () => Promise<T>): Promise<T> {
  const { signal } = making.near.options;
  if (signal?.aborted) throw abortError(signal);
  const ends = endsOf(making);
  const until = performance.now() + DYING_MILLISECONDS;
  for (;;) {
    for (const end of ends) delete end.message;
    const made = create(making);
    try {
      return await finish(making, made, build);
    } catch (error) {
      // What came of `made` is known by now.
      const taken = isTaken(error) && (await failed(made));
      if (!taken || performance.now() > until) throw error;
      const held = await takenEnds(ends);
      if (held.length > 0) throw withDetails(error, { hint: takenHint(making, held) });
      await sleep(5, undefined, { signal }).catch(() => {
        throw abortError(signal);
      });
    }
  }
}

/** A name that is in use; what of a kind's own is, the kernel says in words. */
const isTaken = (error: unknown): error is NsnetError =>
  error instanceof NsnetError && error.code === 'EEXIST' && error.kernel === undefined;

const endsOf = ({ near, far }: Making): End[] => (far ? [near, far] : [near]);

/** Two ends may have one name, in namespaces that have none: which end it is, is told by its argument. */
function takenHint({ near, far }: Making, held: End[]): string {
  const which = (end: End) => (end === near ? ' (`end`)' : ' (`otherEnd`)');
  return nameInUse(...held.map((end) => `${subjectOf(end)}${far ? which(end) : ''}`));
}

const failed = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => false,
    () => true,
  );

/** RTM_NEWLINK. It makes the far end too, which cannot be up before the near end is there (ENOTCONN). */
function create(making: Making): Promise<void> {
  const { near, far, kind, data, attributes, devices: named = [], explain = explainLink } = making;
  const { inner, options } = near;
  const { master, up, signal } = options;
  const devices = Devices.of(inner);
  const flags = up && !far ? IFF.UP : 0;
  // Not with the signal: once it is sent, whether the link was made must be known before it may be unmade.
  return inner.route.run({
    name: 'RTM_NEWLINK',
    type: RTM.NEWLINK,
    flags: NLM_F.CREATE | NLM_F.EXCL,
    codec,
    prepare: (ask) => {
      if (signal?.aborted) throw abortError(signal);
      return devices.prepareAll([master, ...named], ask);
    },
    body: () => {
      const content = typeof data === 'function' ? data((ref) => devices.index(ref)) : data;
      const all = {
        ...attributesOf(near),
        ...attributes,
        linkinfo: { kind, data: content } as never,
        ...(master != null && { master: devices.index(master) }),
      };
      forgetNames(inner);
      return { flags, change: flags, attributes: all };
    },
    subject: endsOf({ near, far, kind }).map(subjectOf).join(' and '),
    explain,
  });
}

/**
 * All requests are issued at once, each waiting for those it stands on, so that whatever is issued later in one of the
 * namespaces finds the link as it is to be.
 */
async function finish<T>(making: Making, made: Promise<void>, build: () => Promise<T>): Promise<T> {
  const { near } = making;
  // In the same send as what makes it. If the name was taken, what is found is another's link, to be left alone.
  const found = find(near);
  const known = after(Promise.all([made, found]));
  const work = [made, found, ...furnish(making, known)];
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
    throw await undoing(making, error);
  }
}

/** Both ends, once the near end was found: what was found tells the far end's index too. All goes by index. */
function furnish({ near, far }: Making, known: Gate): Promise<unknown>[] {
  const index = () => (near.message as LinkBrief).index;
  const { alias, up } = near.options;
  const changed = change(near, far ? { alias, up } : { alias }, index, known);
  const port = bridgePort(near, index, known);
  const work = [...changed, ...port, ...add(near, index, known)];
  if (changed.length + port.length > 0 || near.options.altNames?.length) work.push(look(near, index, known));
  if (!far) return work;
  const farIndex = () => (near.message as LinkBrief).attributes.link as number;
  // A look at an end that is up before it was ever looked at costs a grace period of the kernel's, as long as the
  // other end is not up: linkwatch_sync_dev() deactivates it.
  if (far.options.up) work.push(look(far, farIndex, known));
  work.push(...change(far, far.options, farIndex, known), ...bridgePort(far, farIndex, known));
  work.push(...add(far, farIndex, known));
  return [...work, look(far, farIndex, known)];
}

/** Removes what was made; what that cannot do is told with the error. */
async function undoing({ near: end, kind }: Making, error: unknown): Promise<unknown> {
  const { inner } = end;
  const remove = async () => {
    // It could not be looked at, so that only its name is known: another kind's it is not.
    if (!end.message) await find(end);
    const { index, attributes } = end.message as unknown as LinkBrief;
    if (attributes.linkinfo?.kind !== kind) return;
    await inner.route.run(deleteLinkRequest(inner, index, subjectOf(end)));
  };
  const gone = error instanceof NsnetError && error.code === 'ENODEV' && !end.message;
  const notUndone = gone
    ? undefined
    : await remove().then(
        () => undefined,
        (failure: NsnetError) => (failure.code === 'ENODEV' ? undefined : failure),
      );
  return notUndone ? withNotUndone(error, notUndone) : error;
}

type Changes = Pick<LinkOptions, 'alias' | 'master' | 'up'>;

/** Nothing to change, no request. */
function change(
  end: End,
  { alias, master, up }: Changes,
  index: () => number,
  known: Gate,
): Promise<unknown>[] {
  if (alias === undefined && master == null && !up) return [];
  const { inner, options } = end;
  const devices = Devices.of(inner);
  const flags = up ? IFF.UP : 0;
  const request: Request<LinkRequest> = {
    name: 'RTM_SETLINK',
    type: RTM.SETLINK,
    flags: 0,
    codec,
    prepare: (ask) => known() ?? devices.prepare(master, ask),
    body: () => ({
      index: index(),
      flags,
      change: flags,
      attributes: {
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

/** What it is set to as a port of its master, which it has by then. */
function bridgePort(end: End, index: () => number, known: Gate): Promise<unknown>[] {
  const { inner, options } = end;
  if (options.bridgePort === undefined) return [];
  const how = { prepare: known, signal: options.signal };
  return [inner.route.run(bridgePortRequest(inner, index, options.bridgePort, subjectOf(end), how))];
}

/** Its addresses and alternative names. */
function add(end: End, index: () => number, known: Gate): Promise<unknown>[] {
  const { inner, options } = end;
  const { addresses = [], altNames = [], signal } = options;
  const subject = subjectOf(end);
  const work: Promise<unknown>[] = addresses.map((address) => {
    const spec = typeof address === 'string' ? { address } : address;
    return inner.route.run({ ...addressRequest('add', index, spec, subject), prepare: known, signal });
  });
  if (altNames.length === 0) return work;
  const request = altNamesRequest('add', inner, index, altNames, subject);
  return [...work, inner.route.run({ ...request, prepare: known, signal })];
}
