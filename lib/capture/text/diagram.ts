import { checkKeys, checkObject, invalidType } from '../../syscalls/validate.js';
import type { Ethernet, Ipv4, Ipv6 } from '../decode/layers.js';
import { Packet } from '../packet.js';
import { contents } from './line.js';
import { flagsText } from './tcp.js';

/** What sequenceDiagram() takes. */
export interface SequenceOptions {
  /** What to call the hosts, by their addresses; several addresses may be one host's. Lanes are in this order, first. */
  names?: Readonly<Record<string, string>>;
}

interface Arrow {
  from: string;
  to: string;
  label: string;
}

/** Whom what is for everybody is for. */
const EVERYBODY = 'everybody';

/** Who has this address: ICMPv6's question, which goes to a group. */
const SOLICITATION = 135;

/** Least distance from lane to lane, and what an arrow has beside its label. */
const LEAST = 16;
const SHAFT = 6;

/**
 * A picture of who sent what to whom, for people: a lane for each host, from top to bottom an arrow for each packet.
 * The same packets always give the same text. A packet caught on several links on its way is there several times: choose
 * one link.
 */
export function sequenceDiagram(packets: Iterable<Packet>, options: SequenceOptions = {}): string {
  checkObject('options', options);
  checkKeys('options', options, ['names']);
  const { names = {} } = options;
  checkObject('names', names);
  const arrows = Array.from(packets, (packet, i) => {
    if (!(packet instanceof Packet)) throw invalidType(`packets[${i}]`, 'a Packet', packet);
    return arrowOf(packet, (address) => (Object.hasOwn(names, address) ? names[address]! : address));
  });
  if (arrows.length === 0) return '';
  return draw(arrows, Object.values(names));
}

function arrowOf(packet: Packet, nameOf: (address: string) => string): Arrow {
  const { arp, ipv4, ipv6, ethernet } = packet;
  const label = labelOf(packet);
  if (arp?.sender && arp.target) {
    // A question for everybody, but about one.
    return { from: nameOf(arp.sender.address), to: nameOf(arp.target.address), label };
  }
  if (ipv6 && packet.icmpv6?.type === SOLICITATION && packet.icmpv6.target !== undefined) {
    return { from: nameOf(ipv6.source), to: nameOf(packet.icmpv6.target), label };
  }
  const ip = ipv4 ?? ipv6;
  if (!ip) return { from: nameOf(ethernet?.source ?? '?'), to: nameOf(receiver(ethernet)), label };
  const to = isForAll(ip, ethernet) ? EVERYBODY : nameOf(ip.destination);
  return { from: nameOf(ip.source), to, label };
}

const isGroup = (mac: string) => (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
const receiver = (ethernet: Ethernet | undefined) =>
  ethernet && isGroup(ethernet.destination) ? EVERYBODY : (ethernet?.destination ?? '?');

function isForAll({ layer, destination }: Ipv4 | Ipv6, ethernet: Ethernet | undefined): boolean {
  if (ethernet && isGroup(ethernet.destination)) return true;
  return layer === 'ipv6' ? destination.startsWith('ff') : Number.parseInt(destination, 10) >= 224;
}

function labelOf(packet: Packet): string {
  const { layers, arp, tcp, udp, payload } = packet;
  if (arp) {
    if (arp.operation === 1) return `ARP who-has ${arp.target?.address ?? '?'}`;
    if (arp.operation === 2) return `ARP ${arp.sender?.address ?? '?'} is-at ${arp.sender?.mac ?? '?'}`;
    return `ARP operation ${arp.operation}`;
  }
  if (tcp) {
    const bytes = payload.length > 0 ? ` ${payload.length} bytes` : '';
    return `TCP ${tcp.sourcePort} > ${tcp.destinationPort} [${flagsText(tcp)}]${bytes}`;
  }
  if (udp) return `UDP ${udp.sourcePort} > ${udp.destinationPort} ${payload.length} bytes`;
  const text = contents(layers, payload);
  return layers.length === 0 || layers.at(-1)?.layer === 'ethernet'
    ? `${packet.length} bytes`
    : text.replace(/, id \d+/, '').replace(/,? length \d+$/, '');
}

function draw(arrows: readonly Arrow[], first: readonly string[]): string {
  const used = new Set(arrows.flatMap(({ from, to }) => [from, to]));
  const order = [...new Set([...first, ...used])].filter((name) => used.has(name) && name !== EVERYBODY);
  const hosts = used.has(EVERYBODY) ? [...order, EVERYBODY] : order;
  const at = columns(arrows, hosts);
  const place = (host: string) => at[hosts.indexOf(host)]!;
  const width = at.at(-1)!;
  const empty = () => {
    const cells = new Array<string>(width + 1).fill(' ');
    for (const column of at) cells[column] = '|';
    return cells;
  };
  const lines = [heads(hosts, at), empty().join('')];
  for (const { from, to, label } of arrows) {
    const [a, b] = [place(from), place(to)];
    const cells = empty();
    if (a === b) {
      lines.push(`${cells.slice(0, a + 1).join('')}-- ${label} (to itself)`);
      continue;
    }
    const [left, right] = [Math.min(a, b), Math.max(a, b)];
    for (let i = left + 1; i < right; i++) cells[i] = '-';
    cells[a < b ? right - 1 : left + 1] = a < b ? '>' : '<';
    const begin = left + 1 + Math.floor((right - left - 1 - (label.length + 2)) / 2);
    cells.splice(begin, label.length + 2, ...` ${label} `);
    lines.push(cells.join(''));
  }
  lines.push(empty().join(''));
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

/** The column of each lane: names beside each other and the labels of all arrows have room. */
function columns(arrows: readonly Arrow[], hosts: readonly string[]): number[] {
  const at = hosts.length > 0 ? [Math.floor(hosts[0]!.length / 2)] : [];
  for (let i = 1; i < hosts.length; i++) {
    const names = Math.ceil(hosts[i - 1]!.length / 2) + Math.ceil(hosts[i]!.length / 2) + 2;
    let column = at[i - 1]! + Math.max(LEAST, names);
    for (const { from, to, label } of arrows) {
      const [a, b] = [hosts.indexOf(from), hosts.indexOf(to)];
      if (Math.max(a, b) !== i || a === b) continue;
      column = Math.max(column, at[Math.min(a, b)]! + label.length + 2 + SHAFT);
    }
    at.push(column);
  }
  return at;
}

function heads(hosts: readonly string[], at: readonly number[]): string {
  let line = '';
  for (const [i, host] of hosts.entries()) line = line.padEnd(at[i]! - Math.floor(host.length / 2)) + host;
  return line;
}
