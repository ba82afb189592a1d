import { attributes } from '../netlink/attributes.js';
import { message } from '../netlink/message.js';
import { s32, u32 } from '../netlink/primitives.js';
import { struct } from '../netlink/struct.js';

/** RTM_NEWNSID and RTM_GETNSID: the number by which one network namespace knows another (linux/net_namespace.h). */
export const nsid = message(
  'nsid',
  struct((is) => ({ family: is.u8() })),
  attributes({
    /** -1 where there is none. */
    nsid: [1, s32],
    pid: [2, u32],
    fd: [3, u32],
    targetNsid: [4, s32],
    currentNsid: [5, s32],
  }),
);
