import { isIP } from 'node:net';
import { formatAddress, parseAddress } from '../netlink/addresses.js';

/** An address as text, with its zone if it has one. */
export interface ResolvedAddress {
  address: string;
  family: 4 | 6;
}

/** An IP address as it is written: IPv6 with or without a zone ('fe80::1%eth0'). Undefined for anything else. */
export function literal(text: string): ResolvedAddress | undefined {
  const percent = text.indexOf('%');
  const family = isIP(percent < 0 ? text : text.slice(0, percent));
  if (family === 0 || (percent >= 0 && (family === 4 || !/^[^\s%/]+$/.test(text.slice(percent + 1)))))
    return undefined;
  return { address: text, family: family as 4 | 6 };
}

/**
 * The older ways to write an IPv4 address, which inet_aton(3) reads and getaddrinfo(3) with it: '127.1', '0x7f.1',
 * '2130706433'. They never mean a name. Undefined for anything else.
 */
export function numericIPv4(text: string): ResolvedAddress | undefined {
  if (!/^(0x[0-9a-f]*|\d+)(\.(0x[0-9a-f]*|\d+)){0,3}$/i.test(text)) return undefined;
  const parts = text.split('.').map(partOf);
  const last = parts.pop() as number;
  const room = 2 ** (8 * (4 - parts.length));
  if (!(last < room) || !parts.every((part) => part < 256)) return undefined;
  const bytes = [...parts];
  for (let i = 3 - parts.length; i >= 0; i--) bytes.push(Math.floor(last / 2 ** (8 * i)) % 256);
  return { address: bytes.join('.'), family: 4 };
}

function partOf(part: string): number {
  if (/^0x/i.test(part)) return part.length > 2 ? Number(part) : 0;
  return /^0\d/.test(part) ? (/^[0-7]+$/.test(part) ? Number.parseInt(part, 8) : Number.NaN) : Number(part);
}

/** How addresses are compared: in their usual form. */
export function canonicalAddress(text: string): string {
  const [plain = '', zone] = text.split('%');
  const canonical = formatAddress(parseAddress(plain).bytes);
  return zone === undefined ? canonical : `${canonical}%${zone}`;
}
