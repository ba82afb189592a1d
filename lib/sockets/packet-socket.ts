import type { Call } from '../handles/listing.js';
import { checkLinkRef } from '../links/devices.js';
import type { LinkRef } from '../links/types.js';
import type { Internals } from '../namespaces/network.js';
import { parseMac } from '../netlink/addresses.js';
import { systemError } from '../syscalls/errors.js';
import { native } from '../syscalls/native.js';
import { checkInteger, checkKeys, checkObject, checkSignal, needs } from '../syscalls/validate.js';
import { MSG_TRUNC } from './constants.js';
import { readControl } from './control.js';
import { decodeLinkAddress, encodeLinkAddress, type PacketType } from './link-address.js';
import type { Message, MessageSocket } from './message-socket.js';
import { checkBytes, PacketHandle } from './packet-handle.js';

/** ETH_P_ALL. */
export const ALL = 3;

/** What a packet socket hears. */
export interface PacketMessage {
  /** The frame with the header of its link, without that if the socket is `cooked`. */
  bytes: Uint8Array;
  /** Name of the link that it came in or went out by. */
  link: string;
  /** Index of that link. */
  index: number;
  /** Who sent it, as the link's header says; '' where links have no addresses. */
  mac: string;
  type: PacketType;
  /** EtherType: 0x0800 for IPv4, 0x86dd for IPv6, 0x0806 for ARP. */
  protocol: number;
  /** Id of the VLAN, where the kernel has taken its tag out of the frame. */
  vlan?: number;
  /** When it arrived, CLOCK_REALTIME in nanoseconds. */
  at: bigint;
  /** Whether it was longer than 64 KiB, or a filter has cut it. */
  truncated: boolean;
}

/** Where a packet goes. */
export interface PacketDestination extends Call {
  /** Default: that of the socket. */
  link?: LinkRef;
  /** Of a `cooked` socket: to whom. */
  mac?: string;
  /** Of a `cooked` socket: EtherType. Default: that of the socket. */
  protocol?: number;
}

interface Settings {
  /** 0 for all links. */
  index: number;
  protocol: number;
  cooked: boolean;
}

const HINTS: Readonly<Record<number, string>> = {
  [-6]: 'The link is gone',
  [-19]: 'There is no such link',
  [-22]: 'It is shorter than the header of the link, or needs `mac`',
  [-90]: 'It is longer than the MTU of the link and its header',
  [-100]: 'The link is down',
};

/** The frames of links in a namespace (packet(7)): looped over it gives what they carry. Made by netns.packet(). */
export class PacketSocket extends PacketHandle<PacketMessage> {
  readonly #inner: Internals;
  readonly #settings: Settings;

  /** @internal */
  constructor(inner: Internals, socket: MessageSocket, subject: string, settings: Settings) {
    const { index } = settings;
    super({
      inner,
      socket,
      subject,
      read: reader(socket),
      check: () => (isGone(socket, index) ? goneError(subject, index) : undefined),
      hints: HINTS,
    });
    this.#inner = inner;
    this.#settings = settings;
  }

  /**
   * Sends one frame, once there is room for it: with the header of the link, or, `cooked`, without, to `mac`.
   *
   * Rejects with EMSGSIZE, ENETDOWN, ENODEV…; ERR_NSNET_CLOSED if it is closed meanwhile.
   */
  async send(bytes: Uint8Array, to: PacketDestination = {}): Promise<void> {
    checkBytes(bytes);
    checkObject('to', to);
    checkKeys('to', to, ['link', 'mac', 'protocol', 'signal']);
    const { link, mac, signal } = to;
    const { cooked } = this.#settings;
    if (link === undefined && this.#settings.index === 0)
      throw needs('send()', 'to.link, as the socket has none');
    if (link !== undefined) checkLinkRef(link, this.#inner, 'to.link');
    if (!cooked && mac !== undefined)
      throw needs('to.mac', 'a cooked socket: the frame says to whom it goes');
    const address = mac === undefined ? undefined : parseMac('to.mac', mac);
    const protocol = this.#protocolOf(to.protocol);
    checkSignal(signal);
    this.checkOpen();
    const index = link === undefined ? this.#settings.index : this.#indexOf(link);
    await this.transmit(bytes, encodeLinkAddress({ protocol, index, mac: address }), '', signal);
  }

  #protocolOf(given: number | undefined): number {
    const { cooked, protocol } = this.#settings;
    if (given !== undefined) {
      checkInteger('to.protocol', given, 0, 0xffff);
      if (!cooked) throw needs('to.protocol', 'a cooked socket: the frame says what it is');
      return given;
    }
    // Of a whole frame the kernel reads it.
    if (!cooked) return 0;
    if (protocol === ALL || protocol === 0) throw needs('send()', 'to.protocol, as the socket has none');
    return protocol;
  }

  /** At once, so that what is sent keeps its order. */
  #indexOf(link: LinkRef): number {
    if (typeof link === 'number') return link;
    if (typeof link !== 'string') return link.index;
    const index = native().linkIndex(this.socket.fd.native, link);
    if (index > 0) return index;
    throw systemError(-19, 'ioctl', {
      subject: `link '${link}' in ${this.#inner.subject}`,
      hint: HINTS[-19],
    });
  }

  override toString(): string {
    return `PacketSocket { ${this.#settings.index === 0 ? 'all links' : `link ${this.#settings.index}`} in ${this.#inner.subject} }`;
  }

  override toJSON(): unknown {
    const { index, protocol, cooked } = this.#settings;
    return { index, protocol, cooked };
  }
}

const ENODEV = -19;

function isGone(socket: MessageSocket, index: number): boolean {
  return index !== 0 && native().linkName(socket.fd.native, index) === ENODEV;
}

function goneError(subject: string, index: number): unknown {
  return systemError(ENODEV, 'recvmsg', { subject, hint: `Its link, of index ${index}, is gone` });
}

function reader(socket: MessageSocket): (message: Message) => PacketMessage | undefined {
  return ([bytes, address, control, flags]) => {
    const from = decodeLinkAddress(address);
    if (!from) return undefined;
    const { at = native().now(), vlan } = readControl(control);
    const name = native().linkName(socket.fd.native, from.index);
    return {
      bytes,
      link: typeof name === 'string' ? name : '',
      index: from.index,
      mac: from.mac,
      type: from.type,
      protocol: from.protocol,
      ...(vlan !== undefined && { vlan }),
      at,
      truncated: (flags & MSG_TRUNC) !== 0,
    };
  };
}
