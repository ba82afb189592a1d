import type { Call } from '../handles/listing.js';
import type { AnyNetns } from '../namespaces/network.js';
import type { AddressSpec } from './addresses.js';
import type { Link } from './link.js';

/** A link: the object, its name (or an alternative name), or its index. An object of another namespace is refused. */
export type LinkRef = Link | string | number;

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
