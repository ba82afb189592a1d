import type { Call } from '../handles/listing.js';
import type { Internals } from '../namespaces/network.js';
import { abortError, systemError } from '../syscalls/errors.js';
import { checkInteger, checkSignal } from '../syscalls/validate.js';
import { attachFilter, type BpfInstruction, NO_FILTER, packFilter, REJECT_ALL } from './bpf-filter.js';
import { LEVEL, SO, SOCK } from './constants.js';
import { integer, MessageSocket } from './message-socket.js';

/** What sockets of packets have in common. */
export interface PacketSocketOptions extends Call {
  /** What is let through: a program of classic BPF, as `tcpdump -dd` prints it. Default: everything. */
  filter?: readonly BpfInstruction[];
  /** Bytes for what waits to be read, bookkeeping included. Default: the kernel's, some 200 KiB. */
  recvBufferSize?: number;
  /** Bytes for what waits to be sent. Default: the kernel's, some 200 KiB. */
  sendBufferSize?: number;
}

export const PACKET_KEYS = ['filter', 'recvBufferSize', 'sendBufferSize', 'signal'];

/** Of SO_SNDBUFFORCE, which goes beyond what the sysctl allows, where this process may. */
const SNDBUFFORCE = 32;

/** Throws unless they are well-formed; gives the bytes of the filter. */
export function checkPacketOptions(options: PacketSocketOptions): Uint8Array {
  const { filter, recvBufferSize, sendBufferSize, signal } = options;
  if (recvBufferSize !== undefined) checkInteger('recvBufferSize', recvBufferSize, 1, 0x3fffffff);
  if (sendBufferSize !== undefined) checkInteger('sendBufferSize', sendBufferSize, 1, 0x3fffffff);
  checkSignal(signal);
  return filter === undefined ? NO_FILTER : packFilter(filter);
}

function setSize(socket: MessageSocket, force: number, name: number, size: number | undefined): void {
  if (size === undefined) return;
  // The kernel doubles what it is given, for its bookkeeping.
  const half = integer(Math.ceil(size / 2));
  if (socket.trySet(LEVEL.SOCKET, force, half) < 0) socket.set(LEVEL.SOCKET, name, half);
}

/** What socket(2) is asked for, and how to go on. */
export interface Opening<T> {
  domain: number;
  type: number;
  protocol: number;
  subject: string;
  filter: Uint8Array;
  options: PacketSocketOptions;
  configure(socket: MessageSocket): Promise<void> | void;
  /** What owns it from then on. */
  wrap(socket: MessageSocket): T;
}

/**
 * Makes a socket inside and sets it up: nothing that came before it was ready gets through, and nothing is left of one
 * that failed.
 */
export async function openPacketSocket<T>(inner: Internals, opening: Opening<T>): Promise<T> {
  const { domain, type, protocol, subject, filter, options } = opening;
  const { signal } = options;
  if (signal?.aborted) throw abortError(signal);
  await inner.route.barrier();
  const fd = await inner.socket(domain, type | SOCK.NONBLOCK, protocol).catch((error) => {
    throw refused(error, subject);
  });
  const socket = new MessageSocket(fd);
  try {
    attachFilter(fd, REJECT_ALL, subject);
    socket.set(LEVEL.SOCKET, SO.TIMESTAMPNS, integer(1));
    setSize(socket, SO.RCVBUFFORCE, SO.RCVBUF, options.recvBufferSize);
    setSize(socket, SNDBUFFORCE, SO.SNDBUF, options.sendBufferSize);
    await opening.configure(socket);
    while (socket.receive(64).length > 0);
    attachFilter(fd, filter, subject);
    if (signal?.aborted) throw abortError(signal);
    // Refused where the namespace object was closed meanwhile.
    return opening.wrap(socket);
  } catch (error) {
    await socket.close();
    throw error;
  }
}

function refused(error: { code?: string; syscall?: string }, subject: string): unknown {
  if (error.syscall !== 'socket' || error.code !== 'EPERM') return error;
  return systemError(-1, 'socket', {
    subject,
    hint: 'It needs CAP_NET_RAW in that namespace. In a Netns of its own a process needs no privileges',
  });
}
