import { Pace } from '../handles/pace.js';
import { type Address, addressOf } from '../links/addresses.js';
import { infoOf } from '../links/info.js';
import { dumpLinks } from '../links/read.js';
import type { LinkInfo } from '../links/types.js';
import type { Internals } from '../namespaces/network.js';
import { readAnswer } from '../netlink/answer.js';
import { AF } from '../netlink/constants.js';
import type { Answer } from '../netlink/request.js';
import { type AddressMessage, address as addressCodec } from '../rtnetlink/address.js';
import { IFF, RTM, RTNLGRP } from '../rtnetlink/constants.js';
import { type LinkBrief, linkBrief } from '../rtnetlink/link.js';
import { type NeighbourMessage, neighbour as neighbourCodec } from '../rtnetlink/neighbour.js';
import { type RouteMessage, route as routeCodec } from '../rtnetlink/route.js';
import { abortError } from '../syscalls/errors.js';
import { type FdbEntry, isForMany } from './fdb-entry.js';
import type { Neighbour } from './neighbour.js';
import { type Route, routeOf } from './route.js';
import type { Watched } from './watch.js';

export type NameOf = (index: number) => string | undefined;

/** Links by index, kept up to date by RTM_NEWLINK and RTM_DELLINK. */
class KnownLinks {
  readonly #messages = new Map<number, LinkBrief>();
  readonly nameOf = (index: number) => this.#messages.get(index)?.attributes.ifname;
  readonly kindOf = (index: number) => this.#messages.get(index)?.attributes.linkinfo?.kind;

  async read(inner: Internals, signal?: AbortSignal): Promise<Map<number, LinkBrief>> {
    const messages = await dumpLinks(inner, signal);
    this.#messages.clear();
    for (const message of messages) this.#messages.set(message.index, message);
    return this.#messages;
  }

  /** What it was before, and is now; undefined for messages of other families, which tell no more than was known. */
  apply(answer: Answer): { index: number; before?: LinkBrief; after?: LinkBrief } | undefined {
    const after = readAnswer(linkBrief, answer);
    if (after.family !== AF.UNSPEC) return this.#applyPort(answer, after);
    const before = this.#messages.get(after.index);
    if (answer.type === RTM.NEWLINK) this.#messages.set(after.index, after);
    else this.#messages.delete(after.index);
    return { index: after.index, before, ...(answer.type === RTM.NEWLINK && { after }) };
  }

  /** What a port is set to is told by its bridge alone. */
  #applyPort({ type }: Answer, { family, index, attributes: { protinfo } }: LinkBrief) {
    const before = this.#messages.get(index);
    const linkinfo = before?.attributes.linkinfo;
    if (type !== RTM.NEWLINK || family !== AF.BRIDGE || protinfo === undefined) return undefined;
    if (before === undefined || linkinfo?.slaveKind !== 'bridge') return undefined;
    const attributes = { ...before.attributes, linkinfo: { ...linkinfo, slaveData: protinfo } };
    const after: LinkBrief = { ...before, attributes };
    this.#messages.set(index, after);
    return { index, before, after };
  }
}

function isLink({ type }: Answer): boolean {
  return type === RTM.NEWLINK || type === RTM.DELLINK;
}

/** The links of a namespace: their data are compared, and objects made of them when they are told. */
export function watchedLinks(
  inner: Internals,
  wanted: (info: LinkInfo, message: LinkBrief, nameOf: NameOf) => boolean,
): Watched<LinkInfo> {
  const links = new KnownLinks();
  const enter = (current: Map<string, LinkInfo>, index: number, message: LinkBrief) => {
    const info = infoOf(message, links.nameOf);
    if (wanted(info, message, links.nameOf)) current.set(String(index), info);
    else current.delete(String(index));
  };
  return {
    groups: [RTNLGRP.LINK],
    async read(signal) {
      const current = new Map<string, LinkInfo>();
      for (const [index, message] of await links.read(inner, signal)) enter(current, index, message);
      return current;
    },
    apply({ messages }, current) {
      const touched = new Set<string>();
      for (const answer of messages.filter(isLink)) {
        const change = links.apply(answer);
        if (!change) continue;
        touched.add(String(change.index));
        if (change.after) enter(current, change.index, change.after);
        else current.delete(String(change.index));
      }
      return touched;
    },
  };
}

/** Whether a change of a link can have changed routes or the names that are shown, of which the kernel is silent. */
function movesOthers({ before, after }: NonNullable<ReturnType<KnownLinks['apply']>>): boolean {
  if (!before || !after) return before !== undefined;
  return (
    before.attributes.ifname !== after.attributes.ifname ||
    ((before.flags ^ after.flags) & (IFF.UP | IFF.LOWER_UP)) !== 0
  );
}

/** Reads a table, and keeps what is made of its messages. */
type Reader<M> = (decode: (message: M) => M, signal?: AbortSignal) => Promise<M[]>;

interface Table<M, T> {
  groups: readonly number[];
  dump: Reader<M>;
  decode(answer: Answer): M;
  added: number;
  removed: number;
  /** Messages after which things may be gone of which the kernel says nothing. */
  silencing?: number;
  /** News that say less than others about the same thing. `kindOf` gives Linux's kind of a link. */
  isEcho?(message: M, kindOf: (index: number) => string | undefined): boolean;
  key(message: M): string;
  value(message: M, nameOf: (index: number) => string | undefined): T | undefined;
  wanted(value: T, message: M): boolean;
}

function watchedTable<M, T>(inner: Internals, table: Table<M, T>): Watched<T> {
  const links = new KnownLinks();
  const enter = (current: Map<string, T>, message: M) => {
    const value = table.value(message, links.nameOf);
    if (value !== undefined && table.wanted(value, message)) current.set(table.key(message), value);
    else current.delete(table.key(message));
  };
  return {
    groups: [RTNLGRP.LINK, ...table.groups],
    async read(signal) {
      const known = links.read(inner, signal);
      const current = new Map<string, T>();
      const [messages] = await Promise.all([table.dump((message) => message, signal), known]);
      const pace = new Pace();
      for (const message of messages) {
        enter(current, message);
        if (pace.due) await pace.turn();
      }
      if (signal?.aborted) throw abortError(signal);
      return current;
    },
    apply({ messages }, current) {
      const touched = new Set<string>();
      for (const answer of messages) {
        if (isLink(answer)) {
          const change = links.apply(answer);
          if (change && movesOthers(change)) return undefined;
        } else if (answer.type === table.silencing) {
          return undefined;
        } else if (answer.type === table.added || answer.type === table.removed) {
          const message = table.decode(answer);
          if (table.isEcho?.(message, links.kindOf)) continue;
          touched.add(table.key(message));
          if (answer.type === table.added) enter(current, message);
          else current.delete(table.key(message));
        }
      }
      return touched;
    },
  };
}

export function watchedAddresses(
  inner: Internals,
  dump: Reader<AddressMessage>,
  wanted: (address: Address, message: AddressMessage) => boolean,
): Watched<Address> {
  return watchedTable(inner, {
    groups: [RTNLGRP.IPV4_IFADDR, RTNLGRP.IPV6_IFADDR],
    dump,
    decode: (answer) => readAnswer(addressCodec, answer),
    added: RTM.NEWADDR,
    removed: RTM.DELADDR,
    key: ({ index, family, prefixlen, attributes: { local, address } }) =>
      [index, family, prefixlen, local ?? address, address].join(' '),
    value: (message, nameOf) => addressOf(message, nameOf(message.index) ?? String(message.index)),
    wanted,
  });
}

export function watchedRoutes(
  inner: Internals,
  dump: Reader<RouteMessage>,
  wanted: (route: Route, message: RouteMessage) => boolean,
): Watched<Route> {
  return watchedTable(inner, {
    groups: [RTNLGRP.IPV4_ROUTE, RTNLGRP.IPV6_ROUTE, RTNLGRP.IPV4_IFADDR],
    dump,
    decode: (answer) => readAnswer(routeCodec, answer),
    added: RTM.NEWROUTE,
    removed: RTM.DELROUTE,
    silencing: RTM.DELADDR,
    // Of IPv6 several ways to one destination are routes of their own.
    key: ({ family, dstLen, tos, table, attributes: { dst, priority, gateway, oif, table: wide } }) =>
      [family, dst, dstLen, tos, wide ?? table, priority, ...(family === 10 ? [gateway, oif] : [])].join(' '),
    value: (message, nameOf) => routeOf(message, nameOf),
    wanted,
  });
}

/** Makes what is read of a message, or undefined for those of the other tables. */
type Of<T> = (message: NeighbourMessage, nameOf: NameOf) => T | undefined;

function watchedByNeighbour<T>(
  inner: Internals,
  dump: Reader<NeighbourMessage>,
  key: (message: NeighbourMessage) => string,
  value: Of<T>,
  wanted: (value: T, message: NeighbourMessage) => boolean,
): Watched<T> {
  return watchedTable(inner, {
    groups: [RTNLGRP.NEIGH],
    dump,
    decode: (answer) => readAnswer(neighbourCodec, answer),
    added: RTM.NEWNEIGH,
    removed: RTM.DELNEIGH,
    // Older kernels (6.1, not 6.18) tell of a change that was asked for twice: a VXLAN or a bridge does, and then the
    // kernel in general, which knows neither destinations nor ages.
    isEcho: ({ family, index, attributes: { cacheinfo } }, kindOf) =>
      family === AF.BRIDGE && cacheinfo === undefined && ['vxlan', 'bridge'].includes(kindOf(index) ?? ''),
    key,
    value,
    wanted,
  });
}

export function watchedNeighbours(
  inner: Internals,
  dump: Reader<NeighbourMessage>,
  value: Of<Neighbour>,
  wanted: (neighbour: Neighbour, message: NeighbourMessage) => boolean,
): Watched<Neighbour> {
  const key = ({ family, index, attributes: { dst } }: NeighbourMessage) => [family, index, dst].join(' ');
  return watchedByNeighbour(inner, dump, key, value, wanted);
}

export function watchedFdb(
  inner: Internals,
  dump: Reader<NeighbourMessage>,
  value: Of<FdbEntry>,
  wanted: (entry: FdbEntry, message: NeighbourMessage) => boolean,
): Watched<FdbEntry> {
  const key = ({ family, index, attributes }: NeighbourMessage) => {
    const { lladdr = '', master, vlan, srcVni, dst, port, vni, ifindex, nhId } = attributes;
    // In a bridge an address moves from port to port, of which the kernel tells only where it is now; a VXLAN does the
    // same with destinations, but where there may be several.
    if (master !== undefined) return [family, 'master', master, lladdr, vlan].join(' ');
    const destination = isForMany(lladdr) ? [dst, port, vni, ifindex, nhId] : [];
    return [family, index, lladdr, vlan, srcVni, ...destination].join(' ');
  };
  return watchedByNeighbour(inner, dump, key, value, wanted);
}
