import { checkString, invalidValue } from '../syscalls/validate.js';
import { AF } from './constants.js';
import { formatIPv4, parseIPv4 } from './ipv4.js';
import { formatIPv6, parseIPv6 } from './ipv6.js';
import { formatMac, parseMacInto } from './mac.js';

export type Family = 'inet' | 'inet6';

/** An IP address. `bytes` is in network order: 4 of them for inet, 16 for inet6. */
export interface IPAddress {
  family: Family;
  bytes: Uint8Array;
}

/** An address with the length of its prefix in bits. */
export interface Cidr extends IPAddress {
  prefix: number;
}

export interface CidrOptions {
  /** Whether bits beyond the prefix may be set: yes in an interface's address, no in a route's destination. */
  hostBits: 'allow' | 'refuse';
}

/** AF_INET or AF_INET6. */
export function familyNumber(family: Family): number {
  return family === 'inet' ? AF.INET : AF.INET6;
}

/** The family of an AF_INET or AF_INET6; undefined for others. */
export function familyOf(number: number): Family | undefined {
  if (number === AF.INET) return 'inet';
  return number === AF.INET6 ? 'inet6' : undefined;
}

function read(text: string): IPAddress | undefined {
  const family = text.includes(':') ? 'inet6' : 'inet';
  const bytes = new Uint8Array(family === 'inet' ? 4 : 16);
  const valid = family === 'inet' ? parseIPv4(text, bytes, 0) : parseIPv6(text, bytes, 0);
  return valid ? { family, bytes } : undefined;
}

/** Reads an IPv4 or IPv6 address, strictly: no leading zeros or missing parts in IPv4, no zone in IPv6. */
export function parseAddress(text: string, name = 'address'): IPAddress {
  checkString(name, text);
  const address = read(text);
  if (!address) throw invalidValue(name, 'an IPv4 or IPv6 address', text);
  return address;
}

/** Four bytes as a dotted quad, sixteen as RFC 5952 writes IPv6. */
export function formatAddress(bytes: Uint8Array): string {
  return bytes.length === 4 ? formatIPv4(bytes, 0) : formatIPv6(bytes, 0);
}

/** Zeroes the bits beyond the prefix, in a copy. */
export function networkOf(bytes: Uint8Array, prefix: number): Uint8Array {
  const network = bytes.slice();
  for (let i = prefix >> 3; i < network.length; i++) {
    const kept = Math.max(0, prefix - 8 * i);
    network[i] = network[i]! & (0xff00 >> kept);
  }
  return network;
}

/** With an example: of the address itself, where only its prefix length is missing or cannot be. */
function expectedCidr(
  address: IPAddress | undefined,
  hostBits: CidrOptions['hostBits'],
  hasLength: boolean,
): string {
  if (!address) {
    const examples = hostBits === 'allow' ? "'10.0.0.1/24' or 'fd00::1/64'" : "'10.0.0.0/24' or 'fd00::/64'";
    return `an address with its prefix length, such as ${examples},`;
  }
  const { bytes, family } = address;
  const usual = family === 'inet' ? 24 : 64;
  const full = 8 * bytes.length;
  const beyond = networkOf(bytes, usual).some((byte, i) => byte !== bytes[i]);
  const example = formatCidr(bytes, hostBits === 'refuse' && beyond ? full : usual);
  return `an address with ${hasLength ? `a prefix length from 0 to ${full}` : 'its prefix length'}, such as '${example}',`;
}

/** Reads 'address/prefix'. What it cannot mean is refused, with the form that was probably meant. */
export function parseCidr(name: string, text: string, { hostBits }: CidrOptions): Cidr {
  checkString(name, text);
  const slash = text.indexOf('/');
  const address = read(slash < 0 ? text : text.slice(0, slash));
  const digits = slash < 0 ? '' : text.slice(slash + 1);
  const prefix = /^(0|[1-9][0-9]{0,2})$/.test(digits) ? Number(digits) : Number.POSITIVE_INFINITY;
  if (!address || prefix > address.bytes.length * 8) {
    throw invalidValue(name, expectedCidr(address, hostBits, slash >= 0), text);
  }
  const network = networkOf(address.bytes, prefix);
  if (hostBits === 'refuse' && !network.every((byte, i) => byte === address.bytes[i])) {
    const canonical = `${formatAddress(network)}/${prefix}`;
    throw invalidValue(name, `'${canonical}' (no bits beyond the prefix)`, text);
  }
  return { ...address, prefix };
}

/** 'address/prefix'; the reverse of parseCidr. */
export function formatCidr(bytes: Uint8Array, prefix: number): string {
  return `${formatAddress(bytes)}/${prefix}`;
}

/** Reads an Ethernet address: six bytes in hex, in either case, with colons between. */
export function parseMac(name: string, text: string): Uint8Array {
  checkString(name, text);
  const bytes = new Uint8Array(6);
  if (text.length !== 17 || !parseMacInto(text, bytes, 0)) {
    throw invalidValue(name, "a MAC address, such as '02:42:ac:11:00:02',", text);
  }
  return bytes;
}

export { formatIPv4, formatIPv6, formatMac };
