import { attributes } from '../../netlink/attributes.js';
import { be16, be32, raw, string, u8 } from '../../netlink/primitives.js';
import { bits, enumeration } from '../codecs.js';
import { NFPROTO } from '../constants.js';

/** Expressions that do something with the packet. */

/** NF_NAT_RANGE_*. */
const natFlags = bits(be32, {
  address: 1,
  port: 2,
  random: 4,
  persistent: 8,
  'fully-random': 16,
  'port-offset': 32,
  prefix: 64,
});
const family = enumeration(be32, NFPROTO);

export const nat = attributes({
  kind: [1, enumeration(be32, { snat: 0, dnat: 1 })],
  family: [2, family],
  addrMin: [3, be32],
  addrMax: [4, be32],
  portMin: [5, be32],
  portMax: [6, be32],
  flags: [7, natFlags],
});

export const masq = attributes({ flags: [1, natFlags], portMin: [2, be32], portMax: [3, be32] });
export const redir = attributes({ portMin: [1, be32], portMax: [2, be32], flags: [3, natFlags] });
export const tproxy = attributes({ family: [1, family], addr: [2, be32], port: [3, be32] });

export const log = attributes({
  group: [1, be16],
  prefix: [2, string],
  snaplen: [3, be32],
  threshold: [4, be16],
  level: [
    5,
    enumeration(be32, {
      emerg: 0,
      alert: 1,
      crit: 2,
      err: 3,
      warn: 4,
      notice: 5,
      info: 6,
      debug: 7,
      audit: 8,
    }),
  ],
  flags: [
    6,
    bits(be32, {
      'tcp sequence': 1,
      'tcp options': 2,
      'ip options': 4,
      skuid: 8,
      ether: 32,
    }),
  ],
});

export const reject = attributes({
  kind: [1, enumeration(be32, { icmp: 0, 'tcp reset': 1, icmpx: 2 })],
  code: [2, u8],
});

export const queue = attributes({
  number: [1, be16],
  total: [2, be16],
  flags: [3, bits(be16, { bypass: 1, fanout: 2 })],
  sreg: [4, be32],
});

export const notrack = attributes({});
export const dup = attributes({ addr: [1, be32], device: [2, be32] });
export const fwd = attributes({ device: [1, be32], addr: [2, be32], family: [3, family] });
export const synproxy = attributes({
  mss: [1, be16],
  wscale: [2, u8],
  flags: [3, bits(be32, { mss: 1, wscale: 2, 'sack-perm': 4, timestamp: 8, ecn: 16 })],
});
export const flowOffload = attributes({ table: [1, string] });

/** Extensions of iptables, by iptables-nft: their own structs. */
export const match = attributes({ name: [1, string], revision: [2, be32], info: [3, raw] });
export const target = attributes({ name: [1, string], revision: [2, be32], info: [3, raw] });
