import type { Internals } from '../namespaces/network.js';
import type { Family } from '../netlink/addresses.js';
import { AF } from '../netlink/constants.js';
import { NsnetError, systemError } from '../syscalls/errors.js';
import { native } from '../syscalls/native.js';
import {
  ICMP,
  ICMP_FILTER,
  ICMPV6,
  ICMPV6_FILTER,
  IP,
  IPPROTO,
  IPV6,
  LEVEL,
  PMTUDISC_DO,
  SO,
  SOCK,
} from './constants.js';
import { readControl } from './control.js';
import { withoutIPv4Header } from './icmp.js';
import { integer, type Message, MessageSocket } from './message-socket.js';
import { decodeSocketAddress, type SocketAddress } from './socket-address.js';

/** Bytes of packets that may wait for the event loop; the kernel gives what it allows. */
const BUFFER = 4 << 20;

/** An ICMP message that arrived. */
export interface Received {
  from: SocketAddress;
  /** Its TTL or hop limit; 0 where the kernel does not say. */
  ttl: number;
  /** When it arrived, CLOCK_REALTIME in nanoseconds. */
  at: bigint;
  message: Uint8Array;
}

/** A socket for echo requests and what answers them, in the namespace it was made in. */
export class PingSocket {
  /** False of a ping socket: the kernel has chosen the identifier, and passes on only its own replies. */
  readonly raw: boolean;
  readonly #socket: MessageSocket;
  readonly #family: Family;

  private constructor(socket: MessageSocket, family: Family, raw: boolean) {
    this.#socket = socket;
    this.#family = family;
    this.raw = raw;
  }

  /**
   * A raw socket, which needs CAP_NET_RAW in the namespace; without that a ping socket (SOCK_DGRAM), if sysctl
   * net.ipv4.ping_group_range has this process's group in it. Rejects with EPERM if it has neither. `subject` is for
   * errors.
   */
  static async open(inner: Internals, family: Family, subject: string): Promise<PingSocket> {
    const domain = family === 'inet' ? AF.INET : AF.INET6;
    const protocol = family === 'inet' ? IPPROTO.ICMP : IPPROTO.ICMPV6;
    const make = (type: number) => MessageSocket.open(inner, domain, type, protocol);
    let raw = true;
    const made = await make(SOCK.RAW).catch((error: unknown) => {
      if (!isForbidden(error)) throw error;
      raw = false;
      return make(SOCK.DGRAM).catch((second: unknown) => {
        throw isForbidden(second) ? forbidden(subject) : second;
      });
    });
    const socket = new PingSocket(made, family, raw);
    try {
      socket.#configure();
      return socket;
    } catch (error) {
      await socket.close();
      throw error;
    }
  }

  #configure(): void {
    this.#socket.set(LEVEL.SOCKET, SO.TIMESTAMPNS, integer(1));
    if (this.#socket.trySet(LEVEL.SOCKET, SO.RCVBUFFORCE, integer(BUFFER)) < 0) {
      this.#socket.set(LEVEL.SOCKET, SO.RCVBUF, integer(BUFFER));
    }
    if (this.#family === 'inet6') this.#socket.set(LEVEL.IPV6, IPV6.RECVHOPLIMIT, integer(1));
    else if (!this.raw) this.#socket.set(LEVEL.IP, IP.RECVTTL, integer(1));
    if (!this.raw) return;
    if (this.#family === 'inet') {
      const wanted = (1 << ICMP.ECHO_REPLY) | (1 << ICMP.DEST_UNREACH) | (1 << ICMP.TIME_EXCEEDED);
      this.#socket.set(LEVEL.RAW, ICMP_FILTER, integer(~wanted));
    } else {
      const blocked = new Uint32Array(8).fill(0xffffffff);
      const { DEST_UNREACH, PACKET_TOO_BIG, TIME_EXCEEDED, ECHO_REPLY } = ICMPV6;
      for (const type of [DEST_UNREACH, PACKET_TOO_BIG, TIME_EXCEEDED, ECHO_REPLY]) {
        blocked[type >> 5]! &= ~(1 << (type & 31));
      }
      this.#socket.set(LEVEL.ICMPV6, ICMPV6_FILTER, new Uint8Array(blocked.buffer));
    }
  }

  /** TTL or hop limit of what is sent from now on. */
  setTtl(ttl: number): void {
    const inet = this.#family === 'inet';
    const level = inet ? LEVEL.IP : LEVEL.IPV6;
    const names = inet ? [IP.TTL, IP.MULTICAST_TTL] : [IPV6.UNICAST_HOPS, IPV6.MULTICAST_HOPS];
    for (const name of names) this.#socket.set(level, name, integer(ttl));
  }

  /** What is sent from now on is never in fragments; what is too big is refused with EMSGSIZE. */
  setDontFragment(): void {
    if (this.#family === 'inet') {
      this.#socket.set(LEVEL.IP, IP.MTU_DISCOVER, integer(PMTUDISC_DO));
      return;
    }
    this.#socket.set(LEVEL.IPV6, IPV6.MTU_DISCOVER, integer(PMTUDISC_DO));
    this.#socket.set(LEVEL.IPV6, IPV6.DONTFRAG, integer(1));
  }

  /** Sends from this address; 0 or -errno. */
  bind(address: Uint8Array): number {
    return this.#socket.bind(address);
  }

  /** Never waits. Bytes or -errno. */
  send(message: Uint8Array, to: Uint8Array): number {
    return this.#socket.send(message, to);
  }

  /** Up to `count` of the messages that have arrived; fewer than `count` when there are no more. Never waits. */
  receive(count: number): (Received | undefined)[] {
    return this.#socket.receive(count).map(this.#read);
  }

  readonly #read = ([bytes, address, control]: Message) => {
    const from = decodeSocketAddress(address);
    const { at = native().now(), ttl = 0 } = readControl(control);
    if (!from) return undefined;
    if (!this.raw || this.#family === 'inet6') return { from, ttl, at, message: bytes };
    const message = withoutIPv4Header(bytes);
    return message && { from, ttl: bytes[8]!, at, message };
  };

  /** Calls back once when a message has arrived; until then it keeps the event loop alive. */
  whenReadable(callback: () => void): void {
    this.#socket.whenReadable(callback);
  }

  /** Calls back no more. */
  unwatch(): void {
    this.#socket.unwatch();
  }

  close(): Promise<void> {
    return this.#socket.close();
  }
}

function isForbidden(error: unknown): boolean {
  if (!(error instanceof NsnetError) || error.syscall !== 'socket') return false;
  return error.code === 'EPERM' || error.code === 'EACCES';
}

function forbidden(subject: string): NsnetError {
  return systemError(-1, 'socket', {
    subject,
    hint:
      'It needs CAP_NET_RAW in that namespace, or the group of this process within its sysctl ' +
      'net.ipv4.ping_group_range. In a Netns of its own a process needs neither',
  });
}
