/** Numbers of linux/netfilter/nfnetlink.h, nfnetlink_conntrack.h and nf_conntrack_*.h, grouped by prefix. */

/** The subsystem of connection tracking: a message's type is this above the message's own number. */
export const NFNL_SUBSYS_CTNETLINK = 1;

export const IPCTNL_MSG_CT = {
  NEW: (NFNL_SUBSYS_CTNETLINK << 8) | 0,
  GET: (NFNL_SUBSYS_CTNETLINK << 8) | 1,
  DELETE: (NFNL_SUBSYS_CTNETLINK << 8) | 2,
  GET_STATS: (NFNL_SUBSYS_CTNETLINK << 8) | 5,
} as const;

/** nfgen_family counts in a request to delete all only where `version` says so (Linux 4.20). */
export const NFGEN_VERSION_FAMILY = 1;

/** Bits of CTA_FILTER_ORIG_FLAGS: net/netfilter/nf_conntrack_netlink.c, 1 << (CTA_*). */
export const CTA_FILTER_F = { IP_SRC: 1 << 0, PROTO_NUM: 1 << 3, PROTO_DST_PORT: 1 << 5 } as const;

/** Bits of CTA_STATUS by the names that nft has for them, else the kernel's. */
export const IPS = {
  expected: 1 << 0,
  'seen-reply': 1 << 1,
  assured: 1 << 2,
  confirmed: 1 << 3,
  snat: 1 << 4,
  dnat: 1 << 5,
  'seq-adjust': 1 << 6,
  'snat-done': 1 << 7,
  'dnat-done': 1 << 8,
  dying: 1 << 9,
  'fixed-timeout': 1 << 10,
  template: 1 << 11,
  'nat-clash': 1 << 12,
  helper: 1 << 13,
  offload: 1 << 14,
  'hw-offload': 1 << 15,
} as const;

export type ConntrackStatus = keyof typeof IPS;

/** IP protocols by the names that conntrack(8) has for them. */
export const PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  icmpv6: 58,
  sctp: 132,
  udplite: 136,
};

/** enum tcp_conntrack, and those of the others that have states. */
export const TCP_STATES = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
] as const;

export const SCTP_STATES = [
  'NONE',
  'CLOSED',
  'COOKIE_WAIT',
  'COOKIE_ECHOED',
  'ESTABLISHED',
  'SHUTDOWN_SENT',
  'SHUTDOWN_RECD',
  'SHUTDOWN_ACK_SENT',
  'HEARTBEAT_SENT',
  'HEARTBEAT_ACKED',
] as const;

export const DCCP_STATES = [
  'NONE',
  'REQUEST',
  'RESPOND',
  'PARTOPEN',
  'OPEN',
  'CLOSEREQ',
  'CLOSING',
  'TIMEWAIT',
  'IGNORE',
  'INVALID',
] as const;
