/** Words of a filter that stand for numbers. */

/** EtherTypes (IEEE 802, linux/if_ether.h). */
export const ETHERTYPE = { ip: 0x0800, arp: 0x0806, rarp: 0x8035, ip6: 0x86dd } as const;

/** EtherTypes of VLAN tags: 802.1Q, 802.1ad, and what was used before that. */
export const VLAN_TYPES = [0x8100, 0x88a8, 0x9100] as const;

/** Protocols over IP (RFC 5237), and over which of the two. */
export const PROTOCOLS: Readonly<Record<string, { number: number; family?: 'ip' | 'ip6' }>> = {
  icmp: { number: 1, family: 'ip' },
  igmp: { number: 2, family: 'ip' },
  tcp: { number: 6 },
  udp: { number: 17 },
  esp: { number: 50 },
  ah: { number: 51 },
  icmp6: { number: 58, family: 'ip6' },
  pim: { number: 103 },
  vrrp: { number: 112, family: 'ip' },
  sctp: { number: 132 },
};

/** Protocols that have ports. */
export const WITH_PORTS = [6, 17, 132] as const;

/** Offsets and values, for what stands in brackets and what that is compared with. */
export const CONSTANTS: Readonly<Record<string, number>> = {
  icmptype: 0,
  icmpcode: 1,
  icmp6type: 0,
  icmp6code: 1,
  tcpflags: 13,
  'tcp-fin': 0x01,
  'tcp-syn': 0x02,
  'tcp-rst': 0x04,
  'tcp-push': 0x08,
  'tcp-ack': 0x10,
  'tcp-urg': 0x20,
  'tcp-ece': 0x40,
  'tcp-cwr': 0x80,
  'icmp-echoreply': 0,
  'icmp-unreach': 3,
  'icmp-sourcequench': 4,
  'icmp-redirect': 5,
  'icmp-echo': 8,
  'icmp-routeradvert': 9,
  'icmp-routersolicit': 10,
  'icmp-timxceed': 11,
  'icmp-paramprob': 12,
  'icmp-tstamp': 13,
  'icmp-tstampreply': 14,
  'icmp-ireq': 15,
  'icmp-ireqreply': 16,
  'icmp-maskreq': 17,
  'icmp-maskreply': 18,
  'icmp6-destinationunreach': 1,
  'icmp6-packettoobig': 2,
  'icmp6-timeexceeded': 3,
  'icmp6-parameterproblem': 4,
  'icmp6-echo': 128,
  'icmp6-echoreply': 129,
  'icmp6-multicastlistenerquery': 130,
  'icmp6-multicastlistenerreportv1': 131,
  'icmp6-multicastlistenerdone': 132,
  'icmp6-routersolicit': 133,
  'icmp6-routeradvert': 134,
  'icmp6-neighborsolicit': 135,
  'icmp6-neighboradvert': 136,
  'icmp6-redirect': 137,
  'icmp6-multicastlistenerreportv2': 143,
};

const TCP = [6];
const UDP = [17];
const BOTH = [6, 17, 132];

/** The best known of /etc/services, which not every machine has: their ports, and over what they are. */
export const SERVICES: Readonly<Record<string, readonly [port: number, protocols: readonly number[]]>> = {
  'ftp-data': [20, TCP],
  ftp: [21, TCP],
  ssh: [22, TCP],
  telnet: [23, TCP],
  smtp: [25, TCP],
  domain: [53, BOTH],
  bootps: [67, UDP],
  bootpc: [68, UDP],
  tftp: [69, UDP],
  http: [80, TCP],
  pop3: [110, TCP],
  ntp: [123, UDP],
  imap2: [143, TCP],
  snmp: [161, BOTH],
  bgp: [179, TCP],
  ldap: [389, BOTH],
  https: [443, BOTH],
  syslog: [514, UDP],
  imaps: [993, TCP],
  pop3s: [995, TCP],
};
