import { grown, struct } from '../netlink/struct.js';

function stats(count: () => number) {
  return {
    rxPackets: count(),
    txPackets: count(),
    rxBytes: count(),
    txBytes: count(),
    rxErrors: count(),
    txErrors: count(),
    rxDropped: count(),
    txDropped: count(),
    multicast: count(),
    collisions: count(),
    rxLengthErrors: count(),
    rxOverErrors: count(),
    rxCrcErrors: count(),
    rxFrameErrors: count(),
    rxFifoErrors: count(),
    rxMissedErrors: count(),
    txAbortedErrors: count(),
    txCarrierErrors: count(),
    txFifoErrors: count(),
    txHeartbeatErrors: count(),
    txWindowErrors: count(),
    rxCompressed: count(),
    txCompressed: count(),
    rxNohandler: count(),
  };
}

/** struct rtnl_link_stats, which wraps at 2³². */
export const linkStats = struct((is) => stats(() => is.u32()));

/** struct rtnl_link_stats64, whose last field came with Linux 5.19. */
export const linkStats64 = grown(
  struct((is) => stats(() => is.counter())),
  struct((is) => ({ ...stats(() => is.counter()), rxOtherhostDropped: is.counter() })),
);

/** struct rtnl_link_ifmap: where the card lies in memory, of ISA's days. */
export const linkMap = struct(
  (is) => ({
    memStart: is.u64(),
    memEnd: is.u64(),
    baseAddr: is.u64(),
    irq: is.u16(),
    dma: is.u8(),
    port: is.u8(),
  }),
  4,
);
