/** What the headers of a packet say. A packet's layers are told apart by `layer`. */
export type Layer = Ethernet | Arp | Ipv4 | Ipv6 | Icmp | Icmpv6 | Udp | Tcp;

/** Ethernet II, with the VLAN tags that it has. */
export interface Ethernet {
  layer: 'ethernet';
  source: string;
  destination: string;
  /** EtherType of what is inside; of a frame of IEEE 802.3 its length. */
  type: number;
  /** From the outermost in. */
  vlans: VlanTag[];
}

export interface VlanTag {
  /** 0x8100, or 0x88a8 of an outer one. */
  protocol: number;
  id: number;
  priority: number;
  dropEligible: boolean;
}

/** RFC 826, of IPv4 over Ethernet; of others the addresses are left out. */
export interface Arp {
  layer: 'arp';
  /** 1 request, 2 reply. */
  operation: number;
  sender?: { mac: string; address: string };
  target?: { mac: string; address: string };
}

export interface Ipv4 {
  layer: 'ipv4';
  source: string;
  destination: string;
  /** Of what is inside: 1 ICMP, 6 TCP, 17 UDP. */
  protocol: number;
  ttl: number;
  id: number;
  dscp: number;
  ecn: number;
  dontFragment: boolean;
  moreFragments: boolean;
  /** Where this fragment belongs, in bytes. */
  fragmentOffset: number;
  /** Bytes of the header with its options. */
  headerLength: number;
  /** Bytes of header and contents; 0 where the sending device is to cut it up and write it in. */
  totalLength: number;
  checksum: number;
}

export interface Ipv6 {
  layer: 'ipv6';
  source: string;
  destination: string;
  /** Of what is behind the last extension header: 6 TCP, 17 UDP, 58 ICMPv6. */
  protocol: number;
  hopLimit: number;
  trafficClass: number;
  flowLabel: number;
  /** Bytes behind the first 40. */
  payloadLength: number;
  extensions: Ipv6Extension[];
  fragment?: { id: number; offset: number; moreFragments: boolean };
}

/** 0 hop-by-hop, 43 routing, 44 fragment, 51 authentication, 60 destination options. */
export interface Ipv6Extension {
  protocol: number;
  /** All of it, the next protocol and the length included. */
  bytes: Uint8Array;
}

/** RFC 792. */
export interface Icmp {
  layer: 'icmp';
  type: number;
  code: number;
  checksum: number;
  /** Of echoes. */
  id?: number;
  sequence?: number;
  /** Of "fragmentation needed". */
  mtu?: number;
  /** Of redirects. */
  gateway?: string;
  /** Of errors: the packet that they are about, as far as it is quoted. */
  quoted?: Layer[];
}

/** RFC 4443, RFC 4861. */
export interface Icmpv6 {
  layer: 'icmpv6';
  type: number;
  code: number;
  checksum: number;
  /** Of echoes. */
  id?: number;
  sequence?: number;
  /** Of "packet too big". */
  mtu?: number;
  /** Of neighbour solicitations, advertisements and redirects. */
  target?: string;
  /** Of a neighbour's or router's message: the link-layer address in its options. */
  mac?: string;
  /** Of errors: the packet that they are about, as far as it is quoted. */
  quoted?: Layer[];
}

export interface Udp {
  layer: 'udp';
  sourcePort: number;
  destinationPort: number;
  /** Bytes of header and contents. */
  length: number;
  checksum: number;
}

export interface Tcp {
  layer: 'tcp';
  sourcePort: number;
  destinationPort: number;
  sequence: number;
  /** What is awaited next; counts where the flag `ack` is set. */
  acknowledgment: number;
  flags: TcpFlags;
  /** As it stands there: not yet scaled. */
  window: number;
  checksum: number;
  urgentPointer: number;
  /** Bytes of the header with its options. */
  headerLength: number;
  options: TcpOptions;
}

export interface TcpFlags {
  fin: boolean;
  syn: boolean;
  rst: boolean;
  psh: boolean;
  ack: boolean;
  urg: boolean;
  ece: boolean;
  cwr: boolean;
}

export interface TcpOptions {
  /** Bytes. */
  mss?: number;
  windowScale?: number;
  sackPermitted?: true;
  /** What has arrived beyond the acknowledgment. */
  sack?: { left: number; right: number }[];
  timestamps?: { value: number; echo: number };
  /** All of them as they stand there. */
  bytes: Uint8Array;
}

/** What decode() gives. */
export interface Decoded {
  /** From the outside in. */
  layers: Layer[];
  /** What is behind the last of them, without what was added to fill the frame. */
  payload: Uint8Array;
  /** A header is cut off, or says what cannot be: what is from there on is in `payload`. */
  malformed?: true;
}
