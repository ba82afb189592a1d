import type { Server, Socket } from 'node:net';
import { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { descriptorOf } from './adopt.js';
import { decodeSocketAddress, formatSocketAddress } from './socket-address.js';

/** As `socket.address()` has it. */
export interface Told {
  address: string;
  family: 'IPv4' | 'IPv6';
  port: number;
}

type Which = 'getsockname' | 'getpeername';

/** How net.Socket keeps and asks for its two addresses; runtimes that lack it do it otherwise. */
interface Asking {
  _getsockname?: () => Partial<Told>;
  _getpeername?: () => Partial<Told>;
  connecting: boolean;
}

/** An address that a socket was told of, its device named as in the socket's own namespace. */
export function toldBy(fd: Fd, bytes: Uint8Array): Told | undefined {
  const found = decodeSocketAddress(bytes);
  if (!found) return undefined;
  const { scope, port = 0 } = found;
  const name = scope === 0 ? scope : native().linkName(fd.native, scope);
  const zones = typeof name === 'string' ? new Map([[scope, name]]) : undefined;
  const family = found.bytes.length === 4 ? 'IPv4' : 'IPv6';
  return { address: formatSocketAddress(found, zones), family, port };
}

/** The address of a socket of this process. */
function addressOf(number: number, which: Which): Told | undefined {
  const fd = Fd.duplicate(number);
  try {
    const bytes = native()[which](fd.native);
    return typeof bytes === 'number' ? undefined : toldBy(fd, bytes);
  } finally {
    fd.closeNow();
  }
}

/**
 * What the runtime tells of an address, but of a link-local one: it looks for its device in the namespace of its own
 * thread, and gives the name of another, or throws ENXIO.
 */
export function zoned<T extends Partial<Told>>(
  number: number | undefined,
  which: Which,
  ask: () => T,
): T | Told {
  let said: T | undefined;
  let failed: unknown;
  try {
    said = ask();
    if (!said.address?.includes('%')) return said;
  } catch (error) {
    failed = error;
    if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
  }
  const own = number === undefined ? undefined : addressOf(number, which);
  if (own) return own;
  if (said) return said;
  throw failed;
}

/** Has a connection tell the devices of its own namespace: remoteAddress, localAddress, address(). */
export function nameZones(socket: Socket): void {
  const asking = socket as unknown as Asking;
  for (const [method, which] of [
    ['_getsockname', 'getsockname'],
    ['_getpeername', 'getpeername'],
  ] as const) {
    const original = asking[method];
    if (!original) continue;
    let kept: Partial<Told> | undefined;
    asking[method] = () => {
      if (kept) return kept;
      const said = zoned(descriptorOf(socket), which, () => original.call(socket));
      if (said.address?.includes('%')) kept = said;
      return said;
    };
  }
}

/** The same of a server that listens at a link-local address; the function returned takes it back. */
export function nameZoneOf(server: Server, address: string, port: number): () => void {
  if (!address.includes('%')) return () => {};
  server.address = () => ({ address, family: 'IPv6', port });
  return () => delete (server as Partial<Server>).address;
}
