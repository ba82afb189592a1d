import { type Call, Listing } from '../handles/listing.js';
import { type AnyNetns, type Internals, openInternals } from '../namespaces/network.js';
import { readAnswer } from '../netlink/answer.js';
import type { MessageCodec } from '../netlink/message.js';
import { RTEXT_FILTER, RTM } from '../rtnetlink/constants.js';
import { link as codec, type LinkBrief, type LinkMessage, linkBrief } from '../rtnetlink/link.js';
import { checkBoolean, checkKeys, checkObject, checkSignal, invalidValue } from '../syscalls/validate.js';
import { checkLinkRef, getLinkRequest, linkAnswer } from './devices.js';
import { infoOf, readInfo } from './info.js';
import { linkObject } from './kinds.js';
import type { Link } from './link.js';
import type { LinkKinds, LinkRef } from './types.js';

/** Which links. */
export interface LinkFilter extends Call {
  kind?: keyof LinkKinds;
  /** The ports of this one. */
  master?: LinkRef;
  up?: boolean;
}

const KINDS: readonly (keyof LinkKinds)[] = ['veth', 'bridge', 'vxlan', 'other'];

export function checkLinkFilter(filter: LinkFilter, inner: Internals): void {
  checkObject('filter', filter);
  checkKeys('filter', filter, ['kind', 'master', 'up', 'signal']);
  checkSignal(filter.signal);
  if (filter.kind !== undefined && !KINDS.includes(filter.kind)) {
    throw invalidValue('kind', `one of ${KINDS.join(', ')}`, filter.kind);
  }
  if (filter.up !== undefined) checkBoolean('up', filter.up);
  if (filter.master !== undefined) checkLinkRef(filter.master, inner, 'master');
}

/** The identity and state of all links of a namespace, in the kernel's order. */
export function dumpLinks(inner: Internals, signal?: AbortSignal): Promise<LinkBrief[]> {
  return dumpAs(linkBrief, inner, signal);
}

/** All that the kernel says of them, but for statistics. */
export function dumpWholeLinks(inner: Internals, signal?: AbortSignal): Promise<LinkMessage[]> {
  return dumpAs(codec, inner, signal);
}

function dumpAs<T, I>(as: MessageCodec<T, I>, inner: Internals, signal?: AbortSignal): Promise<T[]> {
  const attributes = { extMask: RTEXT_FILTER.SKIP_STATS };
  const request = {
    name: 'RTM_GETLINK',
    type: RTM.GETLINK,
    flags: 0,
    codec,
    body: { attributes },
    subject: inner.subject,
    signal,
  };
  return inner.route.dump(request, (answer) =>
    answer.type === RTM.NEWLINK ? readAnswer(as, answer) : undefined,
  );
}

/** Names by index. */
export function namesByIndex(messages: LinkBrief[]): (index: number) => string | undefined {
  const names = new Map(messages.map(({ index, attributes }) => [index, attributes.ifname]));
  return (index) => names.get(index);
}

/** Alternative names by index. */
export function altNamesByIndex(messages: LinkBrief[]): (index: number | undefined) => string[] | undefined {
  const names = new Map(messages.map(({ index, attributes }) => [index, attributes.propList?.altIfname]));
  return (index) => (index === undefined ? undefined : names.get(index));
}

/** The names of all links, for what is read at the same time: all is issued at once. */
export function readNames(inner: Internals, signal?: AbortSignal) {
  const names = {
    nameOf: namesByIndex([]),
    altNamesOf: altNamesByIndex([]),
    ready: dumpLinks(inner, signal).then((messages) => {
      names.nameOf = namesByIndex(messages);
      names.altNamesOf = altNamesByIndex(messages);
      return messages;
    }),
  };
  return names;
}

/** The links of a namespace as objects. */
export function listLinks(netns: AnyNetns, filter: LinkFilter = {}): Listing<Link> {
  const inner = openInternals(netns);
  checkLinkFilter(filter, inner);
  return new Listing(
    async () => {
      const messages = await dumpLinks(inner, filter.signal);
      const nameOf = namesByIndex(messages);
      const master = masterOf(messages, filter.master);
      const wanted = messages.filter(
        ({ attributes }) => master === undefined || attributes.master === master,
      );
      const found: Link[] = [];
      for (const message of wanted) {
        const info = infoOf(message, nameOf);
        if (filter.kind !== undefined && info.kind !== filter.kind) continue;
        if (filter.up !== undefined && info.up !== filter.up) continue;
        found.push(linkObject(netns, info));
      }
      return found;
    },
    inner.during,
    filter.signal,
  );
}

function masterOf(messages: LinkBrief[], ref: LinkRef | undefined): number | undefined {
  if (ref === undefined || typeof ref === 'number') return ref;
  if (typeof ref !== 'string') return ref.index;
  const found = messages.find(
    ({ attributes }) => attributes.ifname === ref || attributes.propList?.altIfname?.includes(ref),
  );
  return found?.index ?? -1;
}

export async function readLinks(netns: AnyNetns, filter: LinkFilter): Promise<Link[]> {
  return listLinks(netns, filter);
}

/** One link, by name, alternative name or index; ENODEV if there is none. */
export async function getLink(netns: AnyNetns, ref: string | number, { signal }: Call = {}): Promise<Link> {
  const inner = openInternals(netns);
  checkLinkRef(ref, inner, 'link');
  checkSignal(signal);
  const work = async () => {
    const message = linkAnswer(await inner.route.request({ ...getLinkRequest(ref, inner.subject), signal }));
    return linkObject(netns, await readInfo(inner, message));
  };
  return inner.during(work());
}
