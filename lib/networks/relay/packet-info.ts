import { littleEndian } from '../../netlink/bytes.js';
import { IP, IPV6, LEVEL } from '../../sockets/constants.js';
import { integer } from '../../sockets/message-socket.js';
import type { SocketOption } from '../../sockets/socket-option.js';

/** Size of struct cmsghdr where pointers have eight bytes. */
const HEADER = 16;
/** struct in_pktinfo: the device, the address to answer from, the address that it was sent to. */
const INET = { size: 12, device: HEADER, address: HEADER + 4, length: 4 } as const;
/** struct in6_pktinfo: the address, the device. */
const INET6 = { size: 20, device: HEADER + 16, address: HEADER, length: 16 } as const;

/** The option that has a socket told to which address each datagram was sent: IP_PKTINFO, IPV6_RECVPKTINFO. */
export function tellAddress(family: 4 | 6): SocketOption {
  const one = integer(1);
  return family === 4 ? [LEVEL.IP, IP.PKTINFO, one] : [LEVEL.IPV6, IPV6.RECVPKTINFO, one];
}

/**
 * The control data of an answer, by that of the datagram which it answers: it comes from the address which that was sent to.
 * Empty where nothing is told, or an answer cannot come from there: then the kernel chooses.
 */
export function answering(control: Uint8Array): Uint8Array {
  const none = new Uint8Array();
  if (control.length < HEADER) return none;
  const view = new DataView(control.buffer, control.byteOffset, control.byteLength);
  const level = view.getInt32(8, littleEndian);
  const type = view.getInt32(12, littleEndian);
  const inet = level === LEVEL.IP && type === IP.PKTINFO;
  if (!inet && !(level === LEVEL.IPV6 && type === IPV6.PKTINFO)) return none;
  const layout = inet ? INET : INET6;
  if (control.length < HEADER + layout.size) return none;
  const address = control.subarray(layout.address, layout.address + layout.length);
  if (!inet && address[0] === 0xff) return none;
  const answer = control.slice(0, HEADER + layout.size);
  // The way back is the routes' business, but of link-local addresses, which mean nothing without their device.
  const linkLocal = !inet && address[0] === 0xfe && ((address[1] as number) & 0xc0) === 0x80;
  if (!linkLocal) answer.fill(0, layout.device, layout.device + 4);
  const padded = new Uint8Array(Math.ceil(answer.length / 8) * 8);
  padded.set(answer);
  return padded;
}
