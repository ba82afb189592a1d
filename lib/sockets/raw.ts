import { checkLinkRef } from '../links/devices.js';
import type { LinkRef } from '../links/types.js';
import type { Internals } from '../namespaces/network.js';
import { type Family, familyNumber } from '../netlink/addresses.js';
import { checkBoolean, checkInteger, checkKeys, checkObject, invalidValue } from '../syscalls/validate.js';
import { IP, IPPROTO, IPV6, LEVEL, SO, SOCK } from './constants.js';
import { deviceIndex } from './device-index.js';
import { integer, type MessageSocket } from './message-socket.js';
import {
  checkPacketOptions,
  openPacketSocket,
  PACKET_KEYS,
  type PacketSocketOptions,
} from './packet-options.js';
import { bindError } from './ping-errors.js';
import { type IpProtocol, protocolNumber } from './protocols.js';
import { RawSocket } from './raw-socket.js';
import { encodeSocketAddress } from './socket-address.js';
import { parseZonedAddress, resolveZone, type ZonedAddress } from './zoned-address.js';

/** What `netns.raw()` takes. */
export interface RawOptions extends PacketSocketOptions {
  /** Default 'inet'. */
  family?: Family;
  /** Which packets it hears, and what those say that it sends. */
  protocol: IpProtocol;
  /** Whether what is sent begins with its own IP header (IP_HDRINCL, IPV6_HDRINCL). Default false, with 'raw' true. */
  headerIncluded?: boolean;
  /** Hears and sends by this link alone. Default: all. */
  device?: LinkRef;
  /** Hears what is for this address alone, and sends from it; a link-local one with its link, as 'fe80::1%eth0'. */
  bind?: string;
  /** TTL, or hop limit, of what is sent: 1 to 255. Default: the kernel's, which is 64. */
  ttl?: number;
}

const KEYS = ['family', 'protocol', 'headerIncluded', 'device', 'bind', 'ttl', ...PACKET_KEYS];

interface Settings {
  family: Family;
  protocol: number;
  headerIncluded: boolean;
  bind?: ZonedAddress;
  filter: Uint8Array;
}

function check(inner: Internals, options: RawOptions): Settings {
  checkObject('options', options);
  checkKeys('options', options, KEYS);
  const { family = 'inet', device, ttl } = options;
  if (family !== 'inet' && family !== 'inet6') throw invalidValue('family', "'inet' or 'inet6'", family);
  const protocol = protocolNumber(options.protocol);
  const { headerIncluded = protocol === IPPROTO.RAW } = options;
  checkBoolean('headerIncluded', headerIncluded);
  if (device !== undefined) checkLinkRef(device, inner, 'device');
  if (ttl !== undefined) checkInteger('ttl', ttl, 1, 255);
  const bind = options.bind === undefined ? undefined : parseZonedAddress('bind', options.bind);
  if (bind && bind.family !== family) {
    throw invalidValue('bind', `an ${family === 'inet' ? 'IPv4' : 'IPv6'} address`, options.bind);
  }
  if (bind?.needsZone && bind.zone === undefined) {
    throw invalidValue('bind', `a link-local address with its device, as ${bind.text}%eth0,`, options.bind);
  }
  return { family, protocol, headerIncluded, bind, filter: checkPacketOptions(options) };
}

/**
 * A raw socket in the namespace: IP packets of one protocol, as raw(7) and ipv6(7) have them.
 *
 * Rejects with EPERM without CAP_NET_RAW in the namespace, EADDRNOTAVAIL for an address that it does not have, ENODEV
 * for a link; and nothing is left open.
 */
export async function raw(inner: Internals, options: RawOptions): Promise<RawSocket> {
  const settings = check(inner, options);
  const { family, protocol, filter } = settings;
  const subject = `raw socket for protocol ${protocol} (${family}) in ${inner.subject}`;
  return openPacketSocket(inner, {
    domain: familyNumber(family),
    type: SOCK.RAW,
    protocol,
    subject,
    filter,
    options,
    configure: (made) => configure(inner, made, settings, options, subject),
    wrap: (made) => new RawSocket(inner, made, subject, settings),
  });
}

async function configure(
  inner: Internals,
  socket: MessageSocket,
  { family, headerIncluded, bind }: Settings,
  { device, ttl, signal }: RawOptions,
  subject: string,
): Promise<void> {
  const inet = family === 'inet';
  const level = inet ? LEVEL.IP : LEVEL.IPV6;
  socket.set(LEVEL.SOCKET, SO.BROADCAST, integer(1));
  socket.set(level, inet ? IP.HDRINCL : IPV6.HDRINCL, integer(Number(headerIncluded)));
  if (!inet) socket.set(level, IPV6.RECVHOPLIMIT, integer(1));
  if (ttl !== undefined) {
    socket.set(level, inet ? IP.TTL : IPV6.UNICAST_HOPS, integer(ttl));
    socket.set(level, inet ? IP.MULTICAST_TTL : IPV6.MULTICAST_HOPS, integer(ttl));
  }
  if (device !== undefined) {
    socket.set(LEVEL.SOCKET, SO.BINDTOIFINDEX, integer(await deviceIndex(inner, device, signal)));
  }
  if (!bind) return;
  const bound = socket.bind(encodeSocketAddress(await resolveZone(inner, bind, signal)));
  if (bound < 0) throw bindError(bound, subject, bind.text);
}
