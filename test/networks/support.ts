import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Netns } from 'nsnet';
import { internals } from '../../lib/namespaces/network.js';
import type { RelayOptions, RelayTarget } from '../../lib/networks/relay/options.js';
import { relay } from '../../lib/networks/relay/relay.js';
import { type Reservation, type ReservationOptions, reserve } from '../../lib/networks/reservation.js';

export const LOOPBACK = { 4: '127.0.0.1', 6: '::1' } as const;

/** A port of the loopback address, a free one unless told otherwise. */
export function reserveIn(netns: Netns, options: Partial<ReservationOptions> = {}): Promise<Reservation> {
  return reserve(internals(netns), { protocol: 'tcp', address: LOOPBACK[4], port: 0, ...options });
}

/** Relays to a port of an address, from a namespace. */
export function relayTo(
  reservation: Reservation,
  from: Netns,
  { address, port }: { address: string; port: number },
  options?: RelayOptions,
) {
  const target: RelayTarget = { from: internals(from), address, port };
  return relay(reservation, target, options);
}

/** A server that says back what it hears, and ends when the other end has. */
export const echoing = (): Server =>
  createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).pipe(socket));

/** What a socket hears until the other end has said all; it may go on talking. */
export function heardOf(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    socket.once('end', () => resolve(text)).once('error', reject);
  });
}

/** How a connection ended: 'end', or the code of the error; it may have been before connect() could tell. */
export async function endOf(connection: Socket | Promise<Socket>): Promise<string> {
  let socket: Socket;
  try {
    socket = await connection;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
  let end = 'closed';
  socket.on('end', () => {
    end = 'end';
    socket.end();
  });
  socket.on('error', ({ code }: NodeJS.ErrnoException) => {
    end = String(code);
  });
  socket.resume();
  if (!socket.closed) await once(socket, 'close').catch(() => {});
  return end;
}
