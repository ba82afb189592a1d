import type { Codec } from '../netlink/codec.js';
import { counter, u8, u16, u32, u64 } from '../netlink/primitives.js';
import { gap, struct } from '../netlink/struct.js';

function statsOf<C extends Codec<number, number | bigint>>(count: C) {
  return {
    rxPackets: count,
    txPackets: count,
    rxBytes: count,
    txBytes: count,
    rxErrors: count,
    txErrors: count,
    rxDropped: count,
    txDropped: count,
    multicast: count,
    collisions: count,
    rxLengthErrors: count,
    rxOverErrors: count,
    rxCrcErrors: count,
    rxFrameErrors: count,
    rxFifoErrors: count,
    rxMissedErrors: count,
    txAbortedErrors: count,
    txCarrierErrors: count,
    txFifoErrors: count,
    txHeartbeatErrors: count,
    txWindowErrors: count,
    rxCompressed: count,
    txCompressed: count,
    rxNohandler: count,
  };
}

/** struct rtnl_link_stats, which wraps at 2³². */
export const linkStats = struct(statsOf(u32));

/** struct rtnl_link_stats64 as it was before Linux 5.19. */
export const linkStats64Before519 = struct(statsOf(counter));

/** struct rtnl_link_stats64. */
export const linkStats64 = struct({ ...statsOf(counter), rxOtherhostDropped: counter });

/** struct rtnl_link_ifmap: addresses of ISA cards. */
export const linkMap = struct({
  memStart: u64,
  memEnd: u64,
  baseAddr: u64,
  irq: u16,
  dma: u8,
  port: u8,
  tail: gap(4),
});
