/** Numbers of linux/socket.h, linux/in.h, linux/in6.h and linux/icmp*.h, grouped by prefix. */

/** Types of sockets, and the flag that makes none of their calls wait. */
export const SOCK = { STREAM: 1, DGRAM: 2, RAW: 3, NONBLOCK: 0o4000 } as const;

/** Not in lib/netlink's: packet(7). */
export const AF_PACKET = 17;

export const IPPROTO = { ICMP: 1, IPV6_FRAGMENT: 44, ICMPV6: 58, SCTP: 132, RAW: 255 } as const;

/** Levels of socket options and of control messages. */
export const LEVEL = { SOCKET: 1, IP: 0, IPV6: 41, ICMPV6: 58, RAW: 255, PACKET: 263 } as const;

export const SO = {
  REUSEADDR: 2,
  ERROR: 4,
  BROADCAST: 6,
  SNDBUF: 7,
  RCVBUF: 8,
  REUSEPORT: 15,
  RCVBUFFORCE: 33,
  TIMESTAMPNS: 35,
  MEMINFO: 55,
  BINDTOIFINDEX: 62,
  NETNS_COOKIE: 71,
} as const;

export const IP = {
  TTL: 2,
  HDRINCL: 3,
  PKTINFO: 8,
  MTU_DISCOVER: 10,
  RECVTTL: 12,
  MTU: 14,
  MULTICAST_IF: 32,
  MULTICAST_TTL: 33,
  MULTICAST_LOOP: 34,
  ADD_MEMBERSHIP: 35,
  DROP_MEMBERSHIP: 36,
} as const;

/** Of struct group_source_req, for both families. */
export const MCAST = { JOIN_SOURCE_GROUP: 46, LEAVE_SOURCE_GROUP: 47 } as const;

export const IPV6 = {
  UNICAST_HOPS: 16,
  MULTICAST_IF: 17,
  MULTICAST_HOPS: 18,
  MULTICAST_LOOP: 19,
  JOIN_GROUP: 20,
  LEAVE_GROUP: 21,
  MTU_DISCOVER: 23,
  MTU: 24,
  V6ONLY: 26,
  HDRINCL: 36,
  RECVPKTINFO: 49,
  PKTINFO: 50,
  RECVHOPLIMIT: 51,
  HOPLIMIT: 52,
  DONTFRAG: 62,
} as const;

/** Of IP_MTU_DISCOVER and IPV6_MTU_DISCOVER alike: what is too big is refused (IP_PMTUDISC_DO). */
export const PMTUDISC_DO = 2;

/** Place in the array of 32-bit numbers that SO_MEMINFO gives of what was dropped for want of room (linux/sock_diag.h). */
export const SK_MEMINFO_DROPS = 8;

/** PACKET_AUXDATA: what is known of a packet beside its bytes. */
export const PACKET_AUXDATA = 8;

/** Flags of what recvmsg(2) gives. */
export const MSG_TRUNC = 0x20;

/** Options that choose by type which ICMP messages a raw socket gets. */
export const ICMP_FILTER = 1;
export const ICMPV6_FILTER = 1;

/** Types of ICMP messages (RFC 792). */
export const ICMP = { ECHO_REPLY: 0, DEST_UNREACH: 3, ECHO: 8, TIME_EXCEEDED: 11 } as const;

/** Types of ICMPv6 messages (RFC 4443). */
export const ICMPV6 = {
  DEST_UNREACH: 1,
  PACKET_TOO_BIG: 2,
  TIME_EXCEEDED: 3,
  ECHO: 128,
  ECHO_REPLY: 129,
} as const;
