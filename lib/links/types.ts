import type { Call } from '../handles/listing.js';
import type { AnyNetns } from '../namespaces/network.js';
import type { AddressSpec } from './addresses.js';
import type { BridgePort, BridgePortState } from './bridge-port.js';
import type { Link } from './link.js';

/** A link: the object, its name (or an alternative name), or its index. An object of another namespace is refused. */
export type LinkRef = Link | string | number;

/** What names devices, once their indexes are known. */
export type DeviceData = (indexOf: (ref: LinkRef) => number) => object;

/** What every link can be made with. */
export interface LinkOptions extends Call {
  /** Where it is made. Required, so that nothing is made on the host by mistake; the host is `Netns.current()`. */
  netns: AnyNetns;
  /** 1 to 15 bytes without white space, '/', ':' or '%'. Default: one that is free. */
  name?: string;
  /** Each with its prefix length, '192.168.1.1/24', or as an object that says more. */
  addresses?: (string | Omit<AddressSpec, 'device'>)[];
  /** Whether it is switched on. Default false, as in Linux. */
  up?: boolean;
  /** The bridge (or other master) it becomes a port of; null or absent for none. */
  master?: LinkRef | null;
  /** The largest packet, in bytes. */
  mtu?: number;
  /** 'aa:bb:cc:dd:ee:ff'. Default: the kernel chooses one. */
  mac?: string;
  /** Free text, up to 254 bytes. */
  alias?: string;
  /** More names, of up to 127 bytes each, unique in the namespace (Linux 5.5). */
  altNames?: string[];
  /** A number that links have in common, 0 to 4294967295: nftables' `iifgroup`, `ip link … group`. Default 0. */
  linkGroup?: number;
  /** What it is set to as a port of the bridge that is its `master`. */
  bridgePort?: BridgePort;
}

/** A kind's own options: for create() and set(), and read back in `info.options`. */
export interface LinkKinds {
  veth: Record<never, never>;
  bridge: {
    /** Spanning tree protocol. */
    stp?: boolean;
    vlanFiltering?: boolean;
    /** How long a learned address is remembered, in milliseconds (multiples of 10). */
    ageingTime?: number;
    /** Whether multicast goes only to those that have joined (IGMP and MLD snooping). Default true. */
    multicastSnooping?: boolean;
    /** Whether IPv4 packets that are bridged pass through iptables' and nftables' ip hooks (br_netfilter). */
    nfCallIptables?: boolean;
    /** The same of IPv6. */
    nfCallIp6tables?: boolean;
    /** The same of ARP. */
    nfCallArptables?: boolean;
  };
  vxlan: {
    /** The network's number (VNI), 0 to 16777215. */
    id: number;
    /** The address that packets are sent from, IPv4 or IPv6. Default: by the route. */
    local?: string;
    /** The one other end: where frames to addresses that are not known go. Without it, and `group`, as `netns.fdb` says. */
    remote?: string;
    /** The multicast group of all other ends, instead of `remote`; it needs `parent`. */
    group?: string;
    /** The UDP port. Default 4789. */
    port?: number;
    /** The device that packets leave by; the MTU follows its, less 50 bytes (70 over IPv6). Default: by the route. */
    parent?: LinkRef;
    /** Whether the address that a frame came from is remembered. Default true. */
    learning?: boolean;
    /** Of the packets outside: 1 to 255, 'auto' (by the route; 1 to groups; default), or 'inherit' (4.18). */
    ttl?: number | 'auto' | 'inherit';
    /** How long a learned address is remembered, in milliseconds (multiples of 1000). Default 300,000. */
    ageingTime?: number;
  };
  /** Hardware, lo, and kinds nsnet has no class for: `type` is Linux's name of the kind. */
  other: { type?: string; raw: Record<number, Uint8Array> };
}

/** A link as last read. */
export interface LinkInfo<K extends keyof LinkKinds = keyof LinkKinds> {
  index: number;
  name: string;
  kind: K;
  /** Whether it is switched on. Whether it also has a connection is in `state`. */
  up: boolean;
  /** Operational state, RFC 2863: 'up', 'down', 'lowerlayerdown', 'dormant', 'testing', 'unknown' (as of lo). */
  state: string;
  /** As `ip link` prints them: 'BROADCAST', 'UP', 'LOWER_UP'… */
  flags: string[];
  mtu: number;
  mac?: string;
  /** Name of the bridge (or other master) it is a port of. */
  master?: string;
  /** Name of the lower device, where it is in the same namespace. */
  parent?: string;
  alias?: string;
  altNames: string[];
  linkGroup: number;
  /** What it is set to as a port of a bridge. */
  bridgePort?: BridgePort;
  /** Of a port of a bridge: whether it lets packets pass. */
  bridgePortState?: BridgePortState;
  options: LinkKinds[K];
}

/** Counters of struct rtnl_link_stats64, since the link was made. */
export interface LinkStats {
  rxPackets: number;
  txPackets: number;
  rxBytes: number;
  txBytes: number;
  rxErrors: number;
  txErrors: number;
  rxDropped: number;
  txDropped: number;
  multicast: number;
  collisions: number;
}
