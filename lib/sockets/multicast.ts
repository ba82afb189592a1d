import { parseAddress } from '../netlink/addresses.js';
import { littleEndian } from '../netlink/bytes.js';
import { AF } from '../netlink/constants.js';
import { invalidValue } from '../syscalls/validate.js';
import { IP, IPV6, LEVEL, MCAST } from './constants.js';
import { integer } from './message-socket.js';
import type { SocketOption } from './socket-option.js';

/** A group to receive from; of one that sends to it alone where `source` is given (source-specific, RFC 4607). */
export interface Membership {
  group: string;
  source?: string;
}

/** A device: index 0 for the one that the route to the group names, or that has an address. */
export interface Interface {
  index: number;
  address?: Uint8Array;
}

export function parseGroup(argument: string, group: string, family: 4 | 6): Uint8Array {
  const { bytes } = parseAddress(group, argument);
  const multicast = family === 4 ? (bytes[0]! & 0xf0) === 0xe0 : bytes[0] === 0xff;
  if (bytes.length !== (family === 4 ? 4 : 16) || !multicast)
    throw invalidValue(argument, `an IPv${family} multicast address`, group);
  return bytes;
}

/** struct ip_mreqn, or ipv6_mreq. */
function request(group: Uint8Array, { index, address }: Interface): Uint8Array {
  const inet = group.length === 4;
  const bytes = new Uint8Array(inet ? 12 : 20);
  bytes.set(group);
  if (address) bytes.set(address, 4);
  new DataView(bytes.buffer).setInt32(inet ? 8 : 16, index, littleEndian);
  return bytes;
}

/** struct group_source_req. */
function sourceRequest(group: Uint8Array, source: Uint8Array, index: number): Uint8Array {
  const bytes = new Uint8Array(264);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, index, littleEndian);
  for (const [at, address] of [
    [8, group],
    [136, source],
  ] as const) {
    view.setUint16(at, address.length === 4 ? AF.INET : AF.INET6, littleEndian);
    bytes.set(address, at + (address.length === 4 ? 4 : 8));
  }
  return bytes;
}

/** To join a group, or leave it. */
export function membershipOption(
  join: boolean,
  { group, source }: Membership,
  family: 4 | 6,
  device: Interface = { index: 0 },
): SocketOption {
  const bytes = parseGroup('group', group, family);
  const level = family === 4 ? LEVEL.IP : LEVEL.IPV6;
  if (source !== undefined) {
    const from = parseAddress(source, 'source').bytes;
    if (from.length !== bytes.length) throw invalidValue('source', `an IPv${family} address`, source);
    const name = join ? MCAST.JOIN_SOURCE_GROUP : MCAST.LEAVE_SOURCE_GROUP;
    return [level, name, sourceRequest(bytes, from, device.index)];
  }
  if (family === 4) return [level, join ? IP.ADD_MEMBERSHIP : IP.DROP_MEMBERSHIP, request(bytes, device)];
  return [level, join ? IPV6.JOIN_GROUP : IPV6.LEAVE_GROUP, request(bytes, device)];
}

/** The device that multicast leaves by. */
export function outgoingOption(family: 4 | 6, device: Interface): SocketOption {
  if (family === 4) return [LEVEL.IP, IP.MULTICAST_IF, request(new Uint8Array(4), device)];
  return [LEVEL.IPV6, IPV6.MULTICAST_IF, integer(device.index)];
}
