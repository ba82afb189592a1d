import { formatAddress } from '../netlink/addresses.js';
import { littleEndian } from '../netlink/bytes.js';
import { AF } from '../netlink/constants.js';

const SIZE = { in: 16, in6: 28 } as const;

/** An IP address as sockets know it: `scope` is the index of the device that a link-local address belongs to. */
export interface SocketAddress {
  /** In network order: 4 bytes for IPv4, 16 for IPv6. */
  bytes: Uint8Array;
  /** 0 for none. */
  scope: number;
  /** Default 0. */
  port?: number;
}

/** struct sockaddr_in or sockaddr_in6. */
export function encodeSocketAddress({ bytes, scope, port = 0 }: SocketAddress): Uint8Array {
  const inet = bytes.length === 4;
  const address = new Uint8Array(inet ? SIZE.in : SIZE.in6);
  const view = new DataView(address.buffer);
  view.setUint16(0, inet ? AF.INET : AF.INET6, littleEndian);
  view.setUint16(2, port);
  address.set(bytes, inet ? 4 : 8);
  if (!inet) view.setUint32(24, scope, littleEndian);
  return address;
}

/** The reverse; undefined for what is neither. */
export function decodeSocketAddress(address: Uint8Array): SocketAddress | undefined {
  if (address.length < SIZE.in) return undefined;
  const view = new DataView(address.buffer, address.byteOffset, address.byteLength);
  const family = view.getUint16(0, littleEndian);
  const port = view.getUint16(2);
  if (family === AF.INET) return { bytes: address.subarray(4, 8), scope: 0, port };
  if (family !== AF.INET6 || address.length < SIZE.in6) return undefined;
  return { bytes: address.subarray(8, 24), scope: view.getUint32(24, littleEndian), port };
}

/** As text; a link-local address with its zone: 'fe80::1%eth0', by index where the name is not known. */
export function formatSocketAddress({ bytes, scope }: SocketAddress, zones?: Map<number, string>): string {
  const text = formatAddress(bytes);
  return scope === 0 ? text : `${text}%${zones?.get(scope) ?? scope}`;
}
