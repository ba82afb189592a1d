import { checkInteger, checkObject, invalidType, outOfRange } from '../syscalls/validate.js';
import { type Bytes, littleEndian } from './bytes.js';
import { type AnyCodec, garbled, MAX_PAYLOAD } from './codec.js';
import { NLA_HDRLEN, NLA_TYPE_MASK } from './constants.js';
import { raw } from './primitives.js';

/** An attribute that a table does not know, or whose length does not suit its type there. */
export interface UnknownAttribute {
  /** Its number, without flags. */
  type: number;
  /** NLA_F_NESTED or NLA_F_NET_BYTEORDER, where it has them. */
  flags?: number;
  value: Uint8Array;
}

/** The nla_len of the attribute at `at`, which fits in what is left before `end`. */
export function attributeLength(bytes: Bytes, at: number, end: number): number {
  if (end - at < NLA_HDRLEN) throw garbled(`${end - at} bytes are left where an attribute should begin`);
  const length = bytes.view.getUint16(at, littleEndian);
  if (length < NLA_HDRLEN || length > end - at) {
    throw garbled(`An attribute claims ${length} bytes where ${end - at} are left`);
  }
  return length;
}

/** The nla_type of the attribute at `at`, flags included. */
export function attributeType(bytes: Bytes, at: number): number {
  return bytes.view.getUint16(at + 2, littleEndian);
}

/** Where the next attribute begins. */
export function afterAttribute(at: number, length: number): number {
  return at + ((length + 3) & ~3);
}

/** Writes one attribute, padded, and returns the offset after it. */
export function writeAttribute(
  bytes: Bytes,
  offset: number,
  type: number,
  layout: AnyCodec,
  value: unknown,
  name: string,
  outer?: object,
): number {
  let end = layout.write(bytes, offset + NLA_HDRLEN, value, name, outer);
  const length = end - offset;
  if (length > MAX_PAYLOAD + NLA_HDRLEN)
    throw outOfRange(name, `at most ${MAX_PAYLOAD} bytes`, length - NLA_HDRLEN);
  bytes.view.setUint16(offset, length, littleEndian);
  bytes.view.setUint16(offset + 2, type | layout.flags, littleEndian);
  const next = afterAttribute(offset, length);
  while (end < next) bytes.array[end++] = 0;
  return next;
}

/** Bytes that writeAttribute will use. */
export function sizeAttribute(layout: AnyCodec, value: unknown, name: string, outer?: object): number {
  return NLA_HDRLEN + ((layout.size(value, name, outer) + 3) & ~3);
}

export function readUnknown(bytes: Bytes, at: number, length: number): UnknownAttribute {
  const whole = attributeType(bytes, at);
  const type = whole & NLA_TYPE_MASK;
  const value = bytes.copy(at + NLA_HDRLEN, length - NLA_HDRLEN);
  return whole === type ? { type, value } : { type, flags: whole - type, value };
}

export function checkUnknown(value: unknown): asserts value is readonly UnknownAttribute[] {
  if (!Array.isArray(value)) throw invalidType('unknown', 'an array', value);
  for (const attribute of value) {
    checkObject('unknown', attribute);
    const { type, flags, value: bytes } = attribute as UnknownAttribute;
    checkInteger('unknown.type', type, 0, NLA_TYPE_MASK);
    if (flags !== undefined) checkInteger('unknown.flags', flags, 0, 0xffff);
    if (!(bytes instanceof Uint8Array)) throw invalidType('unknown.value', 'a Uint8Array', bytes);
  }
}

export function writeUnknown(
  bytes: Bytes,
  offset: number,
  { type, flags = 0, value }: UnknownAttribute,
): number {
  return writeAttribute(bytes, offset, type | (flags & ~NLA_TYPE_MASK), raw, value, 'unknown');
}

export function sizeUnknown({ value }: UnknownAttribute): number {
  return sizeAttribute(raw, value, 'unknown');
}
