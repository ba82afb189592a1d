import { once } from 'node:events';
import { Socket, type SocketConnectOpts } from 'node:net';
import type { Internals } from '../namespaces/network.js';
import type { Fd } from '../syscalls/fd.js';
import { isBun } from '../syscalls/runtime.js';
import { checkAdopted, checkHome } from './home.js';
import { connectedOnce } from './once.js';
import { nameZones } from './zones.js';

export interface Adopting {
  allowHalfOpen?: boolean;
}

/** The descriptor that an object of node:net or node:dgram uses; undefined where the runtime does not tell. */
export function descriptorOf(object: object): number | undefined {
  const { _handle: handle } = object as { _handle?: { fd?: unknown } | null };
  return typeof handle?.fd === 'number' ? handle.fd : undefined;
}

/** Bun takes over what is connected by connect() alone. */
async function adoptInBun(fd: Fd, allowHalfOpen: boolean): Promise<Socket> {
  const socket = new Socket({ allowHalfOpen });
  // It may be told within the call.
  const connected = once(socket, 'connect');
  socket.connect({ fd: fd.number } as unknown as SocketConnectOpts);
  await connected;
  return socket;
}

/** A connected socket as a net.Socket, which closes it from now on; with the namespace. */
export async function adopt(
  inner: Internals,
  fd: Fd,
  { allowHalfOpen = false }: Adopting = {},
): Promise<Socket> {
  const socket = isBun
    ? await adoptInBun(fd, allowHalfOpen)
    : new Socket({ fd: fd.number, readable: true, writable: true, allowHalfOpen });
  try {
    checkHome(inner, fd);
    checkAdopted(inner, fd.number, descriptorOf(socket));
    nameZones(socket);
    connectedOnce(socket);
    const forget = inner.keep(() => {
      socket.destroy();
    });
    socket.once('close', forget);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    fd.release();
  }
}
