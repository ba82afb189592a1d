import { littleEndian } from '../netlink/bytes.js';
import { invalidType, invalidValue } from '../syscalls/validate.js';

export const AF_UNIX = 1;

/** Of struct sockaddr_un, whose last byte the kernel keeps for a NUL. */
const LONGEST = 107;

/**
 * struct sockaddr_un of a path; of one that begins with NUL, an abstract name (unix(7)), which belongs to the network
 * namespace and vanishes with the socket.
 */
export function encodeUnixAddress(argument: string, path: unknown): Uint8Array {
  if (typeof path !== 'string') throw invalidType(argument, 'a string', path);
  const bytes = Buffer.from(path);
  if (bytes.length === 0 || bytes.length > LONGEST)
    throw invalidValue(argument, `a path of 1 to ${LONGEST} bytes`, path);
  const abstract = bytes[0] === 0;
  if (!abstract && bytes.includes(0)) throw invalidValue(argument, 'a path without NUL bytes', path);
  const address = new Uint8Array(2 + bytes.length + (abstract ? 0 : 1));
  new DataView(address.buffer).setUint16(0, AF_UNIX, littleEndian);
  address.set(bytes, 2);
  return address;
}

/** For messages: '@name' as ss(8) shows an abstract one, and every other NUL of it. */
export function formatUnixPath(path: string): string {
  return path.startsWith('\0') ? path.replaceAll('\0', '@') : path;
}
