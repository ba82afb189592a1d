import { littleEndian } from '../netlink/bytes.js';
import { invalidType, invalidValue } from '../syscalls/validate.js';
import { type DataType, padded, sizeOf } from './datatypes.js';
import type { Key, Value } from './types.js';

/** Both ends of an interval, which are in it. */
export interface Span {
  low: Uint8Array;
  high: Uint8Array;
}

/** Bytes one behind the other, each from a multiple of four on; one alone as it is. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0] as Uint8Array;
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + padded(length), 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += padded(part.length);
  }
  return all;
}

function parts(types: readonly DataType[], key: unknown, name: string): readonly unknown[] {
  if (types.length === 1) {
    if (!Array.isArray(key)) return [key];
    if (key.length === 1) return key;
    throw invalidValue(name, 'one value', key);
  }
  if (!Array.isArray(key)) throw invalidType(name, `an array of ${types.length} values`, key);
  if (key.length !== types.length) throw invalidValue(name, `${types.length} values`, key);
  return key;
}

export function parseKey(types: readonly DataType[], key: unknown, name: string): Uint8Array {
  if (key instanceof Uint8Array && types.length > 1) {
    if (key.length !== sizeOf(types)) throw invalidValue(name, `${sizeOf(types)} bytes`, key);
    return key;
  }
  return joined(parts(types, key, name).map((value, i) => single(types[i] as DataType, value, name)));
}

function single(type: DataType, value: unknown, name: string): Uint8Array {
  if (typeof value === 'string' && value.includes('/') && /^ip[46v]+_addr$/.test(type.name ?? ''))
    throw invalidValue(name, "one address (prefixes and ranges need the set's flag 'interval')", value);
  return type.parse(value, name);
}

export function parseSpan(types: readonly DataType[], key: unknown, name: string): Span {
  const spans = parts(types, key, name).map((value, i) => spanOf(types[i] as DataType, value, name));
  return { low: joined(spans.map(({ low }) => low)), high: joined(spans.map(({ high }) => high)) };
}

/** '10.0.0.0/8', '10.0.0.1-10.0.0.9', '80-90', or one value. */
export function spanOf(type: DataType, value: unknown, name: string): Span {
  if (typeof value === 'string' && type.name !== 'ifname') {
    const slash = value.indexOf('/');
    if (slash > 0) return prefixSpan(type, value, slash, name);
    const dash = rangeDash(type, value);
    if (dash > 0) {
      const low = type.parse(value.slice(0, dash).trim(), name);
      const high = type.parse(value.slice(dash + 1).trim(), name);
      if (Buffer.compare(sortable(type, low), sortable(type, high)) > 0)
        throw invalidValue(name, 'a range that does not end before it begins', value);
      return { low, high };
    }
  }
  const one = type.parse(value, name);
  return { low: one, high: one };
}

/** Names have dashes, too: 'echo-request'. */
function rangeDash(type: DataType, text: string): number {
  if (type.name === 'ipv4_addr' || type.name === 'ipv6_addr' || type.name === 'ether_addr')
    return text.indexOf('-');
  return /^\s*\w+\s*-\s*\w+\s*$/.test(text) && /^\s*\d/.test(text) ? text.indexOf('-') : -1;
}

function prefixSpan(type: DataType, value: string, slash: number, name: string): Span {
  const length = value.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(length) || Number(length) > type.size * 8 || type.order !== 'big')
    throw invalidValue(name, `a value or prefix of type ${type.name}`, value);
  const low = type.parse(value.slice(0, slash), name).slice();
  const high = low.slice();
  for (let i = 0; i < low.length; i++) {
    const mask = (0xff00 >> Math.min(8, Math.max(0, Number(length) - 8 * i))) & 0xff;
    low[i] = (low[i] as number) & mask;
    high[i] = (low[i] as number) | (~mask & 0xff);
  }
  return { low, high };
}

/** In the order of the numbers that the bytes are. */
export function sortable({ order }: DataType, bytes: Uint8Array): Uint8Array {
  return order === 'host' && littleEndian ? bytes.slice().reverse() : bytes;
}

function split(types: readonly DataType[], bytes: Uint8Array): Uint8Array[] {
  if (types.length === 1) return [bytes];
  let at = 0;
  return types.map(({ size }) => {
    const part = bytes.subarray(at, at + size);
    at += padded(size);
    return part;
  });
}

function formatValue(type: DataType, bytes: Uint8Array): Value {
  return bytes.length >= type.size
    ? type.format(bytes.subarray(0, type.size || bytes.length))
    : bytes.slice();
}

export function formatKey(types: readonly DataType[], bytes: Uint8Array): Key {
  const values = split(types, bytes).map((part, i) => formatValue(types[i] as DataType, part));
  return values.length === 1 ? (values[0] as Value) : values;
}

export function formatSpan(types: readonly DataType[], { low, high }: Span): Key {
  const highs = split(types, high);
  const values = split(types, low).map((part, i) =>
    formatRange(types[i] as DataType, part, highs[i] as Uint8Array),
  );
  return values.length === 1 ? (values[0] as Value) : values;
}

/** The length of the prefix that they are the ends of; −1 if of none. */
function prefixOf(low: Uint8Array, high: Uint8Array): number {
  let length = 0;
  let within = false;
  for (let bit = 0; bit < low.length * 8; bit++) {
    const a = ((low[bit >> 3] as number) >> (7 - (bit & 7))) & 1;
    const b = ((high[bit >> 3] as number) >> (7 - (bit & 7))) & 1;
    if (!within && a === b) length++;
    else if (a === 0 && b === 1) within = true;
    else return -1;
  }
  return length;
}

function formatRange(type: DataType, low: Uint8Array, high: Uint8Array): Value {
  const first = formatValue(type, low);
  if (Buffer.compare(low, high) === 0) return first;
  if (type.name === 'ipv4_addr' || type.name === 'ipv6_addr') {
    const length = prefixOf(low, high);
    if (length >= 0) return `${first}/${length}`;
  }
  const numeric = (bytes: Uint8Array) =>
    Buffer.from(sortable(type, bytes)).reduce((sum, b) => sum * 256 + b, 0);
  if (type.name === undefined) return low.slice();
  const named = typeof first === 'string' && !/^(ip|ether)/.test(type.name);
  return named ? `${numeric(low)}-${numeric(high)}` : `${first}-${formatValue(type, high)}`;
}
