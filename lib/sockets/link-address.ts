import { littleEndian } from '../netlink/bytes.js';
import { formatMac } from '../netlink/mac.js';
import { AF_PACKET } from './constants.js';

/** Size of struct sockaddr_ll. */
const SIZE = 20;

/** To whom a packet was addressed, by how the kernel sorts them (PACKET_HOST …). */
const TYPES = ['host', 'broadcast', 'multicast', 'other', 'outgoing'] as const;

/** 'host' is this namespace, 'other' somebody else on the link, 'outgoing' what the namespace itself has sent. */
export type PacketType = (typeof TYPES)[number];

/** An address of packet(7). */
export interface LinkAddress {
  /** EtherType; 3 (ETH_P_ALL) for all. */
  protocol: number;
  /** Of the link; 0 for any. */
  index: number;
  mac?: Uint8Array;
}

/** struct sockaddr_ll. */
export function encodeLinkAddress({ protocol, index, mac }: LinkAddress): Uint8Array {
  const address = new Uint8Array(SIZE);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_PACKET, littleEndian);
  view.setUint16(2, protocol);
  view.setInt32(4, index, littleEndian);
  if (mac) {
    address[11] = mac.length;
    address.set(mac, 12);
  }
  return address;
}

/** Where a packet came from, of what protocol, and whose it is; `mac` is '' where the link has no such addresses. */
export function decodeLinkAddress(
  address: Uint8Array,
): { protocol: number; index: number; type: PacketType; mac: string } | undefined {
  if (address.length < SIZE - 8) return undefined;
  const view = new DataView(address.buffer, address.byteOffset, address.byteLength);
  const length = Math.min(address[11]!, address.length - 12);
  return {
    protocol: view.getUint16(2),
    index: view.getInt32(4, littleEndian),
    type: TYPES[address[10]!] ?? 'host',
    mac: formatMac(address, 12, length),
  };
}
