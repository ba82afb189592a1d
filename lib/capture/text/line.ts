import type { Ipv4, Ipv6, Layer } from '../decode/layers.js';
import type { Packet } from '../packet.js';
import { icmpText, icmpv6Text } from './icmp.js';
import { tcpText } from './tcp.js';

/** One line about a packet, in tcpdump's words. */
export function line(packet: Packet): string {
  const { link, direction, time } = packet;
  return `${clock(time)} ${link} ${direction === 'in' ? 'In ' : 'Out'} ${summary(packet)}`;
}

/** Local time of day, with microseconds. */
function clock(time: bigint): string {
  const date = new Date(Number(time / 1_000_000n));
  const two = (value: number) => String(value).padStart(2, '0');
  const micros = String((time / 1000n) % 1_000_000n).padStart(6, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${micros}`;
}

/** The same without time and link: from whom to whom, and what. */
function summary(packet: Packet): string {
  const { layers, payload, ethernet, length } = packet;
  const vlans = (ethernet?.vlans ?? []).map(({ id, priority }) => `vlan ${id}, p ${priority}, `).join('');
  const network = layers.find(({ layer }) => layer !== 'ethernet');
  if (!network) {
    const type = ethernet ? `ethertype 0x${ethernet.type.toString(16).padStart(4, '0')}` : 'unknown';
    return `${ethernet ? `${ethernet.source} > ${ethernet.destination}, ` : ''}${vlans}${type}, length ${length}`;
  }
  const text = network.layer === 'arp' ? `ARP, ${contents(layers, payload)}` : addressed(layers, payload);
  return `${vlans}${text}${packet.malformed ? ' [malformed or cut off]' : ''}`;
}

function addressed(layers: readonly Layer[], payload: Uint8Array): string {
  const ip = layers.find((layer) => layer.layer === 'ipv4' || layer.layer === 'ipv6') as Ipv4 | Ipv6;
  const ports = layers.find((layer) => layer.layer === 'tcp' || layer.layer === 'udp');
  const name = (address: string, port: number | undefined) =>
    port === undefined ? address : `${address}.${port}`;
  const [from, to] =
    ports?.layer === 'tcp' || ports?.layer === 'udp' ? [ports.sourcePort, ports.destinationPort] : [];
  const version = ip.layer === 'ipv4' ? 'IP' : 'IP6';
  return `${version} ${name(ip.source, from)} > ${name(ip.destination, to)}: ${contents(layers, payload)}`;
}

/** What the innermost header says. */
export function contents(layers: readonly Layer[], payload: Uint8Array): string {
  const last = layers.at(-1);
  const ip = layers.findLast((layer) => layer.layer === 'ipv4' || layer.layer === 'ipv6') as
    | Ipv4
    | Ipv6
    | undefined;
  switch (last?.layer) {
    case 'arp': {
      const { operation, sender, target } = last;
      const length = `, length ${28 + (sender ? 0 : payload.length)}`;
      if (!sender || !target) return `operation ${operation}${length}`;
      if (operation === 1) return `Request who-has ${target.address} tell ${sender.address}${length}`;
      if (operation === 2) return `Reply ${sender.address} is-at ${sender.mac}${length}`;
      return `operation ${operation} of ${sender.address}${length}`;
    }
    case 'icmp':
      return icmpText(last, carried(ip));
    case 'icmpv6':
      return `${hopByHop(ip)}${icmpv6Text(last, carried(ip) - extensionBytes(ip))}`;
    case 'udp':
      return last.length === 0 ? `UDP, length ${payload.length}` : `UDP, length ${last.length - 8}`;
    case 'tcp':
      return tcpText(
        last,
        ip?.layer === 'ipv4' && ip.totalLength === 0
          ? payload.length
          : carried(ip) - extensionBytes(ip) - last.headerLength,
      );
    case 'ipv4':
    case 'ipv6':
      return fragmentText(last);
    default:
      return `length ${payload.length}`;
  }
}

/** Bytes behind the header of IP, as it says itself. */
function carried(ip: Ipv4 | Ipv6 | undefined): number {
  if (!ip) return 0;
  return ip.layer === 'ipv4' ? ip.totalLength - ip.headerLength : ip.payloadLength;
}

function extensionBytes(ip: Ipv4 | Ipv6 | undefined): number {
  if (ip?.layer !== 'ipv6') return 0;
  return ip.extensions.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

const hopByHop = (ip: Ipv4 | Ipv6 | undefined) =>
  ip?.layer === 'ipv6' && ip.extensions.some(({ protocol }) => protocol === 0) ? 'HBH ' : '';

/** Of what is not read further: a later fragment, or another protocol. */
function fragmentText(ip: Ipv4 | Ipv6): string {
  if (ip.layer === 'ipv6' && ip.fragment) {
    return `frag (${ip.fragment.offset}|${carried(ip) - extensionBytes(ip)})`;
  }
  if (ip.layer === 'ipv4' && ip.fragmentOffset > 0) return `ip-proto-${ip.protocol}`;
  return `${hopByHop(ip)}ip-proto-${ip.protocol} ${carried(ip) - extensionBytes(ip)}`;
}
