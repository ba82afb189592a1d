import { Handle } from '../handles/handle.js';
import type { Call } from '../handles/listing.js';
import { Pace } from '../handles/pace.js';
import { literal } from '../names/literal.js';
import type { Internals } from '../namespaces/network.js';
import { AF } from '../netlink/constants.js';
import { IPPROTO, IPV6, LEVEL, SO, SOCK } from '../sockets/constants.js';
import { checkPort, type Endpoint, endpointOf } from '../sockets/endpoint.js';
import { decodeSocketAddress } from '../sockets/socket-address.js';
import { formatPlace, socketError } from '../sockets/socket-errors.js';
import { flag, setOption } from '../sockets/socket-option.js';
import { Spares } from '../sockets/spares.js';
import { abortError, closedError, NsnetError, unsupportedError } from '../syscalls/errors.js';
import type { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { checkInteger, checkSignal, checkString, invalidValue } from '../syscalls/validate.js';
import type { PublishedProtocol } from './published.js';

/** What reserve() takes. */
export interface ReservationOptions extends Call {
  protocol: PublishedProtocol;
  /** An address of the namespace; '0.0.0.0' and '::' are all of their family. */
  address: string;
  /** 0: one that the kernel chooses. */
  port: number;
  /** Of a range that begins with `port`, the last: the first of them that is free is taken. */
  lastPort?: number;
}

/** Connections that may wait to be accepted; the kernel takes at most net.core.somaxconn. */
export const BACKLOG = 4096;

const EADDRINUSE = -98;
/** EPROTONOSUPPORT and ESOCKTNOSUPPORT: the kernel has no such sockets. */
const NO_PROTOCOL = new Set(['EPROTONOSUPPORT', 'ESOCKTNOSUPPORT']);

/**
 * A port of a namespace that is held by a socket: who else wants it, whatever program, gets EADDRINUSE. It goes with close(),
 * with the namespace object, and with the process, kill -9 included.
 */
export class Reservation extends Handle {
  readonly protocol: PublishedProtocol;
  /** As the kernel has it: in its usual form. */
  readonly address: string;
  readonly port: number;
  /** The namespace that it is in. */
  readonly inner: Internals;
  /** Of TCP it listens: connections wait in it, until they are accepted or it is closed. */
  readonly fd: Fd;
  #relay: (() => Promise<void>) | undefined;
  readonly #forget: () => void;

  /** Takes the descriptor over, unless it throws. */
  constructor(inner: Internals, fd: Fd, protocol: PublishedProtocol, address: string, port: number) {
    super(true);
    this.#forget = inner.keep(() => this.close());
    this.inner = inner;
    this.fd = fd;
    this.protocol = protocol;
    this.address = address;
    this.port = port;
    this.warnIfCollected(`${this}`);
  }

  /** For errors: "127.0.0.1:8080/tcp in netns 'host'". */
  get subject(): string {
    return subjectOf(this, this.inner);
  }

  /**
   * Who serves what comes to it, one at a time: `end` is called by close(), and the function returned takes that back.
   * Throws EBUSY, and ERR_NSNET_CLOSED once it is closed.
   */
  serve(end: () => Promise<void>): () => void {
    if (this.closed) throw closedError(this.subject);
    if (this.#relay) {
      throw new NsnetError('EBUSY', 'something relays it already', {
        subject: this.subject,
        hint: 'Close that first: the port stays reserved meanwhile',
      });
    }
    this.#relay = end;
    return () => {
      if (this.#relay === end) this.#relay = undefined;
    };
  }

  override toString(): string {
    return `Reservation { ${this.subject} }`;
  }

  override toJSON(): unknown {
    const { protocol, address, port } = this;
    return { protocol, address, port };
  }

  protected override async dispose(): Promise<void> {
    this.#forget();
    await this.#relay?.();
    await this.fd.close();
  }
}

/**
 * Takes a port of a namespace. It is bound without SO_REUSEADDR, which would let others have it, too, but of TCP: there
 * the socket listens, which keeps others out as well, and without the option the port could not be had again for a minute
 * after a connection has ended (TIME_WAIT). IPv6 sockets are without IPv4.
 *
 * Rejects with EADDRINUSE where it is taken, or none of the range is free; EADDRNOTAVAIL, EACCES…; ERR_NSNET_UNSUPPORTED
 * for SCTP where the kernel has none.
 */
export async function reserve(inner: Internals, options: ReservationOptions): Promise<Reservation> {
  const { protocol, address, port, lastPort = port, signal } = options;
  if (!['tcp', 'udp', 'sctp'].includes(protocol)) {
    throw invalidValue('protocol', "'tcp', 'udp' or 'sctp'", protocol);
  }
  checkString('address', address);
  if (!literal(address)) throw invalidValue('address', 'an IPv4 or IPv6 address', address);
  checkPort('port', port);
  if (lastPort !== port) checkInteger('lastPort', lastPort, port || 65_536, 65_535);
  checkSignal(signal);
  if (signal?.aborted) throw abortError(signal);
  return inner.during(firstFree(inner, { protocol, address, port, lastPort, signal }));
}

type Wanted = Required<Omit<ReservationOptions, 'signal'>> & Call;

async function firstFree(inner: Internals, wanted: Wanted): Promise<Reservation> {
  const { protocol, address, port, lastPort, signal } = wanted;
  const pace = new Pace();
  for (let each = port; each <= lastPort; each++) {
    const to = await endpointOf(inner, 'address', address, each, signal);
    const fd = await openSocket(inner, to.family, wanted);
    try {
      if (signal?.aborted) throw abortError(signal);
      const taken = take(inner, fd, to, wanted);
      if (taken) return taken;
    } catch (error) {
      fd.closeNow();
      throw error;
    }
    fd.closeNow();
    if (pace.due) await pace.turn();
  }
  const range = lastPort === port ? '' : `-${lastPort}`;
  const subject = `${formatPlace({ address, port })}${range}/${protocol} in ${inner.subject}`;
  const ports =
    port === 0 ? 'No port' : range ? `No port from ${port} to ${lastPort}` : `Port ${port}/${protocol}`;
  const error = new NsnetError('EADDRINUSE', 'address already in use', {
    syscall: 'bind',
    subject,
    hint: `${ports} is ${range || port === 0 ? 'free' : 'taken'} in ${inner.subject}: ${whoHasIt(protocol)}`,
  });
  throw Object.assign(error, { address, port });
}

const whoHasIt = (protocol: PublishedProtocol) =>
  `a program there has it, or it is published already ('ss -${protocol === 'udp' ? 'u' : protocol === 'tcp' ? 't' : 'S'}lnp' shows by whom)`;

async function openSocket(inner: Internals, family: 4 | 6, { protocol, ...place }: Wanted): Promise<Fd> {
  const type = protocol === 'udp' ? SOCK.DGRAM : SOCK.STREAM;
  const domain = family === 4 ? AF.INET : AF.INET6;
  try {
    if (protocol === 'sctp') return await inner.socket(domain, type | SOCK.NONBLOCK, IPPROTO.SCTP);
    return await Spares.of(inner, domain, type | SOCK.NONBLOCK, 0).take();
  } catch (error) {
    if (protocol !== 'sctp' || !NO_PROTOCOL.has((error as NsnetError).code)) throw error;
    throw unsupportedError('this kernel has no SCTP sockets', {
      subject: subjectOf({ protocol, ...place }, inner),
      hint: "Its module may not be loaded: 'modprobe sctp'",
    });
  }
}

/** Undefined where the port is another's. */
function take(
  inner: Internals,
  fd: Fd,
  to: Endpoint,
  { protocol, address }: Wanted,
): Reservation | undefined {
  const { subject } = inner;
  const again = flag(LEVEL.SOCKET, SO.REUSEADDR, true);
  const listens = protocol === 'tcp';
  const chosen = to.place.port === 0;
  if (to.family === 6) setOption(fd, flag(LEVEL.IPV6, IPV6.V6ONLY, true), subject);
  // With the option the kernel might choose a port that another socket is bound to with it. What is accepted has it anyhow.
  if (listens && !chosen) setOption(fd, again, subject);
  const bound = native().bind(fd.native, to.bytes);
  if (bound === EADDRINUSE) return undefined;
  if (bound < 0) throw socketError(bound, 'bind', to.place, inner);
  if (listens && chosen) setOption(fd, again, subject);
  const listening = listens ? native().listen(fd.native, BACKLOG) : 0;
  // Another one was bound to it with the option, and listened first.
  if (listening === EADDRINUSE) return undefined;
  if (listening < 0) throw socketError(listening, 'listen', to.place, inner);
  const name = native().getsockname(fd.native);
  const { port = 0 } = (typeof name !== 'number' && decodeSocketAddress(name)) || {};
  return new Reservation(inner, fd, protocol, to.place.address || address, port);
}

function subjectOf(
  { protocol, address, port }: Pick<Wanted, 'protocol' | 'address' | 'port'>,
  { subject }: Internals,
): string {
  return `${formatPlace({ address, port })}/${protocol} in ${subject}`;
}
