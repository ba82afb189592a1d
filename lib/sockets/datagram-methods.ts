import { isIPv4 } from 'node:net';
import { parseAddress } from '../netlink/addresses.js';
import { littleEndian } from '../netlink/bytes.js';
import { systemError } from '../syscalls/errors.js';
import type { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { checkString, invalidType, invalidValue } from '../syscalls/validate.js';
import { IP, IPV6, LEVEL, SO } from './constants.js';
import { badBufferSize } from './datagram-errors.js';
import { integer } from './message-socket.js';
import { type Interface, membershipOption, outgoingOption } from './multicast.js';
import { setOption } from './socket-option.js';

/** A socket whose options are set. */
export interface Target {
  fd: Fd;
  family: 4 | 6;
  /** The namespace, for errors. */
  subject: string;
}

const EINVAL = -22;

/** Joins a group or leaves it, as far as it comes from `source` where that is given. */
export function setMembership(
  { fd, family, subject }: Target,
  join: boolean,
  group: unknown,
  device: unknown,
  source?: string,
): void {
  checkString('multicastAddress', group);
  const option = membershipOption(join, { group, source }, family, interfaceOf(fd, family, device));
  setOption(fd, option, subject);
}

/** Which device multicast leaves by. */
export function setOutgoing({ fd, family, subject }: Target, device: unknown): void {
  checkString('interfaceAddress', device);
  setOption(fd, outgoingOption(family, interfaceOf(fd, family, device)), subject);
}

/** A device is given as node:dgram has it, by an address of it or '::%eth0', or just by its name. */
function interfaceOf(fd: Fd, family: 4 | 6, device: unknown): Interface {
  if (device === undefined) return { index: 0 };
  checkString('multicastInterface', device);
  if (family === 4 && isIPv4(device)) return { index: 0, address: parseAddress(device).bytes };
  const name = device.slice(device.lastIndexOf('%') + 1);
  if (name === '' || device === '::') return { index: 0 };
  if (/^\d+$/.test(name)) return { index: Number(name) };
  const index = native().linkIndex(fd.native, name);
  if (index < 0) {
    const error = systemError(index, 'ioctl', { subject: `link '${name}'` });
    throw index === -19 ? error : invalidValue('multicastInterface', 'a device', device);
  }
  return { index };
}

const NUMBERS = {
  TTL: { 4: IP.TTL, 6: IPV6.UNICAST_HOPS, min: 1 },
  MulticastTTL: { 4: IP.MULTICAST_TTL, 6: IPV6.MULTICAST_HOPS, min: 0 },
  MulticastLoopback: { 4: IP.MULTICAST_LOOP, 6: IPV6.MULTICAST_LOOP, min: 0 },
} as const;

/** Up to 255. */
export function setNumber({ fd, family, subject }: Target, what: keyof typeof NUMBERS, value: unknown): void {
  if (typeof value !== 'number') throw invalidType('ttl', 'a number', value);
  const { [family]: name, min } = NUMBERS[what];
  const number = Math.trunc(value);
  if (!(number >= min && number <= 255)) throw systemError(EINVAL, `set${what}`, { subject });
  setOption(fd, [family === 4 ? LEVEL.IP : LEVEL.IPV6, name, integer(number)], subject);
}

/** Bytes of a buffer as the kernel has it, twice what was asked for; `size` asks for so many, 0 for no others. */
export function bufferSize({ fd, subject }: Target, name: 'RCVBUF' | 'SNDBUF', size: unknown = 0): number {
  if (typeof size !== 'number' || size >>> 0 !== size) throw badBufferSize();
  if (size > 0x7fffffff) {
    const error = systemError(EINVAL, 'setsockopt', { subject });
    throw Object.assign(new Error(`Could not get or set buffer size: ${error.message}`, { cause: error }), {
      code: 'ERR_SOCKET_BUFFER_SIZE',
    });
  }
  if (size > 0) setOption(fd, [LEVEL.SOCKET, SO[name], integer(size)], subject);
  const value = native().getsockopt(fd.native, LEVEL.SOCKET, SO[name], 4);
  if (typeof value === 'number') throw systemError(value, 'getsockopt', { subject });
  return new DataView(value.buffer, value.byteOffset).getInt32(0, littleEndian);
}
