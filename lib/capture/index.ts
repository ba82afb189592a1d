export { Capture, type CaptureStats, capture } from './capture.js';
export { decode, type LinkType } from './decode/decode.js';
export type {
  Arp,
  Decoded,
  Ethernet,
  Icmp,
  Icmpv6,
  Ipv4,
  Ipv6,
  Ipv6Extension,
  Layer,
  Tcp,
  TcpFlags,
  TcpOptions,
  Udp,
  VlanTag,
} from './decode/layers.js';
export { FilterError } from './filter/error.js';
export type { CaptureOptions } from './options.js';
export { Packet, type PacketData } from './packet.js';
export { type SequenceOptions, sequenceDiagram } from './text/diagram.js';
