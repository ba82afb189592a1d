import type { UnreachableReason } from './unreachable.js';

interface Answered {
  /** Who answered; a link-local address with its zone. */
  from: string;
  /** What was left of its TTL, or hop limit, on arrival. */
  ttl: number;
  /** Of the ICMP message: the eight of its header, and the data. */
  bytes: number;
  /** Milliseconds from sending to arrival, by the kernel's clock. */
  rtt: number;
}

interface Refused {
  /**
   * Who said so. The namespace's own address where the destination does not answer ARP or neighbour solicitation
   * (the kernel takes some 3 seconds to find out); '0.0.0.0' or '::' where it could not be sent any more.
   */
  from: string;
}

interface Undelivered extends Refused {
  /** Absent where what was said is not known. */
  reason?: UnreachableReason;
  /** With 'too big', in bytes: the largest packet, its IP header included, that the link takes. 0 of old routers. */
  mtu?: number;
}

/**
 * What became of one echo request. `sequence` counts them from 1, in the order they were sent.
 *
 * - 'reply': answered in time.
 * - 'duplicate': answered once more. The summary does not count it.
 * - 'unreachable': a router, the destination's kernel or this one could not deliver it; `reason` says why.
 * - 'expired': its TTL, or hop limit, came to nothing at a router.
 * - 'lost': none of these within the timeout. What comes later is not told.
 */
export type Echo = { sequence: number } & (
  | ({ type: 'reply' } & Answered)
  | ({ type: 'duplicate' } & Answered)
  | ({ type: 'unreachable' } & Undelivered)
  | ({ type: 'expired' } & Refused)
  | { type: 'lost' }
);
