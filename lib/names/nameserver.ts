import { literal } from './literal.js';

/** Where domain is served (RFC 1035, section 4.2). */
const PORT = 53;

/** A nameserver to be asked. */
export interface Nameserver {
  /** Without its zone. */
  address: string;
  family: 4 | 6;
  /** Name or index of the device that a link-local address belongs to. */
  zone?: string;
  port: number;
}

/** An address as resolv.conf(5) has it. Undefined for anything else. */
export function nameserverAt(text: string, port = PORT): Nameserver | undefined {
  const found = literal(text);
  if (!found) return undefined;
  const [address = '', zone] = text.split('%');
  return { address, family: found.family, port, ...(zone !== undefined && { zone }) };
}

/** The same, or with a port: '10.0.0.1:5353', '[fd00::1]:5353', '[fe80::1%eth0]:5353'. */
export function parseNameserver(text: string): Nameserver | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const port = digits === undefined ? PORT : Number(digits);
  if (port < 1 || port > 65535) return undefined;
  if (bracketed !== undefined) return bracketed.includes(':') ? nameserverAt(bracketed, port) : undefined;
  return nameserverAt(plain ?? text, port);
}

/** As text: with its zone, and its port if it is not the usual one. */
export function formatNameserver({ address, family, zone, port }: Nameserver): string {
  const host = zone === undefined ? address : `${address}%${zone}`;
  if (port === PORT) return host;
  return family === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
