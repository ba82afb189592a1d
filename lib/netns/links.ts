import type { Call, Listing } from '../handles/listing.js';
import type { Change, View, WatchOptions } from '../handles/view.js';
import type { Bridge } from '../links/bridge.js';
import { linkObject } from '../links/kinds.js';
import type { Link } from '../links/link.js';
import type { OtherLink } from '../links/other.js';
import { checkLinkFilter, getLink, type LinkFilter, listLinks } from '../links/read.js';
import type { LinkInfo } from '../links/types.js';
import type { Veth } from '../links/veth.js';
import type { Vxlan } from '../links/vxlan.js';
import { type AnyNetns, openInternals } from '../namespaces/network.js';
import type { LinkBrief } from '../rtnetlink/link.js';
import { describeLinks } from './describe.js';
import { watchTable } from './watch.js';
import { watchedLinks } from './watched.js';

/** A link of any kind: narrows by `kind` and by instanceof. */
export type AnyLink = Veth | Bridge | Vxlan | OtherLink;

function indexOf(link: Link | number): number {
  return typeof link === 'number' ? link : link.index;
}

/** The links of a namespace. They are made by their classes. */
export class Links implements View<AnyLink, LinkFilter> {
  readonly #netns: AnyNetns;

  constructor(netns: AnyNetns) {
    this.#netns = netns;
  }

  /** One link, by name, alternative name or index. Rejects with ENODEV if there is none. */
  async get(link: string | number, o: Call = {}): Promise<AnyLink> {
    return (await getLink(this.#netns, link, o)) as AnyLink;
  }

  list(filter: LinkFilter = {}): Listing<AnyLink> {
    return listLinks(this.#netns, filter) as Listing<AnyLink>;
  }

  watch({ snapshot, ...filter }: LinkFilter & WatchOptions = {}): AsyncIterableIterator<Change<AnyLink>> {
    const inner = openInternals(this.#netns);
    checkLinkFilter(filter, inner);
    const { kind, up, master, signal } = filter;
    const wanted = (info: LinkInfo, { attributes }: LinkBrief) =>
      (kind === undefined || info.kind === kind) &&
      (up === undefined || info.up === up) &&
      (master === undefined ||
        (typeof master === 'string' ? info.master === master : attributes.master === indexOf(master)));
    const show = (info: LinkInfo) => linkObject(this.#netns, info) as AnyLink;
    return watchTable(inner, watchedLinks(inner, wanted), { snapshot, signal }, show);
  }

  /** As `ip link` prints them. */
  async describe(filter: LinkFilter = {}): Promise<string> {
    return describeLinks(openInternals(this.#netns), filter);
  }
}
