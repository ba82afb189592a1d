import type { Internals } from '../namespaces/network.js';
import { Bytes } from '../netlink/bytes.js';
import type { Codec } from '../netlink/codec.js';
import { IFF } from '../rtnetlink/constants.js';
import { kindData, type LinkBrief, linkKinds } from '../rtnetlink/link.js';
import { linkFlagNames, operStates } from '../rtnetlink/names.js';
import { getLinkRequest, linkAnswer } from './devices.js';
import type { LinkInfo, LinkKinds, LinkRef } from './types.js';

/** The kinds that have a class of their own. */
export function kindOf(message: LinkBrief): keyof LinkKinds {
  const kind = message.attributes.linkinfo?.kind;
  return kind === 'veth' || kind === 'bridge' ? kind : 'other';
}

/** IFLA_INFO_DATA as the kernel sent it, also of a kind that has a table and no class yet. */
function rawData({ attributes: { linkinfo } }: LinkBrief): Uint8Array | undefined {
  const { kind, data } = linkinfo ?? {};
  if (data === undefined || data instanceof Uint8Array) return data;
  const codec = linkKinds[kind as keyof typeof linkKinds] as Codec<unknown>;
  const bytes = Bytes.alloc(codec.size(data, 'data'));
  codec.write(bytes, 0, data, 'data');
  return bytes.array;
}

function optionsOf(message: LinkBrief): LinkKinds[keyof LinkKinds] {
  const kind = kindOf(message);
  if (kind === 'veth') return {};
  if (kind === 'other') {
    const info = message.attributes.linkinfo;
    const raw: Record<number, Uint8Array> = {};
    const data = rawData(message);
    if (data) raw[2] = data;
    return info?.kind === undefined ? { raw } : { type: info.kind, raw };
  }
  const data = kindData(message, 'bridge');
  return {
    stp: (data?.stpState ?? 0) !== 0,
    vlanFiltering: (data?.vlanFiltering ?? 0) !== 0,
    ageingTime: (data?.ageingTime ?? 0) * 10,
  };
}

/** Index of the lower device, where it is one of this namespace. A veth's far end is not below it. */
export function parentIndex({
  index,
  attributes: { link, linkNetnsid, linkinfo },
}: LinkBrief): number | undefined {
  if (
    link === undefined ||
    link === 0 ||
    link === index ||
    linkNetnsid !== undefined ||
    linkinfo?.kind === 'veth'
  ) {
    return undefined;
  }
  return link;
}

/** A link as data. `nameOf` gives names for indexes. */
export function infoOf(message: LinkBrief, nameOf: (index: number) => string | undefined): LinkInfo {
  const { attributes } = message;
  const parent = parentIndex(message);
  const info: LinkInfo = {
    index: message.index,
    name: attributes.ifname ?? '',
    kind: kindOf(message),
    up: (message.flags & IFF.UP) !== 0,
    state: String(operStates.nameOf(attributes.operstate ?? 0)),
    flags: linkFlagNames(message.flags),
    mtu: attributes.mtu ?? 0,
    altNames: attributes.propList?.altIfname ?? [],
    options: optionsOf(message),
  };
  if (attributes.address !== undefined) info.mac = attributes.address;
  if (attributes.master !== undefined) info.master = nameOf(attributes.master) ?? String(attributes.master);
  if (parent !== undefined) info.parent = nameOf(parent) ?? String(parent);
  if (attributes.ifalias !== undefined) info.alias = attributes.ifalias;
  return info;
}

/** The same, asking the kernel for the names but that of `known`. */
export async function readInfo(
  inner: Internals,
  message: LinkBrief,
  known?: LinkRef | null,
): Promise<LinkInfo> {
  const names = new Map<number, string>();
  if (typeof known === 'object' && known !== null) names.set(known.index, known.name);
  for (const index of [message.attributes.master, parentIndex(message)]) {
    if (index === undefined || names.has(index)) continue;
    // Gone meanwhile: its number must do.
    const answers = await inner.route.request(getLinkRequest(index, inner.subject)).catch(() => undefined);
    const name = answers && linkAnswer(answers).attributes.ifname;
    if (name !== undefined) names.set(index, name);
  }
  return infoOf(message, (index) => names.get(index));
}
