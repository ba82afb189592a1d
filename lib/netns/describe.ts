import type { Call } from '../handles/listing.js';
import { addressOf } from '../links/addresses.js';
import { isLink } from '../links/brand.js';
import { dumpAddresses } from '../links/dump-addresses.js';
import { kindOf } from '../links/info.js';
import { checkLinkFilter, dumpWholeLinks, type LinkFilter, namesByIndex } from '../links/read.js';
import type { LinkRef } from '../links/types.js';
import type { Internals } from '../namespaces/network.js';
import type { Family } from '../netlink/addresses.js';
import type { AddressMessage } from '../rtnetlink/address.js';
import { ARPHRD, IFF, INFINITY_LIFE_TIME } from '../rtnetlink/constants.js';
import type { LinkMessage } from '../rtnetlink/link.js';
import { linkFlagNames, operStates } from '../rtnetlink/names.js';
import { matches } from './filter.js';

const TYPES = new Map<number, string>([
  [ARPHRD.ETHER, 'ether'],
  [ARPHRD.LOOPBACK, 'loopback'],
  [ARPHRD.NONE, 'none'],
  [ARPHRD.INFINIBAND, 'infiniband'],
]);

/** The lines of `ip link` for one link. */
function linkLines(
  message: LinkMessage,
  nameOf: (index: number) => string | undefined,
  view: 'link' | 'address',
  known: ReadonlyMap<number, LinkMessage>,
): string[] {
  const { index, type, flags, attributes } = message;
  const {
    ifname,
    mtu,
    qdisc,
    master,
    operstate,
    group,
    txqlen,
    address,
    broadcast,
    ifalias,
    linkNetnsid,
    linkmode,
  } = attributes;
  const parent = attributes.link;
  let at = '';
  if (parent !== undefined && parent !== 0) {
    const name = linkNetnsid === undefined ? nameOf(parent) : undefined;
    at = `@${name ?? `if${parent}`}`;
  } else if (parent === 0) {
    at = '@NONE';
  }
  const flagNames = linkFlagNames(flags);
  const below = parent !== undefined && linkNetnsid === undefined ? known.get(parent) : undefined;
  if (below && !(below.flags & IFF.UP)) flagNames.push('M-DOWN');
  const words = [`mtu ${mtu}`];
  if (qdisc !== undefined) words.push(`qdisc ${qdisc}`);
  if (master !== undefined) words.push(`master ${nameOf(master) ?? `if${master}`}`);
  words.push(`state ${String(operStates.nameOf(operstate ?? 0)).toUpperCase()}`);
  if (view === 'link' && linkmode !== undefined) words.push(`mode ${linkmode === 1 ? 'DORMANT' : 'DEFAULT'}`);
  if (group !== undefined) words.push(`group ${group === 0 ? 'default' : group}`);
  if (txqlen) words.push(`qlen ${txqlen}`);
  const lines = [`${index}: ${ifname}${at}: <${flagNames.join(',')}> ${words.join(' ')}`];
  let second = `    link/${TYPES.get(type) ?? type}`;
  if (address !== undefined) second += ` ${address}`;
  if (broadcast !== undefined) second += ` ${flags & IFF.POINTOPOINT ? 'peer' : 'brd'} ${broadcast}`;
  if (linkNetnsid !== undefined)
    second += ` ${linkNetnsid < 0 ? 'link-netnsid unknown' : `link-netnsid ${linkNetnsid}`}`;
  lines.push(second);
  if (view === 'link' && ifalias !== undefined) lines.push(`    alias ${ifalias}`);
  for (const name of attributes.propList?.altIfname ?? []) lines.push(`    altname ${name}`);
  return lines;
}

function lifetime(seconds: number): string {
  return seconds === INFINITY_LIFE_TIME ? 'forever' : `${seconds}sec`;
}

/** The lines of `ip address` for one address. */
function addressLines(message: AddressMessage, device: string): string[] {
  const { address, peer, family, scope, flags, label } = addressOf(message, device);
  const { broadcast, cacheinfo } = message.attributes;
  let line = `    ${family} ${peer === undefined ? address : `${address.split('/')[0]} peer ${peer}`}`;
  if (broadcast !== undefined) line += ` brd ${broadcast}`;
  line += ` scope ${scope}`;
  if (flags.length > 0) line += ` ${flags.join(' ')}`;
  if (label !== undefined) line += ` ${label}`;
  const lines = [line];
  if (cacheinfo)
    lines.push(
      `       valid_lft ${lifetime(cacheinfo.valid)} preferred_lft ${lifetime(cacheinfo.preferred)}`,
    );
  return lines;
}

function isMeant(ref: LinkRef, { index, attributes }: LinkMessage): boolean {
  if (isLink(ref)) return ref.index === index;
  return typeof ref === 'number'
    ? ref === index
    : attributes.ifname === ref || !!attributes.propList?.altIfname?.includes(ref);
}

/** As `ip link` prints them. */
export async function describeLinks(inner: Internals, filter: LinkFilter): Promise<string> {
  checkLinkFilter(filter, inner);
  const messages = await dumpWholeLinks(inner, filter.signal);
  const nameOf = namesByIndex(messages);
  const known = new Map(messages.map((message) => [message.index, message]));
  const master =
    filter.master === undefined
      ? undefined
      : messages.find((message) => isMeant(filter.master as LinkRef, message));
  const lines = messages
    .filter(({ flags }) => filter.up === undefined || filter.up === ((flags & IFF.UP) !== 0))
    .filter(({ attributes }) => filter.master === undefined || (master && attributes.master === master.index))
    .filter((message) => filter.kind === undefined || filter.kind === kindOf(message))
    .flatMap((message) => linkLines(message, nameOf, 'link', known));
  return lines.map((line) => `${line}\n`).join('');
}

/** As `ip address` prints them: each link with its addresses below it. */
export async function describeAddresses(
  inner: Internals,
  { device, family, signal, ...wanted }: { device?: LinkRef; family?: Family } & Call,
): Promise<string> {
  const [links, messages] = await Promise.all([
    dumpWholeLinks(inner, signal),
    dumpAddresses(inner, family, (message) => message, signal),
  ]);
  const nameOf = namesByIndex(links);
  const filtered = family !== undefined || Object.values(wanted).some((value) => value !== undefined);
  const known = new Map(links.map((link) => [link.index, link]));
  const byIndex = new Map<number, AddressMessage[]>();
  for (const message of messages) {
    if (!matches(addressOf(message, nameOf(message.index) ?? ''), wanted, message.index)) continue;
    const list = byIndex.get(message.index);
    if (list) list.push(message);
    else byIndex.set(message.index, [message]);
  }
  let text = '';
  for (const link of links.sort((a, b) => a.index - b.index)) {
    if (device !== undefined && !isMeant(device, link)) continue;
    const addresses = byIndex.get(link.index) ?? [];
    if (filtered && addresses.length === 0) continue;
    const below = addresses.flatMap((address) => addressLines(address, nameOf(link.index) ?? ''));
    text += [...linkLines(link, nameOf, 'address', known), ...below].map((line) => `${line}\n`).join('');
  }
  return text;
}
