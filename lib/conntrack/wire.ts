import { ipv4, ipv6 } from '../netlink/address-codecs.js';
import { attributes } from '../netlink/attributes.js';
import { type Codec, fixed, type Read } from '../netlink/codec.js';
import { message } from '../netlink/message.js';
import { nfgenmsg } from '../netlink/nfgenmsg.js';
import { be16, be32, raw, string, u8, u32 } from '../netlink/primitives.js';
import { nested, padding } from '../netlink/table.js';

/** A counter in network order, always a number: above 2⁵³ the nearest that there is. */
const counter: Codec<number> = fixed(
  8,
  (bytes, offset, value, name) => {
    be32.write(bytes, offset, Math.floor(value / 0x100000000), name);
    return be32.write(bytes, offset + 4, value >>> 0, name);
  },
  (bytes, offset) => bytes.view.getUint32(offset) * 0x100000000 + bytes.view.getUint32(offset + 4),
);

/** CTA_IP_*. */
const addresses = attributes({
  v4Source: [1, ipv4],
  v4Destination: [2, ipv4],
  v6Source: [3, ipv6],
  v6Destination: [4, ipv6],
});

/** CTA_PROTO_*. */
const protocol = attributes({
  number: [1, u8],
  sourcePort: [2, be16],
  destinationPort: [3, be16],
  icmpId: [4, be16],
  icmpType: [5, u8],
  icmpCode: [6, u8],
  icmpv6Id: [7, be16],
  icmpv6Type: [8, u8],
  icmpv6Code: [9, u8],
});

/** CTA_TUPLE_*. */
const tuple = attributes({
  ip: [1, nested(addresses)],
  protocol: [2, nested(protocol)],
  /** Of one direction alone. */
  zone: [3, be16],
});

export type TupleMessage = Read<typeof tuple>;

/** CTA_PROTOINFO_TCP_*. */
const tcp = attributes({
  state: [1, u8],
  windowScaleOriginal: [2, u8],
  windowScaleReply: [3, u8],
  flagsOriginal: [4, raw],
  flagsReply: [5, raw],
});

/** CTA_PROTOINFO_DCCP_* and CTA_PROTOINFO_SCTP_*. */
const stateful = attributes({ state: [1, u8] });

/** CTA_PROTOINFO_*. */
const protocolInfo = attributes({
  tcp: [1, nested(tcp)],
  dccp: [2, nested(stateful)],
  sctp: [3, nested(stateful)],
});

/** CTA_COUNTERS_*. */
const counters = attributes({
  packets: [1, counter],
  bytes: [2, counter],
  pad: [5, padding],
});

/** CTA_TIMESTAMP_*: nanoseconds since 1970. */
const timestamp = attributes({
  start: [1, counter],
  stop: [2, counter],
  pad: [3, padding],
});

/** CTA_HELP_*. */
const helper = attributes({ name: [1, string], info: [2, raw] });

/** CTA_SECCTX_*. */
const securityContext = attributes({ name: [1, string] });

/** CTA_FILTER_*: which parts of the tuples that are sent along are to be the same. */
const filter = attributes({ originalFlags: [1, u32], replyFlags: [2, u32] });

/** IPCTNL_MSG_CT_NEW, _GET and _DELETE: CTA_*, linux/netfilter/nfnetlink_conntrack.h. */
export const conntrack = message(
  'conntrack',
  nfgenmsg,
  attributes({
    original: [1, nested(tuple)],
    reply: [2, nested(tuple)],
    status: [3, be32],
    protocolInfo: [4, nested(protocolInfo)],
    helper: [5, nested(helper)],
    /** Seconds. */
    timeout: [7, be32],
    mark: [8, be32],
    countersOriginal: [9, nested(counters)],
    countersReply: [10, nested(counters)],
    use: [11, be32],
    id: [12, be32],
    /** Of what it is related to. */
    master: [14, nested(tuple)],
    zone: [18, be16],
    securityContext: [19, nested(securityContext)],
    timestamp: [20, nested(timestamp)],
    labels: [22, raw],
    filter: [25, nested(filter)],
  }),
);

export type ConntrackMessage = Read<typeof conntrack>;

/** The answer to IPCTNL_MSG_CT_GET_STATS: CTA_STATS_GLOBAL_*. */
export const statistics = message('statistics', nfgenmsg, attributes({ entries: [1, be32] }));
