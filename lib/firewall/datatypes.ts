import { littleEndian } from '../netlink/bytes.js';
import { formatIPv4, parseIPv4 } from '../netlink/ipv4.js';
import { formatIPv6, parseIPv6 } from '../netlink/ipv6.js';
import { formatMac, parseMacInto } from '../netlink/mac.js';
import { checkInteger, invalidType, invalidValue, outOfRange } from '../syscalls/validate.js';
import * as names from './value-names.js';

/** How values of one type of nft's look in a register. */
export interface DataType {
  readonly name: SetType | undefined;
  /** Of nft's enum datatypes: what makes it print them right. */
  readonly number: number;
  readonly size: number;
  readonly order: 'big' | 'host';
  parse(value: unknown, name: string): Uint8Array;
  format(bytes: Uint8Array): string | number | Uint8Array;
}

interface Integer {
  number: number;
  size: number;
  order: 'big' | 'host';
  names?: Readonly<Record<string, number>>;
  /** Names may be joined by commas. */
  mask?: boolean;
}

const big = (number: number, size: number, names?: Readonly<Record<string, number>>): Integer => ({
  number,
  size,
  order: 'big',
  names,
});
const host = (number: number, size: number, names?: Readonly<Record<string, number>>): Integer => ({
  number,
  size,
  order: 'host',
  names,
});

const INTEGERS = {
  nf_proto: host(2, 1, names.NFPROTO),
  ether_type: big(10, 2, names.ETHER_TYPE),
  arp_op: big(11, 2),
  inet_proto: big(12, 1, names.INET_PROTO),
  inet_service: big(13, 2),
  icmp_type: big(14, 1, names.ICMP_TYPE),
  tcp_flag: { ...host(15, 1, names.TCP_FLAG), mask: true },
  mark: host(19, 4),
  iface_index: host(20, 4),
  iface_type: host(21, 2),
  realm: host(22, 4),
  classid: host(23, 4),
  uid: host(24, 4),
  gid: host(25, 4),
  ct_state: { ...host(26, 4, names.CT_STATE), mask: true },
  ct_dir: host(27, 1, { original: 0, reply: 1 }),
  ct_status: { ...host(28, 4, names.CT_STATUS), mask: true },
  icmpv6_type: big(29, 1, names.ICMPV6_TYPE),
  pkt_type: host(31, 1, { host: 0, unicast: 0, broadcast: 1, multicast: 2, other: 3 }),
  icmp_code: big(32, 1),
  icmpv6_code: big(33, 1),
  devgroup: host(35, 4),
  dscp: big(36, 1),
  ecn: big(37, 1),
  fib_addrtype: host(38, 4, names.FIB_ADDRTYPE),
  boolean: host(39, 1),
} as const satisfies Record<string, Integer>;

/** Types of keys and values, by nft's names: nft(8), "DATA TYPES". */
export type SetType = keyof typeof INTEGERS | 'ipv4_addr' | 'ipv6_addr' | 'ether_addr' | 'ifname';

function integerBytes(value: number, size: number, order: 'big' | 'host'): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0, left = value; i < size; i++, left = Math.floor(left / 256))
    bytes[size - 1 - i] = left & 0xff;
  return order === 'host' && littleEndian ? bytes.reverse() : bytes;
}

export function integerOf(bytes: Uint8Array, order: 'big' | 'host'): number {
  const ordered = order === 'host' && littleEndian ? bytes.slice().reverse() : bytes;
  return ordered.reduce((sum, byte) => sum * 256 + byte, 0);
}

function integer(
  name: SetType | undefined,
  { number, size, order, names = {}, mask = false }: Integer,
): DataType {
  const most = 256 ** size - 1;
  const single = (value: unknown, what: string): number => {
    if (typeof value === 'string' && Object.hasOwn(names, value)) return names[value] as number;
    const given = typeof value === 'string' && /^(\d+|0x[\da-f]+)$/i.test(value) ? Number(value) : value;
    if (typeof given === 'string') {
      const words = Object.keys(names);
      throw invalidValue(what, `${words.length > 0 ? `one of ${words.join(', ')}, or ` : ''}a number`, value);
    }
    if (typeof given !== 'number')
      throw invalidType(what, `a number or name of ${name ?? 'an integer'}`, value);
    if (!Number.isInteger(given) || given < 0 || given > most)
      throw outOfRange(what, `an integer from 0 to ${most}`, given);
    return given;
  };
  return {
    name,
    number,
    size,
    order,
    parse(value, what) {
      if (value instanceof Uint8Array) return exactly(value, size, what);
      if (mask && typeof value === 'string' && value.includes(',')) {
        const bits = value.split(',').reduce((sum, bit) => sum | single(bit.trim(), what), 0);
        return integerBytes(bits, size, order);
      }
      return integerBytes(single(value, what), size, order);
    },
    format(bytes) {
      const value = integerOf(bytes, order);
      const named = Object.entries(names).find(([, each]) => each === value);
      return named ? named[0] : value;
    },
  };
}

function exactly(value: Uint8Array, size: number, name: string): Uint8Array {
  if (value.length !== size) throw invalidValue(name, `${size} bytes`, value);
  return value;
}

const EXPECTED: Readonly<Record<string, string>> = {
  ipv4_addr: 'an IPv4 address',
  ipv6_addr: 'an IPv6 address',
  ether_addr: 'a MAC address',
  ifname: 'the name of a device, of 1 to 15 bytes,',
};

function textual(
  name: SetType,
  number: number,
  size: number,
  order: 'big' | 'host',
  parse: (text: string, into: Uint8Array) => boolean,
  format: (bytes: Uint8Array) => string,
): DataType {
  return {
    name,
    number,
    size,
    order,
    parse(value, what) {
      if (value instanceof Uint8Array) return exactly(value, size, what);
      if (typeof value !== 'string') throw invalidType(what, `a string of type ${name}`, value);
      const bytes = new Uint8Array(size);
      if (!parse(value, bytes)) throw invalidValue(what, EXPECTED[name] ?? `a value of type ${name}`, value);
      return bytes;
    },
    format,
  };
}

function parseName(text: string, into: Uint8Array): boolean {
  const bytes = Buffer.from(text);
  if (bytes.length === 0 || bytes.length > 15 || bytes.includes(0)) return false;
  into.set(bytes);
  return true;
}

function formatName(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString();
}

const TYPES: ReadonlyMap<string | number, DataType> = new Map(
  [
    textual(
      'ipv4_addr',
      7,
      4,
      'big',
      (text, into) => parseIPv4(text, into, 0),
      (b) => formatIPv4(b, 0),
    ),
    textual(
      'ipv6_addr',
      8,
      16,
      'big',
      (text, into) => parseIPv6(text, into, 0),
      (b) => formatIPv6(b, 0),
    ),
    textual(
      'ether_addr',
      9,
      6,
      'big',
      (text, into) => text.length === 17 && parseMacInto(text, into, 0),
      (b) => formatMac(b, 0, 6),
    ),
    textual('ifname', 41, 16, 'host', parseName, formatName),
    ...Object.entries(INTEGERS).map(([name, one]) => integer(name as SetType, one)),
  ].flatMap((type): [string | number, DataType][] => [
    [type.name as string, type],
    [type.number, type],
  ]),
);

/** A type that has no name here, by nft's number: its values are bytes. */
export interface OpaqueType {
  type: number;
  /** Of a value, in bytes. */
  size: number;
}

function opaque(number: number, size: number): DataType {
  return {
    name: undefined,
    number,
    size,
    order: 'big',
    parse(value, what) {
      if (!(value instanceof Uint8Array)) throw invalidType(what, 'a Uint8Array', value);
      return exactly(value, size, what);
    },
    format: (bytes) => bytes.slice(),
  };
}

/** The type of that name. */
export function dataType(type: SetType): DataType {
  return TYPES.get(type) as DataType;
}

/** A type as a program names it. */
export function typeNamed(type: unknown, name: string): DataType {
  if (typeof type === 'string' && TYPES.has(type)) return TYPES.get(type) as DataType;
  if (typeof type === 'object' && type !== null) {
    const { type: number, size } = type as OpaqueType;
    checkInteger(`${name}.type`, number, 0, 0xffffffff);
    checkInteger(`${name}.size`, size, 1, 64);
    return opaque(number, size);
  }
  const known = [...TYPES.keys()].filter((key) => typeof key === 'string');
  throw typeof type === 'string'
    ? invalidValue(name, `one of ${known.join(', ')}`, type)
    : invalidType(name, 'the name of a type', type);
}

/** The type of that number, of values of that size. */
function typeOf(number: number, size: number): DataType {
  const found = TYPES.get(number);
  return found?.size === size ? found : opaque(number, size);
}

/** Bits that each type of a concatenation takes in the number of them all. */
const CONCAT_BITS = 6;
const CONCAT_MASK = 0x3f;

export function numberOf(types: readonly DataType[]): number {
  return types.reduce((all, { number }) => ((all << CONCAT_BITS) | number) >>> 0, 0);
}

/** Parts of a concatenation begin at multiples of four. */
export function padded(size: number): number {
  return (size + 3) & ~3;
}

export function sizeOf(types: readonly DataType[]): number {
  if (types.length === 1) return (types[0] as DataType).size;
  return types.reduce((all, { size }) => all + padded(size), 0);
}

/**
 * The types of a set by its number and length; `sizes` of the parts, where they are told. One of bytes where they do not
 * fit together.
 */
export function typesOf(number: number, length: number, sizes: readonly number[] = []): readonly DataType[] {
  if (number <= CONCAT_MASK) return [typeOf(number, length)];
  const numbers: number[] = [];
  for (let left = number; left > 0; left >>>= CONCAT_BITS) numbers.unshift(left & CONCAT_MASK);
  const told = sizes.length === numbers.length;
  const parts = numbers.map((one, i) => (told ? typeOf(one, sizes[i] as number) : TYPES.get(one)));
  const known = parts.filter((part) => part !== undefined);
  return known.length === parts.length && sizeOf(known) === length ? known : [opaque(number, length)];
}
