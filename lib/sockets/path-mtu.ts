import type { Internals } from '../namespaces/network.js';
import { littleEndian } from '../netlink/bytes.js';
import { AF } from '../netlink/constants.js';
import { native } from '../syscalls/native.js';
import { IP, IPV6, LEVEL, SOCK } from './constants.js';
import { MessageSocket } from './message-socket.js';

/** What the kernel knows of the MTU of a way: IP_MTU, which only a connected socket tells. It sends nothing. */
export class PathMtu {
  readonly #socket: MessageSocket;
  readonly #to: Uint8Array;

  private constructor(socket: MessageSocket, to: Uint8Array) {
    this.#socket = socket;
    this.#to = to;
  }

  /** To an address, as bind(2) takes one, and from one if it is said. */
  static async open(inner: Internals, to: Uint8Array, from?: Uint8Array): Promise<PathMtu> {
    const domain = to.length === 16 ? AF.INET : AF.INET6;
    const socket = await MessageSocket.open(inner, domain, SOCK.DGRAM, 0);
    // Without it the kernel's choice, whose way is nearly always the same.
    if (from) socket.bind(from);
    return new PathMtu(socket, to);
  }

  /** In bytes; undefined where there is no way. */
  read(): number | undefined {
    // Connecting looks the way up again.
    if (this.#socket.connect(this.#to) < 0) return undefined;
    const inet = this.#to.length === 16;
    const [level, name] = inet ? [LEVEL.IP, IP.MTU] : [LEVEL.IPV6, IPV6.MTU];
    const value = native().getsockopt(this.#socket.fd.native, level, name, 4);
    if (typeof value === 'number') return undefined;
    return new DataView(value.buffer, value.byteOffset).getInt32(0, littleEndian);
  }

  close(): Promise<void> {
    return this.#socket.close();
  }
}
