import { getLinkRequest, linkAnswer } from '../links/devices.js';
import type { Internals } from '../namespaces/network.js';
import { IFF } from '../rtnetlink/constants.js';
import { type Place, socketError } from '../sockets/socket-errors.js';

/** The kernel gives it to the first link of a namespace. */
const LOOPBACK = 1;
const EADDRNOTAVAIL = -99;

/** Rejects with EADDRNOTAVAIL where nobody can be heard at a loopback address: it may be bound to all the same. */
export async function checkLoopback(
  inside: Internals,
  place: Required<Place>,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!/^127\.|^::1$/.test(place.address)) return;
  const { flags } = linkAnswer(
    await inside.route.request({ ...getLinkRequest(LOOPBACK, inside.subject), signal }),
  );
  if ((flags & IFF.UP) === 0) throw socketError(EADDRNOTAVAIL, 'bind', place, inside);
}
