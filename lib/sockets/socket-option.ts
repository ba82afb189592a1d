import { systemError } from '../syscalls/errors.js';
import type { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { integer } from './message-socket.js';

/** An option of a socket: what setsockopt(2) is given. */
export type SocketOption = readonly [level: number, name: number, value: Uint8Array];

const HINTS: Readonly<Record<number, string>> = {
  [-19]: 'There is no such device, or, where none is named, no route to the group',
  [-98]: 'It is a member of that group on that device already',
  [-99]: 'It is no member of that group on that device, or no device has that address',
  [-105]: 'It is a member of as many groups as sysctl net.ipv4.igmp_max_memberships allows',
};

export const flag = (level: number, name: number, value: boolean): SocketOption => [
  level,
  name,
  integer(Number(value)),
];

/** `subject` is the namespace, for errors. */
export function setOption(fd: Fd, [level, name, value]: SocketOption, subject: string): void {
  const result = native().setsockopt(fd.native, level, name, value);
  if (result < 0)
    throw systemError(result, 'setsockopt', { subject: `a socket in ${subject}`, hint: HINTS[result] });
}
