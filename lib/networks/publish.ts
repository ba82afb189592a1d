import type { Handle } from '../handles/handle.js';
import { literal } from '../names/literal.js';
import { type AnyNetns, type Internals, openInternals } from '../namespaces/network.js';
import { type NsnetError, withNotUndone } from '../syscalls/errors.js';
import { all, undoAll } from './all.js';
import { forgetFlows, forgetPorts } from './flows.js';
import type { Settings } from './options.js';
import type { Owner } from './owner.js';
import { type LocalPort, type PortRule, PortTable } from './ports.js';
import type { Published } from './published.js';
import { relay } from './relay/relay.js';
import { type Reservation, reserve } from './reservation.js';

/** What ports are published for. */
export interface Publishing {
  host: AnyNetns;
  owner: Owner;
  settings: Settings;
  /** The device by which packets come from the network. */
  device: string;
  /** Ports are reserved before it is known. */
  addresses: Promise<Addresses>;
  signal?: AbortSignal;
}

/** Of an endpoint. */
interface Addresses {
  address?: string;
  address6?: string;
}

/** Ports that are published. */
export interface PublishedPorts {
  /** With the ports that were chosen. */
  published: Published[];
  close(): Promise<void>;
}

/** A kernel without IPv6, or a namespace. */
const NO_INET6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);
/** How often a port that is free in one family only is passed over. */
const TRIES = 16;

const isLoopback = (address: string) => address.startsWith('127.') || address === '::1';
const isAny = (address: string) => address === '0.0.0.0' || address === '::';

/**
 * Publishes ports of an endpoint on the host: the port is reserved by a socket, which also serves what comes by loopback
 * addresses, and packets for the host's other addresses are redirected. All or none.
 */
export async function publish(to: Publishing, wanted: readonly Published[]): Promise<PublishedPorts> {
  const inner = openInternals(to.host);
  const ends: (() => Promise<void>)[] = [];
  const close = () => undoAll(ends);
  /** What is there is ended with the rest, whatever fails beside it. */
  const begun = async <T>(work: Promise<T>, end: (made: T) => Promise<void>): Promise<T> => {
    const made = await work;
    ends.push(() => end(made));
    return made;
  };
  try {
    const [table, reserved, addresses] = await all([
      begun(PortTable.take(to.host, to.owner), (table) => table.letGo()),
      begun(reserveAll(inner, wanted, to.signal), closeAll),
      to.addresses,
    ]);
    to.signal?.throwIfAborted();
    const rules = reserved.flatMap((reservations, i) =>
      reservations.flatMap((one) => ruleFor(one, wanted[i] as Published, addresses)),
    );
    const local = reserved.flat().flatMap(localPort);
    // With the namespace object its table has gone.
    await begun(table.add(rules, local, to.settings.icc ? undefined : to.device), async () => {
      if (to.host.closed) return;
      await table.delete(rules, local);
      await forgetPorts(inner, rules);
    });
    await all(
      reserved.flatMap((reservations, i) =>
        reservations.map((one) => serve(inner, one, wanted[i] as Published, addresses)),
      ),
    );
    await forgetFlows(inner, rules);
    const published = wanted.map(({ hostAddress, containerPort, protocol }, i): Published => {
      const { port } = (reserved[i] as Reservation[])[0] as Reservation;
      return { ...(hostAddress !== undefined && { hostAddress }), hostPort: port, containerPort, protocol };
    });
    return { published, close };
  } catch (error) {
    throw await close().then(
      () => error,
      (undoing) => withNotUndone(error, undoing),
    );
  }
}

const isFixed = ({ hostPort, lastHostPort }: Published) =>
  hostPort !== undefined && hostPort !== 0 && lastHostPort === undefined;

/**
 * Those of each, all or none: first, all at once, where the port is said, then one after another where it is chosen, so
 * that none gets what another one asks for.
 */
async function reserveAll(
  inner: Internals,
  wanted: readonly Published[],
  signal?: AbortSignal,
): Promise<Reservation[][]> {
  const reserved: Reservation[][] = wanted.map(() => []);
  try {
    await all(
      wanted.map(async (one, i) => {
        if (isFixed(one)) reserved[i] = await reserveFixed(inner, one, signal);
      }),
    );
    for (const [i, one] of wanted.entries())
      if (!isFixed(one)) reserved[i] = await reserveChosen(inner, one, signal);
    return reserved;
  } catch (error) {
    await closeAll(reserved);
    throw error;
  }
}

async function closeAll(reserved: readonly Reservation[][]): Promise<void> {
  await Promise.all(reserved.flat().map((reservation) => reservation.close()));
}

/** One socket for each address; of all addresses one for each family. */
async function reserveFixed(inner: Internals, one: Published, signal?: AbortSignal): Promise<Reservation[]> {
  const { hostAddress, hostPort: port = 0, protocol } = one;
  const at = (address: string) => reserve(inner, { protocol, address, port, signal });
  if (hostAddress !== undefined) return [await at(hostAddress)];
  const [first, second] = await Promise.allSettled([at('0.0.0.0'), at('::')]);
  const both = [first, second].flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  if (first.status === 'fulfilled' && (second.status === 'fulfilled' || NO_INET6.has(second.reason.code)))
    return both;
  await Promise.all(both.map((reservation) => reservation.close()));
  throw first.status === 'rejected' ? first.reason : (second as PromiseRejectedResult).reason;
}

/** The same where there is a range, or any port will do: of all addresses the same port for both families. */
async function reserveChosen(inner: Internals, one: Published, signal?: AbortSignal): Promise<Reservation[]> {
  const { hostAddress, hostPort = 0, lastHostPort = hostPort, protocol } = one;
  const from = { protocol, lastPort: lastHostPort, signal };
  if (hostAddress !== undefined)
    return [await reserve(inner, { ...from, address: hostAddress, port: hostPort })];
  for (let port = hostPort, tries = 0; ; tries++) {
    const first = await reserve(inner, { ...from, address: '0.0.0.0', port });
    try {
      return [first, await reserve(inner, { protocol, address: '::', port: first.port, signal })];
    } catch (error) {
      const { code } = error as NsnetError;
      if (NO_INET6.has(code)) return [first];
      await first.close();
      const again = code === 'EADDRINUSE' && (hostPort === 0 ? tries < TRIES : first.port < lastHostPort);
      if (!again) throw error;
      if (hostPort !== 0) port = first.port + 1;
    }
  }
}

/** What comes to the socket itself goes to the endpoint, by the family that it has. */
async function serve(
  inner: Internals,
  reservation: Reservation,
  { containerPort, protocol }: Published,
  { address, address6 }: Addresses,
): Promise<Handle | undefined> {
  if (protocol === 'sctp') return undefined;
  const own = literal(reservation.address)?.family === 6 ? (address6 ?? address) : (address ?? address6);
  return relay(reservation, { from: inner, address: own as string, port: containerPort });
}

/** Loopback addresses are the socket's alone: nobody else could reach them by a rule. */
function ruleFor(
  { address, port: hostPort }: Reservation,
  { protocol, containerPort: port }: Published,
  to: Addresses,
): PortRule[] {
  const own = literal(address)?.family === 6 ? to.address6 : to.address;
  if (own === undefined || isLoopback(address)) return [];
  const rule = { hostPort, protocol, address: own, port };
  return [isAny(address) ? rule : { ...rule, hostAddress: address }];
}

function localPort({ address, port: hostPort, protocol }: Reservation): LocalPort[] {
  return address.startsWith('127.') ? [{ hostAddress: address, hostPort, protocol }] : [];
}
