import { attributes } from '../netlink/attributes.js';
import { be16, u16, u32 } from '../netlink/primitives.js';
import { struct } from '../netlink/struct.js';
import { multi } from '../netlink/table.js';

/** Between a packet's priority inside and the one in its tag. */
const qos = attributes({ mapping: [1, multi(struct({ from: u32, to: u32 }))] });

/** IFLA_VLAN_*. */
export const vlan = attributes({
  id: [1, u16],
  /** Bits of VLAN_FLAG, and which of them are meant. */
  flags: [2, struct({ flags: u32, mask: u32 })],
  egressQos: [3, qos],
  ingressQos: [4, qos],
  /** ETH_P_8021Q or ETH_P_8021AD. */
  protocol: [5, be16],
});
