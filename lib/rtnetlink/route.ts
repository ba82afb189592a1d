import { ip } from '../netlink/address-codecs.js';
import { attributes } from '../netlink/attributes.js';
import { type Codec, codec, type Read, type Write } from '../netlink/codec.js';
import { message } from '../netlink/message.js';
import { be16, be32, raw, string, u8, u16, u32 } from '../netlink/primitives.js';
import { records } from '../netlink/records.js';
import { struct } from '../netlink/struct.js';
import { padding } from '../netlink/table.js';

/** struct rtmsg. */
export const rtmsg = struct((is) => ({
  family: is.u8(),
  /** Bits of RTA_DST that count, and of RTA_SRC. */
  dstLen: is.u8(),
  srcLen: is.u8(),
  tos: is.u8(),
  /** RT_TABLE; of tables above 255 only `attributes.table` tells. */
  table: is.u8(),
  protocol: is.u8(),
  scope: is.u8(),
  type: is.u8(),
  flags: is.u32(),
}));

/** RTAX_*: what is known of the path. */
export const routeMetrics = attributes({
  /** Bit n: the kernel may not change metric n. */
  lock: [1, u32],
  mtu: [2, u32],
  window: [3, u32],
  rtt: [4, u32],
  rttvar: [5, u32],
  ssthresh: [6, u32],
  cwnd: [7, u32],
  advmss: [8, u32],
  reordering: [9, u32],
  hoplimit: [10, u32],
  initcwnd: [11, u32],
  features: [12, u32],
  rtoMin: [13, u32],
  initrwnd: [14, u32],
  quickack: [15, u32],
  ccAlgo: [16, string],
  fastopenNoCookie: [17, u32],
});

/** A gateway of another family than the route's, struct rtvia. */
export interface Via {
  /** AF_*. */
  family: number;
  address: string;
}

export const via: Codec<Via> = codec({
  min: 6,
  max: 18,
  size: ({ address }, name) => 2 + ip.size(address, name),
  write: (bytes, offset, { family, address }, name) =>
    ip.write(bytes, u16.write(bytes, offset, family, name), address, name),
  read: (bytes, offset, length) => {
    const address = ip.read(bytes, offset + 2, length - 2);
    return address === undefined ? undefined : { family: u16.read(bytes, offset, 2)!, address };
  },
});

/** One way of several, struct rtnexthop. Its weight is `hops` + 1. */
export const nextHop = message(
  'next hop',
  struct((is) => ({ flags: is.gap(2).u8(), hops: is.u8(), index: is.s32() })),
  attributes({
    gateway: [5, ip],
    flow: [11, u32],
    via: [18, via],
    newdst: [19, raw],
    encapType: [21, u16],
    encap: [22, raw],
    ttlPropagate: [26, u8],
  }),
);

/** struct rta_cacheinfo. Times in clock ticks, 100 a second. */
export const routeCacheInfo = struct((is) => ({
  clntref: is.u32(),
  lastuse: is.u32(),
  expires: is.s32(),
  error: is.u32(),
  used: is.u32(),
  id: is.u32(),
  ts: is.u32(),
  tsage: is.u32(),
}));

/** RTA_*, linux/rtnetlink.h. */
export const routeAttributes = attributes({
  dst: [1, ip],
  src: [2, ip],
  iif: [3, u32],
  oif: [4, u32],
  gateway: [5, ip],
  /** The metric. */
  priority: [6, u32],
  prefsrc: [7, ip],
  metrics: [8, routeMetrics],
  multipath: [9, records(nextHop)],
  flow: [11, u32],
  cacheinfo: [12, routeCacheInfo],
  table: [15, u32],
  mark: [16, u32],
  mfcStats: [17, struct((is) => ({ packets: is.u64(), bytes: is.u64(), wrongIf: is.u64() }))],
  via: [18, via],
  /** Labels to set, of MPLS. */
  newdst: [19, raw],
  pref: [20, u8],
  encapType: [21, u16],
  /** Laid out by encapType. */
  encap: [22, raw],
  /** Seconds. */
  expires: [23, u32],
  pad: [24, padding],
  uid: [25, u32],
  ttlPropagate: [26, u8],
  ipProto: [27, u8],
  sport: [28, be16],
  dport: [29, be16],
  nhId: [30, u32],
  flowlabel: [31, be32],
});

/** RTM_NEWROUTE, RTM_DELROUTE and RTM_GETROUTE. */
export const route = message('route', rtmsg, routeAttributes);

export type RouteMessage = Read<typeof route>;
export type RouteRequest = Write<typeof route>;
export type NextHopMessage = Read<typeof nextHop>;
