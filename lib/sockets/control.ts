import { littleEndian } from '../netlink/bytes.js';
import { IP, IPV6, LEVEL, PACKET_AUXDATA, SO } from './constants.js';

/** Size of struct cmsghdr, and what the next one is aligned to, where pointers have eight bytes. */
const HEADER = 16;
const ALIGNMENT = 8;

/** What the kernel says about a packet beside its bytes. */
export interface Control {
  /** When it arrived, CLOCK_REALTIME in nanoseconds. */
  at?: bigint;
  /** Its TTL or hop limit. */
  ttl?: number;
  /** Id of the VLAN whose tag the kernel has taken out of the frame. */
  vlan?: number;
}

/** TP_STATUS_VLAN_VALID, of struct tpacket_auxdata. */
const VLAN_VALID = 1 << 4;

/** Reads the control data of a received packet: SO_TIMESTAMPNS, IP_RECVTTL, IPV6_RECVHOPLIMIT, PACKET_AUXDATA. */
export function readControl(bytes: Uint8Array): Control {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const control: Control = {};
  for (let offset = 0; offset + HEADER <= bytes.length; ) {
    const length = Number(view.getBigUint64(offset, littleEndian));
    if (length < HEADER || offset + length > bytes.length) break;
    const level = view.getInt32(offset + 8, littleEndian);
    const type = view.getInt32(offset + 12, littleEndian);
    const at = offset + HEADER;
    const size = length - HEADER;
    if (level === LEVEL.SOCKET && type === SO.TIMESTAMPNS && size >= 16) {
      const seconds = view.getBigInt64(at, littleEndian);
      control.at = seconds * 1_000_000_000n + view.getBigInt64(at + 8, littleEndian);
    }
    const isTtl = level === LEVEL.IP && type === IP.TTL;
    const isHopLimit = level === LEVEL.IPV6 && type === IPV6.HOPLIMIT;
    if ((isTtl || isHopLimit) && size >= 4) control.ttl = view.getInt32(at, littleEndian);
    const isAux = level === LEVEL.PACKET && type === PACKET_AUXDATA;
    if (isAux && size >= 20 && view.getUint32(at, littleEndian) & VLAN_VALID) {
      control.vlan = view.getUint16(at + 16, littleEndian) & 0xfff;
    }
    offset += Math.ceil(length / ALIGNMENT) * ALIGNMENT;
  }
  return control;
}
