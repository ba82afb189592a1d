import type { Handle } from '../../handles/handle.js';
import { unsupportedError } from '../../syscalls/errors.js';
import type { Reservation } from '../reservation.js';
import { checkRelay, type RelayOptions, type RelayTarget } from './options.js';
import { TcpRelay } from './tcp.js';
import { UdpRelay } from './udp.js';

/**
 * Has what comes to a reserved port served by the target, until close(), which ends its connections and leaves the port
 * reserved. Closing the reservation closes it, too. One at a time. By itself it does not keep the program running; TCP
 * connections that are under way do.
 *
 * Rejects with EBUSY where the reservation is relayed already; ERR_NSNET_UNSUPPORTED for SCTP, and for TCP in a worker of
 * node:cluster.
 */
export async function relay(
  reservation: Reservation,
  target: RelayTarget,
  options: RelayOptions = {},
): Promise<Handle> {
  checkRelay(target, options);
  const { protocol, subject } = reservation;
  if (protocol === 'tcp') return TcpRelay.start(reservation, target, options);
  if (protocol === 'udp') return new UdpRelay(reservation, target, options);
  throw unsupportedError('SCTP is not relayed', { subject });
}
