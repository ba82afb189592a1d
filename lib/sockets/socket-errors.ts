import type { Internals } from '../namespaces/network.js';
import { type NsnetError, systemError } from '../syscalls/errors.js';

/** What a socket was to be connected or bound to. */
export interface Place {
  address: string;
  /** None of a unix socket. */
  port?: number;
}

const CONNECT: Readonly<Record<number, string>> = {
  [-13]: 'A route of type prohibit covers it',
  [-22]: 'A link-local address needs its device, as fe80::1%eth0',
  [-97]: 'That namespace has no such family of addresses (IPv6 may be switched off)',
  [-99]:
    'There is no address to send from, or no free port. A new IPv6 address is tentative: await link.ready()',
  [-101]:
    'There is no route to it from that namespace (see netns.routes, and whether its links are up), or it is a broadcast address',
  [-110]: 'Nobody answered',
  [-111]: 'Nobody listens there',
  [-113]: 'Its host does not answer (ARP, neighbour discovery), or a router said so',
};

const CONNECT_UNIX: Readonly<Record<number, string>> = {
  [-2]: 'There is no such socket file, or nobody listens at that abstract name in this namespace',
  [-11]: 'As many connections wait to be accepted as its backlog allows',
  [-13]: 'That takes write permission on the socket file, and search permission on the directories above it',
  [-111]: 'There is such a socket file, but nobody listens at it',
};

const BIND_UNIX: Readonly<Record<number, string>> = {
  [-2]: 'There is no such directory',
  [-13]: 'That takes write permission on the directory',
  [-98]: 'There is a file of that name already, or the abstract name is taken in that namespace',
};

const BIND: Readonly<Record<number, string>> = {
  [-13]: 'Ports below 1024 need CAP_NET_BIND_SERVICE: see sysctl net.ipv4.ip_unprivileged_port_start',
  [-19]: 'There is no such device',
  [-22]: 'A link-local address needs its device, as fe80::1%eth0',
  [-98]: 'Another socket of that namespace has it',
  [-99]: 'That namespace has no such address, or an IPv6 address that is still tentative: await link.ready()',
};

/** Of 127.0.0.0/8 and ::1, which each namespace has where its loopback device is up. */
const LOOPBACK: Readonly<Record<number, string>> = {
  [-99]: "Its loopback device is down: (await netns.links.get('lo')).up(); or it has no IPv6 and this is ::1",
};

const SEND: Readonly<Record<number, string>> = {
  ...CONNECT,
  [-1]: 'A firewall rule of that namespace forbids it',
  [-13]:
    'It is a broadcast address, which takes the option `broadcast`, or a route of type prohibit covers it',
  [-19]: 'There is no such device',
  [-22]:
    'A link-local address needs its device, as fe80::1%eth0; a socket sends to addresses of its own family',
  [-90]: 'A datagram has at most 65,507 bytes; of IPv6 65,527',
  [-125]: 'The socket was closed before there was room for it, or its name resolved',
};

const HINTS = { bind: BIND, listen: BIND, connect: CONNECT, send: SEND };
const HINTS_UNIX = { bind: BIND_UNIX, listen: BIND_UNIX, connect: CONNECT_UNIX, send: {} };

export function formatPlace({ address, port }: Place): string {
  if (port === undefined) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** As Node's own errors of sockets, with `address` and `port`, and the namespace named. */
export function socketError(
  errno: number,
  syscall: keyof typeof HINTS,
  place: Place,
  { subject }: Internals,
  said?: string,
): NsnetError {
  const hints: Readonly<Record<number, string>> = (place.port === undefined ? HINTS_UNIX : HINTS)[syscall];
  const own = HINTS[syscall] === BIND && /^(127\.|::1$)/.test(place.address) ? LOOPBACK[errno] : undefined;
  const hint = said ?? own ?? hints[errno];
  const error = systemError(errno, syscall, { subject: `${formatPlace(place)} in ${subject}`, hint });
  return Object.assign(error, place);
}
