import { checkLinkRef } from '../links/devices.js';
import type { LinkRef } from '../links/types.js';
import type { Internals } from '../namespaces/network.js';
import { systemError } from '../syscalls/errors.js';
import { checkBoolean, checkInteger, checkKeys, checkObject } from '../syscalls/validate.js';
import { AF_PACKET, LEVEL, PACKET_AUXDATA, SOCK } from './constants.js';
import { deviceIndex } from './device-index.js';
import { encodeLinkAddress } from './link-address.js';
import { integer } from './message-socket.js';
import {
  checkPacketOptions,
  openPacketSocket,
  PACKET_KEYS,
  type PacketSocketOptions,
} from './packet-options.js';
import { ALL, PacketSocket } from './packet-socket.js';

/** What `netns.packet()` takes. */
export interface PacketOptions extends PacketSocketOptions {
  /** Hears this link alone, and sends by it. Default: hears all. */
  link?: LinkRef;
  /** EtherType of what it hears: 0x0800 for IPv4. Default all, and what the namespace itself sends; 0 for nothing. */
  protocol?: number;
  /** Without the header of the link (SOCK_DGRAM), which the kernel takes off and puts on. Default false. */
  cooked?: boolean;
}

const KEYS = ['link', 'protocol', 'cooked', ...PACKET_KEYS];

/**
 * A packet socket in the namespace: whole frames of its links, as packet(7) has them.
 *
 * Rejects with EPERM without CAP_NET_RAW in the namespace, ENODEV for a link that is not there; and nothing is left open.
 */
export async function packet(inner: Internals, options: PacketOptions = {}): Promise<PacketSocket> {
  checkObject('options', options);
  checkKeys('options', options, KEYS);
  const { link, protocol = ALL, cooked = false, signal } = options;
  if (link !== undefined) checkLinkRef(link, inner, 'link');
  checkInteger('protocol', protocol, 0, 0xffff);
  checkBoolean('cooked', cooked);
  const filter = checkPacketOptions(options);
  const subject = `packet socket in ${inner.subject}`;
  let index = 0;
  return openPacketSocket(inner, {
    domain: AF_PACKET,
    type: cooked ? SOCK.DGRAM : SOCK.RAW,
    // Nothing is heard before it is bound.
    protocol: 0,
    subject,
    filter,
    options,
    configure: async (made) => {
      index = await deviceIndex(inner, link, signal);
      made.set(LEVEL.PACKET, PACKET_AUXDATA, integer(1));
      const bound = made.bind(encodeLinkAddress({ protocol, index }));
      if (bound < 0) throw systemError(bound, 'bind', { subject });
    },
    wrap: (made) => new PacketSocket(inner, made, subject, { index, protocol, cooked }),
  });
}
