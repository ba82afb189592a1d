import { attributes } from '../netlink/attributes.js';
import { be16, u16 } from '../netlink/primitives.js';
import { struct } from '../netlink/struct.js';
import { multi } from '../netlink/table.js';

/** Between a packet's priority inside and the one in its tag. */
const qos = attributes({ mapping: [1, multi(struct((is) => ({ from: is.u32(), to: is.u32() })))] });

/** IFLA_VLAN_*. */
export const vlan = attributes({
  id: [1, u16],
  /** Bits of VLAN_FLAG, and which of them are meant. */
  flags: [2, struct((is) => ({ flags: is.u32(), mask: is.u32() }))],
  egressQos: [3, qos],
  ingressQos: [4, qos],
  /** ETH_P_8021Q or ETH_P_8021AD. */
  protocol: [5, be16],
});
