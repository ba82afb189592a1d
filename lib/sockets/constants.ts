/** Numbers of linux/socket.h, linux/in.h, linux/in6.h and linux/icmp*.h, grouped by prefix. */

/** Types of sockets, and the flag that makes none of their calls wait. */
export const SOCK = { DGRAM: 2, RAW: 3, NONBLOCK: 0o4000 } as const;

export const IPPROTO = { ICMP: 1, IPV6_FRAGMENT: 44, ICMPV6: 58 } as const;

/** Levels of socket options and of control messages. */
export const LEVEL = { SOCKET: 1, IP: 0, IPV6: 41, ICMPV6: 58, RAW: 255 } as const;

export const SO = { RCVBUF: 8, RCVBUFFORCE: 33, TIMESTAMPNS: 35 } as const;

export const IP = { TTL: 2, RECVTTL: 12, MULTICAST_TTL: 33 } as const;

export const IPV6 = { UNICAST_HOPS: 16, MULTICAST_HOPS: 18, RECVHOPLIMIT: 51, HOPLIMIT: 52 } as const;

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
