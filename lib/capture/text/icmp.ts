import type { Icmp, Icmpv6, Ipv4, Ipv6, Layer, Tcp, Udp } from '../decode/layers.js';

const PROTOCOLS: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  58: 'icmp6',
  132: 'sctp',
};

interface Quoted {
  address: string;
  protocol: string;
  port: number | undefined;
}

/** Whom the quoted packet was for. */
function quotedOf(layers: Layer[] | undefined): Quoted | undefined {
  const ip = layers?.find(({ layer }) => layer === 'ipv4' || layer === 'ipv6') as Ipv4 | Ipv6 | undefined;
  const transport = layers?.find(({ layer }) => layer === 'udp' || layer === 'tcp') as Udp | Tcp | undefined;
  if (!ip) return undefined;
  return {
    address: ip.destination,
    protocol: PROTOCOLS[ip.protocol] ?? String(ip.protocol),
    port: transport?.destinationPort,
  };
}

export function icmpText(icmp: Icmp, length: number): string {
  return `ICMP ${icmpName(icmp)}, length ${length}`;
}

function icmpName(icmp: Icmp): string {
  const { type, code, id, sequence } = icmp;
  const about = quotedOf(icmp.quoted);
  switch (type) {
    case 0:
      return `echo reply, id ${id}, seq ${sequence}`;
    case 8:
      return `echo request, id ${id}, seq ${sequence}`;
    case 3:
      return unreachable(icmp, about);
    case 5:
      return `redirect ${about?.address ?? ''} to ${code === 0 ? 'net' : 'host'} ${icmp.gateway}`;
    case 9:
      return 'router advertisement';
    case 10:
      return 'router solicitation';
    case 11:
      return code === 0 ? 'time exceeded in-transit' : 'ip reassembly time exceeded';
    case 12:
      return 'parameter problem';
    default:
      return `type-#${type}`;
  }
}

function unreachable({ code, mtu }: Icmp, about: Quoted | undefined): string {
  const address = about?.address ?? '';
  switch (code) {
    case 0:
      return `net ${address} unreachable`;
    case 1:
      return `host ${address} unreachable`;
    case 2:
      return `${address} protocol ${about?.protocol ?? ''} unreachable`;
    case 3:
      return about?.port === undefined
        ? `${address} port unreachable`
        : `${address} ${about.protocol} port ${about.port} unreachable`;
    case 4:
      return mtu
        ? `${address} unreachable - need to frag (mtu ${mtu})`
        : `${address} unreachable - need to frag`;
    case 9:
      return `net ${address} unreachable - admin prohibited`;
    case 10:
      return `host ${address} unreachable - admin prohibited`;
    case 13:
      return `host ${address} unreachable - admin prohibited filter`;
    default:
      return `${address} unreachable - code ${code}`;
  }
}

export function icmpv6Text(icmp: Icmpv6, length: number): string {
  return `ICMP6, ${icmpv6Name(icmp)}, length ${length}`;
}

const ICMPV6: Readonly<Record<number, string>> = {
  130: 'multicast listener query',
  131: 'multicast listener report',
  132: 'multicast listener done',
  133: 'router solicitation',
  134: 'router advertisement',
  137: 'redirect',
  143: 'multicast listener report v2',
};

function icmpv6Name({ type, code, id, sequence, mtu, target, quoted }: Icmpv6): string {
  const about = quotedOf(quoted);
  switch (type) {
    case 1:
      return destinationUnreachable(code, about);
    case 2:
      return `packet too big, mtu ${mtu}`;
    case 3:
      return code === 0
        ? `time exceeded in-transit for ${about?.address ?? ''}`
        : 'ip reassembly time exceeded';
    case 4:
      return 'parameter problem';
    case 128:
      return `echo request, id ${id}, seq ${sequence}`;
    case 129:
      return `echo reply, id ${id}, seq ${sequence}`;
    case 135:
      return `neighbor solicitation, who has ${target}`;
    case 136:
      return `neighbor advertisement, tgt is ${target}`;
    default:
      return ICMPV6[type] ?? `type-#${type}`;
  }
}

function destinationUnreachable(code: number, about: Quoted | undefined): string {
  const address = about?.address ?? '';
  const what = [
    'unreachable route',
    'unreachable prohibited',
    'beyond scope',
    'unreachable address',
    'unreachable port',
  ];
  const name = `destination unreachable, ${what[code] ?? `code ${code}`}`;
  if (code === 4 && about?.port !== undefined)
    return `${name}, ${address} ${about.protocol} port ${about.port}`;
  return `${name} ${address}`;
}
