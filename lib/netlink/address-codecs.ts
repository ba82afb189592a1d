import { invalidType, invalidValue } from '../syscalls/validate.js';
import { type Codec, codec, fixed, MAX_PAYLOAD } from './codec.js';
import { formatIPv4, parseIPv4 } from './ipv4.js';
import { formatIPv6, parseIPv6 } from './ipv6.js';
import { formatMac, macLength, parseMacInto } from './mac.js';

function isIPv6(value: string, name: string): boolean {
  if (typeof value !== 'string') throw invalidType(name, 'an address', value);
  return value.includes(':');
}

export const ipv4: Codec<string> = fixed(
  4,
  (bytes, offset, value, name) => {
    if (typeof value !== 'string') throw invalidType(name, 'an IPv4 address', value);
    if (!parseIPv4(value, bytes.array, offset)) throw invalidValue(name, 'an IPv4 address', value);
    return offset + 4;
  },
  (bytes, offset) => formatIPv4(bytes.array, offset),
);

export const ipv6: Codec<string> = fixed(
  16,
  (bytes, offset, value, name) => {
    if (typeof value !== 'string') throw invalidType(name, 'an IPv6 address', value);
    if (!parseIPv6(value, bytes.array, offset)) throw invalidValue(name, 'an IPv6 address', value);
    return offset + 16;
  },
  (bytes, offset) => formatIPv6(bytes.array, offset),
);

/** IPv4 or IPv6, told apart by length on the wire and by a colon in text. */
export const ip: Codec<string> = codec({
  min: 4,
  max: 16,
  size: (value, name) => (isIPv6(value, name) ? 16 : 4),
  write: (bytes, offset, value, name) =>
    isIPv6(value, name) ? ipv6.write(bytes, offset, value, name) : ipv4.write(bytes, offset, value, name),
  read: (bytes, offset, length) => {
    if (length === 4) return formatIPv4(bytes.array, offset);
    return length === 16 ? formatIPv6(bytes.array, offset) : undefined;
  },
});

function checkMac(value: string, name: string): number {
  if (typeof value !== 'string') throw invalidType(name, 'a hardware address', value);
  const length = macLength(value);
  if (length < 0) throw invalidValue(name, 'a hardware address', value);
  return length;
}

function writeMac(array: Uint8Array, offset: number, value: string, name: string): void {
  if (!parseMacInto(value, array, offset)) throw invalidValue(name, 'a hardware address', value);
}

/** A hardware address of whatever length the link has: 6 bytes for Ethernet, 20 for InfiniBand. */
export const mac: Codec<string> = codec({
  min: 0,
  max: MAX_PAYLOAD,
  size: (value, name) => checkMac(value, name),
  write: (bytes, offset, value, name) => {
    const length = checkMac(value, name);
    writeMac(bytes.array, offset, value, name);
    return offset + length;
  },
  read: (bytes, offset, length) => formatMac(bytes.array, offset, length),
});

/** Exactly six bytes, as in a struct. */
export const mac6: Codec<string> = fixed(
  6,
  (bytes, offset, value, name) => {
    if (checkMac(value, name) !== 6) throw invalidValue(name, 'a hardware address of six bytes', value);
    writeMac(bytes.array, offset, value, name);
    return offset + 6;
  },
  (bytes, offset) => formatMac(bytes.array, offset, 6),
);
