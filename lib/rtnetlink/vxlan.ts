import { ipv4, ipv6 } from '../netlink/address-codecs.js';
import { attributes } from '../netlink/attributes.js';
import { be16, be32, flag, rawOf, u8, u32 } from '../netlink/primitives.js';
import { struct } from '../netlink/struct.js';

/** IFLA_VXLAN_*. */
export const vxlan = attributes({
  /** VNI. */
  id: [1, u32],
  /** The other end, or the multicast group of all others; group6 for IPv6. */
  group: [2, ipv4],
  /** Index of the lower device. */
  link: [3, u32],
  local: [4, ipv4],
  ttl: [5, u8],
  tos: [6, u8],
  learning: [7, u8],
  /** Seconds. */
  ageing: [8, u32],
  limit: [9, u32],
  /** Source ports. */
  portRange: [10, struct((is) => ({ low: is.be16(), high: is.be16() }))],
  proxy: [11, u8],
  rsc: [12, u8],
  l2miss: [13, u8],
  l3miss: [14, u8],
  /** Destination port. */
  port: [15, be16],
  group6: [16, ipv6],
  local6: [17, ipv6],
  udpCsum: [18, u8],
  udpZeroCsum6Tx: [19, u8],
  udpZeroCsum6Rx: [20, u8],
  remcsumTx: [21, u8],
  remcsumRx: [22, u8],
  gbp: [23, flag],
  remcsumNopartial: [24, flag],
  collectMetadata: [25, u8],
  label: [26, be32],
  gpe: [27, flag],
  ttlInherit: [28, flag],
  df: [29, u8],
  vnifilter: [30, u8],
  localbypass: [31, u8],
  labelPolicy: [32, u32],
  reservedBits: [33, rawOf(8)],
  mcRoute: [34, u8],
});
