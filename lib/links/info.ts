import type { Internals } from '../namespaces/network.js';
import { Bytes } from '../netlink/bytes.js';
import type { Codec } from '../netlink/codec.js';
import { IFF } from '../rtnetlink/constants.js';
import { kindData, type LinkBrief, linkKinds } from '../rtnetlink/link.js';
import { linkFlagNames, operStates } from '../rtnetlink/names.js';
import { bridgeOptionsOf } from './bridge-options.js';
import { bridgePortOf, bridgePortStateOf } from './bridge-port.js';
import { getLinkRequest, linkAnswer } from './devices.js';
import type { LinkInfo, LinkKinds, LinkRef } from './types.js';
import { vxlanOptionsOf } from './vxlan-options.js';

/** The kinds that have a class of their own. */
export function kindOf(message: LinkBrief): keyof LinkKinds {
  const kind = message.attributes.linkinfo?.kind;
  return kind === 'veth' || kind === 'bridge' || kind === 'vxlan' ? kind : 'other';
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

function optionsOf(message: LinkBrief, parent: string | undefined): LinkKinds[keyof LinkKinds] {
  const kind = kindOf(message);
  if (kind === 'veth') return {};
  if (kind === 'other') {
    const info = message.attributes.linkinfo;
    const raw: Record<number, Uint8Array> = {};
    const data = rawData(message);
    if (data) raw[2] = data;
    return info?.kind === undefined ? { raw } : { type: info.kind, raw };
  }
  if (kind === 'vxlan') return vxlanOptionsOf(kindData(message, 'vxlan'), parent);
  return bridgeOptionsOf(kindData(message, 'bridge'));
}

/** Index of the lower device, where it is one of this namespace. A veth's far end is not below it. */
export function parentIndex(message: LinkBrief): number | undefined {
  const { link, linkNetnsid, linkinfo } = message.attributes;
  if (linkNetnsid !== undefined || linkinfo?.kind === 'veth') return undefined;
  // A VXLAN tells it among its own data.
  const index = linkinfo?.kind === 'vxlan' ? kindData(message, 'vxlan')?.link : link;
  return index === 0 || index === message.index ? undefined : index;
}

/** A link as data. `nameOf` gives names for indexes. */
export function infoOf(message: LinkBrief, nameOf: (index: number) => string | undefined): LinkInfo {
  const { attributes } = message;
  const lower = parentIndex(message);
  const parent = lower === undefined ? undefined : (nameOf(lower) ?? String(lower));
  const info: LinkInfo = {
    index: message.index,
    name: attributes.ifname ?? '',
    kind: kindOf(message),
    up: (message.flags & IFF.UP) !== 0,
    state: String(operStates.nameOf(attributes.operstate ?? 0)),
    flags: linkFlagNames(message.flags),
    mtu: attributes.mtu ?? 0,
    altNames: attributes.propList?.altIfname ?? [],
    linkGroup: attributes.group ?? 0,
    options: optionsOf(message, parent),
  };
  if (attributes.address !== undefined) info.mac = attributes.address;
  if (attributes.master !== undefined) info.master = nameOf(attributes.master) ?? String(attributes.master);
  if (parent !== undefined) info.parent = parent;
  const port = bridgePortOf(message);
  if (port !== undefined) info.bridgePort = port;
  const portState = bridgePortStateOf(message);
  if (portState !== undefined) info.bridgePortState = portState;
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
