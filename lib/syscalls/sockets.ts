import type { ErrorDetails } from './errors.js';
import { checked, type Inside } from './excursion.js';
import { Fd } from './fd.js';
import { native } from './native.js';

/** What socket(2) is given. */
export type SocketKind = readonly [domain: number, type: number, protocol: number];

/** Sockets that are made inside, where they stay, in one go; fewer where there is no room for so many. */
export async function openSockets(
  { entries, ownMemory }: Inside,
  kind: SocketKind,
  count: number,
  details: ErrorDetails = {},
): Promise<Fd[]> {
  const made = await native().sockets(entries, ownMemory, ...kind, count);
  return checked(made, details).map((one) => new Fd(one));
}

/** One. */
export async function openSocket(inside: Inside, kind: SocketKind, details?: ErrorDetails): Promise<Fd> {
  const [made] = await openSockets(inside, kind, 1, details);
  return made as Fd;
}
