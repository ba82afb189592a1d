import { systemError } from '../syscalls/errors.js';
import type { Inside } from '../syscalls/excursion.js';
import type { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { openSocket } from '../syscalls/sockets.js';
import { AF, NETLINK_OPTION } from './constants.js';

const SOCK_RAW = 3;
const SOL_NETLINK = 270;
const ONE = new Uint8Array(new Int32Array([1]).buffer);

/** domain, type and protocol of a netlink socket, as socket(2) takes them. */
export function netlinkSocket(protocol: number): [domain: number, type: number, protocol: number] {
  return [AF.NETLINK, SOCK_RAW, protocol];
}

/**
 * Turns on what makes netlink honest: the kernel's words with its errors, acks that do not quote the request, and
 * dump requests whose filters are checked instead of ignored (4.12, 4.3, 4.20).
 */
export function configureNetlink(fd: Fd): Fd {
  for (const option of [NETLINK_OPTION.EXT_ACK, NETLINK_OPTION.CAP_ACK, NETLINK_OPTION.GET_STRICT_CHK]) {
    const result = native().setsockopt(fd.native, SOL_NETLINK, option, ONE);
    if (result < 0) throw systemError(result, 'setsockopt');
  }
  return fd;
}

/** A netlink socket made inside the given namespaces, where it stays. */
export async function openNetlink(inside: Inside, protocol: number, subject: string): Promise<Fd> {
  return configureNetlink(await openSocket(inside, netlinkSocket(protocol), { subject }));
}
