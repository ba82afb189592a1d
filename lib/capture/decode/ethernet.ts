import { ETHERTYPE, VLAN_TYPES } from '../filter/names.js';
import { readIpv4, readIpv6 } from './ip.js';
import type { Arp, VlanTag } from './layers.js';
import type { Reader } from './reader.js';

const HEADER = 14;
const TAG = 4;
/** Tags that are looked behind. */
const MOST_TAGS = 8;

export function readEthernet(reader: Reader): void {
  reader.need(HEADER);
  const [destination, source] = [reader.mac(0), reader.mac(6)];
  const vlans: VlanTag[] = [];
  let at = 12;
  let type = reader.u16(at);
  while ((VLAN_TYPES as readonly number[]).includes(type) && vlans.length < MOST_TAGS) {
    reader.need(at + TAG + 2);
    const tag = reader.u16(at + 2);
    vlans.push({ protocol: type, id: tag & 0xfff, priority: tag >> 13, dropEligible: (tag & 0x1000) !== 0 });
    at += TAG;
    type = reader.u16(at);
  }
  reader.layers.push({ layer: 'ethernet', source, destination, type, vlans });
  reader.advance(at + 2);
  // Of IEEE 802.3 it is the length.
  if (type <= 1500) reader.end(type);
  readNetwork(reader, type);
}

function readNetwork(reader: Reader, type: number): void {
  if (type === ETHERTYPE.ip) readIpv4(reader);
  else if (type === ETHERTYPE.ip6) readIpv6(reader);
  else if (type === ETHERTYPE.arp) readArp(reader);
}

function readArp(reader: Reader): void {
  reader.need(8);
  const arp: Arp = { layer: 'arp', operation: reader.u16(6) };
  const [hardware, protocol] = [reader.u8(4), reader.u8(5)];
  const length = 8 + 2 * (hardware + protocol);
  reader.need(length);
  if (reader.u16(0) === 1 && reader.u16(2) === ETHERTYPE.ip && hardware === 6 && protocol === 4) {
    arp.sender = { mac: reader.mac(8), address: reader.ipv4(14) };
    arp.target = { mac: reader.mac(18), address: reader.ipv4(24) };
  }
  reader.layers.push(arp);
  // What is behind fills the frame.
  reader.end(length);
  reader.advance(length);
}
