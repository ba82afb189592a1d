import type { Internals } from '../namespaces/network.js';
import { Connection } from '../netlink/connection.js';
import { NETLINK } from '../netlink/constants.js';
import { openNetlink } from '../netlink/socket.js';
import type { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';

const SOL_SOCKET = 1;
/** SO_…, and the same by force, with CAP_NET_ADMIN of the initial user namespace. */
const SEND_BUFFER = { plain: 7, forced: 32 };
const RECEIVE_BUFFER = { plain: 8, forced: 33 };
/** A batch is one send, and its answers must find room at once. */
const BUFFER = 16 * 1024 * 1024;

async function openNetfilter(inner: Internals): Promise<Fd> {
  const fd = await openNetlink(inner.inside(), NETLINK.NETFILTER, inner.subject);
  const size = new Uint8Array(new Int32Array([BUFFER]).buffer);
  for (const { plain, forced } of [SEND_BUFFER, RECEIVE_BUFFER]) {
    if (native().setsockopt(fd.native, SOL_SOCKET, forced, size) < 0)
      native().setsockopt(fd.native, SOL_SOCKET, plain, size);
  }
  return fd;
}

/** A connection to netfilter in a namespace, opened when first used. */
export function connectNetfilter(inner: Internals): Connection {
  return new Connection(() => openNetfilter(inner), inner.subject);
}
