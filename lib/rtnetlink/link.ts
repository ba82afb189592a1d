import { mac } from '../netlink/address-codecs.js';
import { attributes } from '../netlink/attributes.js';
import type { Read, Write } from '../netlink/codec.js';
import { AF } from '../netlink/constants.js';
import { message } from '../netlink/message.js';
import { raw, s32, string, u8, u16, u32, uint } from '../netlink/primitives.js';
import { struct } from '../netlink/struct.js';
import { multi, nested, padding, select, selectByHeader } from '../netlink/table.js';
import { bridge, bridgePort, bridgePortSettings } from './bridge.js';
import { linkMap, linkStats, linkStats64 } from './link-stats.js';
import { vlan } from './vlan.js';
import { vxlan } from './vxlan.js';

/** struct ifinfomsg. */
export const ifinfomsg = struct((is) => ({
  family: is.u8(),
  /** ARPHRD: what hardware it is like. */
  type: is.gap(1).u16(),
  index: is.s32(),
  /** IFF. */
  flags: is.u32(),
  /** Which of the flags are meant; 0xffffffff and 0 both mean all. */
  change: is.u32(),
}));

/** struct ifla_cacheinfo. Times in milliseconds but `tstamp`, hundredths of a second since boot. */
const inet6CacheInfo = struct((is) => ({
  maxReasmLen: is.u32(),
  tstamp: is.u32(),
  reachableTime: is.u32(),
  retransTime: is.u32(),
}));

/** IFLA_INET6_*. */
const inet6 = attributes({
  flags: [1, u32],
  /** Sysctls of the link, s32 each. */
  conf: [2, raw],
  stats: [3, raw],
  mcast: [4, raw],
  cacheinfo: [5, inet6CacheInfo],
  icmp6stats: [6, raw],
  token: [7, raw],
  /** 0 EUI-64, 1 none, 2 stable privacy, 3 random. */
  addrGenMode: [8, u8],
  raMtu: [9, u32],
});

/** IFLA_AF_SPEC. IPv4's sysctls are an array of s32 in answers, and attributes in requests. */
const afSpec = attributes({
  inet: [AF.INET, attributes({ conf: [1, raw] })],
  inet6: [AF.INET6, inet6],
  mctp: [AF.MCTP, attributes({ net: [1, u32], physBinding: [2, u8] })],
});

/** IFLA_XDP_*. */
const xdp = attributes({
  fd: [1, s32],
  attached: [2, u8],
  flags: [3, u32],
  progId: [4, u32],
  drvProgId: [5, u32],
  skbProgId: [6, u32],
  hwProgId: [7, u32],
  expectedFd: [8, s32],
});

/** IFLA_*, linux/if_link.h, but for IFLA_LINKINFO. */
const common = {
  address: [1, mac],
  broadcast: [2, mac],
  ifname: [3, string],
  mtu: [4, u32],
  /** Index of the lower or other device, in the namespace that linkNetnsid names. */
  link: [5, u32],
  qdisc: [6, string],
  stats: [7, linkStats],
  master: [10, u32],
  protinfo: [12, selectByHeader('family', { [AF.BRIDGE]: nested(bridgePort), [AF.INET6]: inet6 })],
  txqlen: [13, u32],
  map: [14, linkMap],
  weight: [15, u32],
  /** IF_OPER. */
  operstate: [16, u8],
  linkmode: [17, u8],
  netNsPid: [19, u32],
  ifalias: [20, string],
  numVf: [21, u32],
  vfinfoList: [22, raw],
  stats64: [23, linkStats64],
  vfPorts: [24, raw],
  portSelf: [25, raw],
  afSpec: [26, selectByHeader('family', { [AF.UNSPEC]: afSpec })],
  group: [27, u32],
  netNsFd: [28, u32],
  /** RTEXT_FILTER, in requests. */
  extMask: [29, u32],
  promiscuity: [30, u32],
  numTxQueues: [31, u32],
  numRxQueues: [32, u32],
  carrier: [33, u8],
  physPortId: [34, raw],
  carrierChanges: [35, u32],
  physSwitchId: [36, raw],
  /** The kernel's number for the namespace that `link` is in, where it is another; -1 where it has none. */
  linkNetnsid: [37, s32],
  physPortName: [38, string],
  protoDown: [39, u8],
  gsoMaxSegs: [40, u32],
  gsoMaxSize: [41, u32],
  pad: [42, padding],
  xdp: [43, xdp],
  event: [44, u32],
  newNetnsid: [45, s32],
  targetNetnsid: [46, s32],
  carrierUpCount: [47, u32],
  carrierDownCount: [48, u32],
  newIfindex: [49, s32],
  minMtu: [50, u32],
  /** 0 for no limit. */
  maxMtu: [51, u32],
  propList: [52, nested(attributes({ altIfname: [53, multi(string)] }))],
  altIfname: [53, string],
  permAddress: [54, mac],
  protoDownReason: [55, nested(attributes({ mask: [1, u32], value: [2, u32] }))],
  parentDevName: [56, string],
  parentDevBusName: [57, string],
  groMaxSize: [58, u32],
  tsoMaxSize: [59, u32],
  tsoMaxSegs: [60, u32],
  allmulti: [61, u32],
  devlinkPort: [62, nested(raw)],
  gsoIpv4MaxSize: [63, u32],
  groIpv4MaxSize: [64, u32],
  dpllPin: [65, nested(attributes({ id: [1, u32] }))],
  /** Nanoseconds. */
  maxPacingOffloadHorizon: [66, uint],
  netnsImmutable: [67, u8],
  headroom: [68, u16],
  tailroom: [69, u16],
} as const;

/** VETH_INFO_*: the other end, a link message of its own. */
export const veth = attributes({ peer: [1, message('link', ifinfomsg, attributes(common))] });

/** What IFLA_INFO_DATA holds, by IFLA_INFO_KIND. The data of other kinds stays bytes. */
export const linkKinds = { veth, bridge, vlan, vxlan };

/** What IFLA_INFO_SLAVE_DATA holds, by IFLA_INFO_SLAVE_KIND, the kind of the master. */
export const slaveKinds = { bridge: bridgePort };

/** IFLA_INFO_*. */
export const linkInfo = attributes({
  kind: [1, string],
  data: [2, select('kind', linkKinds)],
  xstats: [3, raw],
  slaveKind: [4, string],
  slaveData: [5, select('slaveKind', slaveKinds)],
});

export const linkAttributes = attributes({ ...common, linkinfo: [18, linkInfo] });

const {
  address,
  ifname,
  mtu,
  link: lower,
  master,
  operstate,
  ifalias,
  group,
  linkNetnsid,
  propList,
} = common;
const skipped = { others: 'skipped' } as const;

/** What of a port is told with its link. */
const bridgePortBrief = attributes(bridgePortSettings, skipped);

export type BridgePortBrief = Read<typeof bridgePortBrief>;

const linkInfoBrief = attributes(
  {
    kind: [1, string],
    data: [2, select('kind', linkKinds)],
    slaveKind: [4, string],
    slaveData: [5, select('slaveKind', { bridge: bridgePortBrief })],
  },
  skipped,
);

/** A link's identity and state, which is most of what anybody asks: a tenth of what the kernel tells. */
export const linkBrief = message(
  'link',
  ifinfomsg,
  attributes(
    {
      ...{ address, ifname, mtu, link: lower, master, operstate, ifalias, group, linkNetnsid, propList },
      protinfo: [12, selectByHeader('family', { [AF.BRIDGE]: bridgePortBrief })],
      linkinfo: [18, linkInfoBrief],
    },
    skipped,
  ),
);

export type LinkBrief = Read<typeof linkBrief>;

/** RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK, RTM_NEWLINKPROP and RTM_DELLINKPROP. */
export const link = message('link', ifinfomsg, linkAttributes);

export type LinkMessage = Read<typeof link>;
export type LinkRequest = Write<typeof link>;
export type LinkInfoAttributes = Read<typeof linkInfo>;
export type LinkKindData = { [K in keyof typeof linkKinds]: Read<(typeof linkKinds)[K]> };
export type SlaveKindData = { [K in keyof typeof slaveKinds]: Read<(typeof slaveKinds)[K]> };

/** A link's own data, typed by its kind; undefined where it is of another kind or has none. */
export function kindData<K extends keyof LinkKindData>(
  { attributes: { linkinfo } }: LinkBrief,
  kind: K,
): LinkKindData[K] | undefined {
  return linkinfo?.kind === kind ? (linkinfo.data as LinkKindData[K] | undefined) : undefined;
}

/** What a link is set to as part of its master, typed by the master's kind. */
export function slaveData<K extends keyof SlaveKindData>(
  { attributes: { linkinfo } }: LinkMessage,
  kind: K,
): SlaveKindData[K] | undefined {
  return linkinfo?.slaveKind === kind ? (linkinfo.slaveData as SlaveKindData[K] | undefined) : undefined;
}
