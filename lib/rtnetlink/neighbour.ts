import { ip, mac } from '../netlink/address-codecs.js';
import { attributes } from '../netlink/attributes.js';
import type { Read, Write } from '../netlink/codec.js';
import { message } from '../netlink/message.js';
import { be16, flag, s32, u8, u16, u32 } from '../netlink/primitives.js';
import { struct } from '../netlink/struct.js';
import { nested } from '../netlink/table.js';

/** struct ndmsg. */
export const ndmsg = struct((is) => ({
  /** AF_INET, AF_INET6, or AF_BRIDGE for forwarding tables. */
  family: is.u8(),
  index: is.gap(3).s32(),
  /** NUD. */
  state: is.u16(),
  /** NTF. */
  flags: is.u8(),
  /** RTN, of neighbours. */
  type: is.u8(),
}));

/** struct nda_cacheinfo: ages in clock ticks, 100 a second. */
export const neighbourCacheInfo = struct((is) => ({
  confirmed: is.u32(),
  used: is.u32(),
  updated: is.u32(),
  refcnt: is.u32(),
}));

/** NDA_*, linux/neighbour.h. */
export const neighbourAttributes = attributes({
  /** The neighbour's address; of a forwarding table the other end of a tunnel. */
  dst: [1, ip],
  lladdr: [2, mac],
  cacheinfo: [3, neighbourCacheInfo],
  probes: [4, u32],
  vlan: [5, u16],
  port: [6, be16],
  vni: [7, u32],
  /** Of a tunnel, the device that it leaves by; in requests for a table, whose entries are meant. */
  ifindex: [8, u32],
  master: [9, u32],
  linkNetnsid: [10, s32],
  srcVni: [11, u32],
  /** RTPROT. */
  protocol: [12, u8],
  nhId: [13, u32],
  /** NFEA_*. */
  fdbExtAttrs: [14, nested(attributes({ activityNotify: [1, u8], dontRefresh: [2, flag] }))],
  /** NTF_EXT. */
  flagsExt: [15, u32],
  ndmStateMask: [16, u16],
  ndmFlagsMask: [17, u8],
});

/** RTM_NEWNEIGH, RTM_DELNEIGH and RTM_GETNEIGH. */
export const neighbour = message('neighbour', ndmsg, neighbourAttributes);

export type NeighbourMessage = Read<typeof neighbour>;
export type NeighbourRequest = Write<typeof neighbour>;
