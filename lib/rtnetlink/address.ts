import { ip } from '../netlink/address-codecs.js';
import { attributes } from '../netlink/attributes.js';
import type { Read, Write } from '../netlink/codec.js';
import { message } from '../netlink/message.js';
import { s32, string, u8, u32 } from '../netlink/primitives.js';
import { struct } from '../netlink/struct.js';

/** struct ifaddrmsg. */
export const ifaddrmsg = struct((is) => ({
  family: is.u8(),
  prefixlen: is.u8(),
  /** The low eight bits of `attributes.flags`, which counts where it is there. */
  flags: is.u8(),
  scope: is.u8(),
  index: is.u32(),
}));

/** struct ifa_cacheinfo. */
export const addressCacheInfo = struct((is) => ({
  /** Seconds, or INFINITY_LIFE_TIME. */
  preferred: is.u32(),
  valid: is.u32(),
  /** Hundredths of a second since boot. */
  created: is.u32(),
  updated: is.u32(),
}));

/** IFA_*, linux/if_addr.h. */
export const addressAttributes = attributes({
  /** The address; of a point-to-point link the other end's. */
  address: [1, ip],
  /** This end's address; IPv6 sends it only where there is a peer. */
  local: [2, ip],
  label: [3, string],
  broadcast: [4, ip],
  anycast: [5, ip],
  cacheinfo: [6, addressCacheInfo],
  multicast: [7, ip],
  flags: [8, u32],
  rtPriority: [9, u32],
  targetNetnsid: [10, s32],
  proto: [11, u8],
});

/** RTM_NEWADDR, RTM_DELADDR and RTM_GETADDR. */
export const address = message('address', ifaddrmsg, addressAttributes);

export type AddressMessage = Read<typeof address>;
export type AddressRequest = Write<typeof address>;
