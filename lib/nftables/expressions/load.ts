import { attributes } from '../../netlink/attributes.js';
import { be32, u8 } from '../../netlink/primitives.js';
import { bits, enumeration } from '../codecs.js';

/** Expressions that put something of the packet, or about it, into a register, or the other way round. */

/** NFT_META_*. */
export const META_KEYS = {
  len: 0,
  protocol: 1,
  priority: 2,
  mark: 3,
  iif: 4,
  oif: 5,
  iifname: 6,
  oifname: 7,
  iiftype: 8,
  oiftype: 9,
  skuid: 10,
  skgid: 11,
  nftrace: 12,
  rtclassid: 13,
  secmark: 14,
  nfproto: 15,
  l4proto: 16,
  ibrname: 17,
  obrname: 18,
  pkttype: 19,
  cpu: 20,
  iifgroup: 21,
  oifgroup: 22,
  cgroup: 23,
  random: 24,
  secpath: 25,
  iifkind: 26,
  oifkind: 27,
  ibrpvid: 28,
  ibrvproto: 29,
  time: 30,
  day: 31,
  hour: 32,
  sdif: 33,
  sdifname: 34,
  broute: 35,
  ibrhwaddr: 37,
} as const;

export const meta = attributes({ dreg: [1, be32], key: [2, enumeration(be32, META_KEYS)], sreg: [3, be32] });

export const payload = attributes({
  dreg: [1, be32],
  base: [2, enumeration(be32, { link: 0, network: 1, transport: 2, inner: 3, tunnel: 4 })],
  offset: [3, be32],
  len: [4, be32],
  sreg: [5, be32],
  csumType: [6, enumeration(be32, { none: 0, inet: 1, sctp: 2 })],
  csumOffset: [7, be32],
  csumFlags: [8, bits(be32, { pseudoHeader: 1 })],
});

export const exthdr = attributes({
  dreg: [1, be32],
  header: [2, u8],
  offset: [3, be32],
  len: [4, be32],
  flags: [5, bits(be32, { present: 1 })],
  op: [6, enumeration(be32, { ipv6: 0, tcpopt: 1, ipv4: 2, sctp: 3, dccp: 4 })],
  sreg: [7, be32],
});

/** NFT_CT_*. */
export const CT_KEYS = {
  state: 0,
  direction: 1,
  status: 2,
  mark: 3,
  secmark: 4,
  expiration: 5,
  helper: 6,
  l3proto: 7,
  saddr: 8,
  daddr: 9,
  protocol: 10,
  'proto-src': 11,
  'proto-dst': 12,
  label: 13,
  packets: 14,
  bytes: 15,
  avgpkt: 16,
  zone: 17,
  event: 18,
  'ip saddr': 19,
  'ip daddr': 20,
  'ip6 saddr': 21,
  'ip6 daddr': 22,
  id: 23,
} as const;

export const ct = attributes({
  dreg: [1, be32],
  key: [2, enumeration(be32, CT_KEYS)],
  direction: [3, enumeration(u8, { original: 0, reply: 1 })],
  sreg: [4, be32],
});

export const fib = attributes({
  dreg: [1, be32],
  result: [2, enumeration(be32, { oif: 1, oifname: 2, type: 3 })],
  flags: [3, bits(be32, { saddr: 1, daddr: 2, mark: 4, iif: 8, oif: 16, present: 32 })],
});

export const socket = attributes({
  key: [1, enumeration(be32, { transparent: 0, mark: 1, wildcard: 2, cgroupv2: 3 })],
  dreg: [2, be32],
  level: [3, be32],
});

export const rt = attributes({
  dreg: [1, be32],
  key: [2, enumeration(be32, { classid: 0, 'ip nexthop': 1, 'ip6 nexthop': 2, mtu: 3, ipsec: 4 })],
});

export const numgen = attributes({
  dreg: [1, be32],
  modulus: [2, be32],
  mode: [3, enumeration(be32, { inc: 0, random: 1 })],
  offset: [4, be32],
});

export const hash = attributes({
  sreg: [1, be32],
  dreg: [2, be32],
  len: [3, be32],
  modulus: [4, be32],
  seed: [5, be32],
  offset: [6, be32],
  mode: [7, enumeration(be32, { jhash: 0, symhash: 1 })],
});

export const xfrm = attributes({
  dreg: [1, be32],
  key: [2, be32],
  direction: [3, u8],
  spnum: [4, be32],
});

export const osf = attributes({ dreg: [1, be32], ttl: [2, u8], flags: [3, be32] });

export const tunnel = attributes({ key: [1, be32], dreg: [2, be32], mode: [3, be32] });
