import type { Internals } from '../namespaces/network.js';
import { NsnetError, systemError } from '../syscalls/errors.js';
import type { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { LEVEL, SO } from './constants.js';

const KEY = Symbol('cookie');

/**
 * Throws unless a socket is in the namespace, by SO_NETNS_COOKIE (Linux 5.14). The first that was made inside tells
 * which cookie is whose.
 */
export function checkHome(inner: Internals, fd: Fd): void {
  const cookie = native().getsockopt(fd.native, LEVEL.SOCKET, SO.NETNS_COOKIE, 8);
  if (typeof cookie === 'number') throw systemError(cookie, 'getsockopt');
  const home = (inner.memory.get(KEY) as Uint8Array | undefined) ?? cookie;
  inner.memory.set(KEY, home);
  if (!cookie.every((byte, i) => byte === home[i])) throw elsewhere(inner);
}

/**
 * Throws unless the runtime uses the very socket that it was given. One of its own making would be in the namespace of
 * this process.
 */
export function checkAdopted(inner: Internals, given: number, used: number | undefined): void {
  if (used !== undefined && used !== given) throw elsewhere(inner);
}

function elsewhere({ subject }: Internals): NsnetError {
  return new NsnetError('ERR_NSNET_UNSUPPORTED', 'the socket is in another network namespace', {
    subject,
    hint: 'This runtime does not use the socket that it is given',
  });
}
