// A host that answers by hand, or misbehaves: a raw ICMP socket in its namespace.
import type { Netns } from 'nsnet';
import { internals } from '../../lib/namespaces/network.js';
import { parseAddress } from '../../lib/netlink/addresses.js';
import { IPPROTO, SOCK } from '../../lib/sockets/constants.js';
import { checksum, withoutIPv4Header } from '../../lib/sockets/icmp.js';
import { encodeSocketAddress } from '../../lib/sockets/socket-address.js';
import type { Fd } from '../../lib/syscalls/fd.js';
import { type NativeWatch, native } from '../../lib/syscalls/native.js';

/** An ICMP message of IPv4 that came in. */
export interface Came {
  /** With its IP header. */
  packet: Uint8Array;
  message: Uint8Array;
  from: Uint8Array;
}

export class Peer implements AsyncDisposable {
  readonly #fd: Fd;
  readonly #watch: NativeWatch;

  private constructor(fd: Fd, came: (came: Came) => void) {
    this.#fd = fd;
    const hear = () => {
      const packets = native().receive(fd.native, 100);
      if (typeof packets === 'number') throw new Error(`receive: ${packets}`);
      for (const [packet, address] of packets) {
        const message = withoutIPv4Header(packet);
        if (message) came({ packet, message, from: address });
      }
      native().watchArm(this.#watch);
    };
    this.#watch = native().watch(fd.native, hear) as NativeWatch;
    native().watchArm(this.#watch);
  }

  /** Hears echo requests and whatever else comes in. With `alone`, the kernel answers none of them. */
  static async open(netns: Netns, came: (came: Came) => void = () => {}, alone = false): Promise<Peer> {
    if (alone) await netns.sysctl('net.ipv4.icmp_echo_ignore_all', true);
    const fd = await internals(netns).socket(2, SOCK.RAW | SOCK.NONBLOCK, IPPROTO.ICMP);
    return new Peer(fd, came);
  }

  /** Sends an ICMP message, to an address as text or as it came. */
  send(message: Uint8Array, to: string | Uint8Array): void {
    const address =
      typeof to === 'string' ? encodeSocketAddress({ bytes: parseAddress(to).bytes, scope: 0 }) : to;
    const sent = native().send(this.#fd.native, message, address);
    if (sent < 0) throw new Error(`send: ${sent}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    native().watchClose(this.#watch);
    await this.#fd.close();
  }
}

/** With the right checksum. */
export function summed(message: Uint8Array): Uint8Array {
  message[2] = 0;
  message[3] = 0;
  new DataView(message.buffer, message.byteOffset).setUint16(2, checksum(message));
  return message;
}

/** The reply to an echo request. */
export function replyTo(request: Uint8Array, change: (reply: Uint8Array) => void = () => {}): Uint8Array {
  const reply = request.slice();
  reply[0] = 0;
  change(reply);
  return summed(reply);
}

/** A message that quotes a packet: 3 destination unreachable, 11 time exceeded. */
export function quoting(type: number, packet: Uint8Array): Uint8Array {
  const message = new Uint8Array(8 + packet.length);
  message[0] = type;
  message.set(packet, 8);
  return summed(message);
}
