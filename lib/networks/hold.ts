import type { Internals } from '../namespaces/network.js';
import { SOCK } from '../sockets/constants.js';
import { Spares } from '../sockets/spares.js';
import { AF_UNIX, encodeUnixAddress } from '../sockets/unix-address.js';
import { systemError } from '../syscalls/errors.js';
import type { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';

const EADDRINUSE = -98;

/**
 * Keeps an address of a network to whoever leads to it, as published ports do: a lease goes with its device, which somebody
 * else may remove, and whoever got the address next would be reached by these ports. An abstract unix socket, which goes
 * with the process. Undefined where somebody has it.
 */
export async function holdAddress(
  inner: Internals,
  network: string,
  address: string,
): Promise<Fd | undefined> {
  const fd = await Spares.of(inner, AF_UNIX, SOCK.DGRAM, 0).take();
  const bound = native().bind(fd.native, encodeUnixAddress('hold', `\0nsnet:hold:${network}:${address}`));
  if (bound === 0) return fd;
  await fd.close();
  if (bound === EADDRINUSE) return undefined;
  throw systemError(bound, 'bind', { subject: inner.subject });
}
