import type { Call } from '../handles/listing.js';
import type { Internals } from '../namespaces/network.js';
import type { Family } from '../netlink/addresses.js';
import { systemError } from '../syscalls/errors.js';
import { native } from '../syscalls/native.js';
import { checkKeys, checkObject, checkSignal, invalidValue } from '../syscalls/validate.js';
import { MSG_TRUNC } from './constants.js';
import { readControl } from './control.js';
import type { Message, MessageSocket } from './message-socket.js';
import { checkBytes, PacketHandle } from './packet-handle.js';
import { decodeSocketAddress, encodeSocketAddress, formatSocketAddress } from './socket-address.js';
import { parseDestination, type ZonedAddress } from './zoned-address.js';

/** What a raw socket hears. */
export interface RawMessage {
  /** With its IP header if it is IPv4; of IPv6 what follows the headers. */
  bytes: Uint8Array;
  /** Who sent it; a link-local address with its link, as 'fe80::1%eth0'. */
  from: string;
  /** What was left of its TTL, or hop limit. */
  ttl: number;
  /** When it arrived, CLOCK_REALTIME in nanoseconds. */
  at: bigint;
  /** Whether it was longer than 64 KiB, and the end is missing. */
  truncated: boolean;
}

/** Where the destination is in an IP header, and how long the header is at least. */
const DESTINATION = { inet: [16, 20], inet6: [24, 40] } as const;

const HINTS: Readonly<Record<number, string>> = {
  [-1]: 'A firewall rule of that namespace forbids it',
  [-13]: 'A route of type prohibit covers it',
  [-22]: 'A header that is included must be a valid one; a route of type blackhole may cover the destination',
  [-90]:
    'It is longer than 65,535 bytes with its header, or than the MTU of the link if the header was included',
  [-99]: 'There is no address to send from. A new IPv6 address is tentative: await link.ready()',
  [-100]: 'The link is down',
  [-101]: 'There is no route to it. See netns.routes, and whether the link is up',
  [-113]: 'A route of type unreachable covers it',
};

/** IP packets of one protocol in a namespace (raw(7)): looped over it gives what arrives. Made by netns.raw(). */
export class RawSocket extends PacketHandle<RawMessage> {
  readonly family: Family;
  /** Its number. */
  readonly protocol: number;
  readonly #headerIncluded: boolean;
  readonly #netns: string;

  /** @internal */
  constructor(
    inner: Internals,
    socket: MessageSocket,
    subject: string,
    settings: { family: Family; protocol: number; headerIncluded: boolean },
  ) {
    super({ inner, socket, subject, read: reader(socket, settings.family), hints: HINTS });
    this.family = settings.family;
    this.protocol = settings.protocol;
    this.#headerIncluded = settings.headerIncluded;
    this.#netns = inner.subject;
  }

  /**
   * Sends one packet, once there is room for it. With `headerIncluded` it begins with its IP header, and without `to` it
   * goes where that says. Of ICMPv6 the kernel fills in the checksum.
   *
   * Rejects with ENETUNREACH, EHOSTUNREACH, EMSGSIZE, EACCES, ENODEV…; ERR_NSNET_CLOSED if it is closed meanwhile.
   */
  async send(bytes: Uint8Array, to?: string, options: Call = {}): Promise<void> {
    checkBytes(bytes);
    const address = to === undefined ? this.#destinationOf(bytes) : parseDestination('to', to);
    if (address.family !== this.family) {
      throw invalidValue('to', `an ${this.family === 'inet' ? 'IPv4' : 'IPv6'} address`, to);
    }
    checkObject('options', options);
    checkKeys('options', options, ['signal']);
    checkSignal(options.signal);
    this.checkOpen();
    const scope = this.#scopeOf(address);
    const place = `, to ${address.text}`;
    await this.transmit(bytes, encodeSocketAddress({ bytes: address.bytes, scope }), place, options.signal);
  }

  #destinationOf(bytes: Uint8Array): Pick<ZonedAddress, 'family' | 'bytes' | 'text' | 'zone'> {
    if (!this.#headerIncluded)
      throw invalidValue('to', 'an address, since the header is not included,', undefined);
    const [from, length] = DESTINATION[this.family];
    if (bytes.length < length) throw invalidValue('bytes', `at least the ${length} of an IP header`, bytes);
    const destination = bytes.slice(from, this.family === 'inet' ? length : from + 16);
    return {
      family: this.family,
      bytes: destination,
      text: formatSocketAddress({ bytes: destination, scope: 0 }),
    };
  }

  /** At once, so that what is sent keeps its order. */
  #scopeOf({ zone }: Pick<ZonedAddress, 'zone'>): number {
    if (zone === undefined) return 0;
    if (/^[1-9]\d{0,8}$/.test(zone)) return Number(zone);
    const index = native().linkIndex(this.socket.fd.native, zone);
    if (index > 0) return index;
    throw systemError(-19, 'ioctl', {
      subject: `link '${zone}' in ${this.#netns}`,
      hint: 'There is no such link',
    });
  }

  override toString(): string {
    return `RawSocket { ${this.family}, protocol ${this.protocol} in ${this.#netns} }`;
  }

  override toJSON(): unknown {
    const { family, protocol } = this;
    return { family, protocol };
  }
}

function reader(socket: MessageSocket, family: Family): (message: Message) => RawMessage | undefined {
  return ([bytes, address, control, flags]) => {
    const from = decodeSocketAddress(address);
    if (!from) return undefined;
    const { at = native().now(), ttl = 0 } = readControl(control);
    const name = from.scope === 0 ? 0 : native().linkName(socket.fd.native, from.scope);
    const zones = typeof name === 'string' ? new Map([[from.scope, name]]) : undefined;
    return {
      bytes,
      from: formatSocketAddress(from, zones),
      ttl: family === 'inet' ? (bytes[8] ?? 0) : ttl,
      at,
      truncated: (flags & MSG_TRUNC) !== 0,
    };
  };
}
