import { Socket } from 'node:net';
import type { Internals } from '../namespaces/network.js';
import { closedError } from '../syscalls/errors.js';
import type { Fd } from '../syscalls/fd.js';
import { type Adopting, descriptorOf } from './adopt.js';
import { checkAdopted } from './home.js';
import { connectedOnce } from './once.js';
import { type Place, socketError } from './socket-errors.js';

/**
 * Has Node connect a socket that was made inside, to an address: there is nothing left that it would look up, and its
 * event loop waits for it as for all others. Takes the descriptor over. Not for Bun and Deno, which would put a socket of
 * their own in its place.
 */
export async function connectByNode(
  inner: Internals,
  fd: Fd,
  to: Required<Place>,
  { allowHalfOpen = false }: Adopting,
  signal?: AbortSignal,
): Promise<Socket> {
  const { number } = fd;
  const socket = new Socket({ fd: number, allowHalfOpen });
  fd.release();
  try {
    signal?.throwIfAborted();
    await connecting(inner, socket, to, signal);
    checkAdopted(inner, number, descriptorOf(socket));
    return connectedOnce(socket);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Resolves when it is connected; rejects with what kept it from that. Closing the namespace ends it, then and later. */
function connecting(
  inner: Internals,
  socket: Socket,
  to: Required<Place>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const forget = inner.keep(() => void socket.destroy());
  return new Promise((resolve, reject) => {
    let settled = false;
    const end = () => {
      settled = true;
      socket.off('error', onError);
      signal?.removeEventListener('abort', onAbort);
    };
    const fail = (error: unknown) => {
      end();
      reject(error);
    };
    const onError = (error: NodeJS.ErrnoException) =>
      fail(error.errno ? socketError(error.errno, 'connect', to, inner) : error);
    const onAbort = () => fail(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('close', () => {
      forget();
      if (!settled) fail(closedError(inner.subject));
    });
    socket.once('error', onError);
    socket.once('connect', () => {
      end();
      resolve();
    });
    socket.connect({ host: to.address, port: to.port, autoSelectFamily: false });
  });
}
