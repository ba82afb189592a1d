/** Numbers of linux/netlink.h and linux/socket.h, grouped by prefix: NLM_F_REQUEST is `NLM_F.REQUEST`. */

/** Netlink protocols, the third argument of socket(AF_NETLINK, SOCK_RAW, …). */
export const NETLINK = {
  ROUTE: 0,
  SOCK_DIAG: 4,
  NFLOG: 5,
  XFRM: 6,
  AUDIT: 9,
  NETFILTER: 12,
  KOBJECT_UEVENT: 15,
  GENERIC: 16,
} as const;

/** Options of a netlink socket, level SOL_NETLINK. */
export const NETLINK_OPTION = {
  ADD_MEMBERSHIP: 1,
  DROP_MEMBERSHIP: 2,
  PKTINFO: 3,
  BROADCAST_ERROR: 4,
  NO_ENOBUFS: 5,
  LISTEN_ALL_NSID: 8,
  LIST_MEMBERSHIPS: 9,
  CAP_ACK: 10,
  EXT_ACK: 11,
  GET_STRICT_CHK: 12,
} as const;

/** nlmsg_flags. One bit means different things in requests that get, make, delete, and in answers. */
export const NLM_F = {
  REQUEST: 0x01,
  MULTI: 0x02,
  ACK: 0x04,
  ECHO: 0x08,
  DUMP_INTR: 0x10,
  DUMP_FILTERED: 0x20,
  /** Of a get. */
  ROOT: 0x100,
  MATCH: 0x200,
  ATOMIC: 0x400,
  DUMP: 0x300,
  /** Of a new. */
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
  APPEND: 0x800,
  /** Of a delete. */
  NONREC: 0x100,
  BULK: 0x200,
  /** Of an ack. */
  CAPPED: 0x100,
  ACK_TLVS: 0x200,
} as const;

/** Message types below 0x10 belong to netlink itself. */
export const NLMSG = { NOOP: 1, ERROR: 2, DONE: 3, OVERRUN: 4, MIN_TYPE: 0x10 } as const;

/** Size of struct nlmsghdr. */
export const NLMSG_HDRLEN = 16;

/** Size of struct nlattr, which is struct rtattr. */
export const NLA_HDRLEN = 4;

/** Bits of nla_type that are not the attribute's number, and the mask of those that are. */
export const NLA_F_NESTED = 0x8000;
export const NLA_F_NET_BYTEORDER = 0x4000;
export const NLA_TYPE_MASK = 0x3fff;

/** Address families that occur in netlink messages. */
export const AF = {
  UNSPEC: 0,
  UNIX: 1,
  INET: 2,
  BRIDGE: 7,
  INET6: 10,
  NETLINK: 16,
  PACKET: 17,
  MPLS: 28,
  MCTP: 45,
} as const;

/** Of a socket: what the kernel had to say was more than its buffer holds. */
export const ENOBUFS = -105;
/** Of the add-on: handed over behind what failed, and not carried out. */
export const ECANCELED = -125;
