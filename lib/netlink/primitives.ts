import { checkInteger, checkString, invalidType, invalidValue, outOfRange } from '../syscalls/validate.js';
import { littleEndian } from './bytes.js';
import { type Codec, codec, fixed, MAX_PAYLOAD } from './codec.js';

export const u8: Codec<number> = fixed(
  1,
  (bytes, offset, value, name) => {
    if (typeof value !== 'number' || (value & 0xff) !== value) checkInteger(name, value, 0, 0xff);
    bytes.array[offset] = value;
    return offset + 1;
  },
  (bytes, offset) => bytes.array[offset]!,
);

function u16In(little: boolean): Codec<number> {
  return fixed(
    2,
    (bytes, offset, value, name) => {
      if (typeof value !== 'number' || (value & 0xffff) !== value) checkInteger(name, value, 0, 0xffff);
      bytes.view.setUint16(offset, value, little);
      return offset + 2;
    },
    (bytes, offset) => bytes.view.getUint16(offset, little),
  );
}

function u32In(little: boolean): Codec<number> {
  return fixed(
    4,
    (bytes, offset, value, name) => {
      if (typeof value !== 'number' || value >>> 0 !== value) checkInteger(name, value, 0, 0xffffffff);
      bytes.view.setUint32(offset, value, little);
      return offset + 4;
    },
    (bytes, offset) => bytes.view.getUint32(offset, little),
  );
}

export const u16 = u16In(littleEndian);
export const be16 = u16In(false);
export const u32 = u32In(littleEndian);
export const be32 = u32In(false);

export const s32: Codec<number> = fixed(
  4,
  (bytes, offset, value, name) => {
    if (typeof value !== 'number' || (value | 0) !== value)
      checkInteger(name, value, -0x80000000, 0x7fffffff);
    bytes.view.setInt32(offset, value, littleEndian);
    return offset + 4;
  },
  (bytes, offset) => bytes.view.getInt32(offset, littleEndian),
);

export const sbe32: Codec<number> = fixed(
  4,
  (bytes, offset, value, name) => {
    checkInteger(name, value, -0x80000000, 0x7fffffff);
    bytes.view.setInt32(offset, value);
    return offset + 4;
  },
  (bytes, offset) => bytes.view.getInt32(offset),
);

function bigIn(name: string, value: number | bigint, min: bigint, max: bigint): bigint {
  if (typeof value === 'number') {
    const least = min < 0n ? Number.MIN_SAFE_INTEGER : 0;
    checkInteger(name, value, least, Number.MAX_SAFE_INTEGER);
    return BigInt(value);
  }
  if (typeof value !== 'bigint') throw invalidType(name, 'a number or bigint', value);
  if (value < min || value > max) throw outOfRange(name, `an integer from ${min} to ${max}`, value);
  return value;
}

/** 64 bits, exactly: a number up to 2⁵³ − 1, a bigint above. Either may be written. */
export const u64: Codec<number | bigint> = fixed(
  8,
  (bytes, offset, value, name) => {
    bytes.view.setBigUint64(offset, bigIn(name, value, 0n, 0xffffffffffffffffn), littleEndian);
    return offset + 8;
  },
  (bytes, offset) => {
    const high = bytes.view.getUint32(littleEndian ? offset + 4 : offset, littleEndian);
    if (high >= 0x200000) return bytes.view.getBigUint64(offset, littleEndian);
    return high * 0x100000000 + bytes.view.getUint32(littleEndian ? offset : offset + 4, littleEndian);
  },
);

/** The same in network order. */
export const be64: Codec<number | bigint> = fixed(
  8,
  (bytes, offset, value, name) => {
    bytes.view.setBigUint64(offset, bigIn(name, value, 0n, 0xffffffffffffffffn));
    return offset + 8;
  },
  (bytes, offset) => {
    const big = bytes.view.getBigUint64(offset);
    return big <= 0x1fffffffffffffn ? Number(big) : big;
  },
);

/** Signed 64 bits, exactly: a number within ±(2⁵³ − 1), a bigint beyond. */
export const s64: Codec<number | bigint> = fixed(
  8,
  (bytes, offset, value, name) => {
    const big = bigIn(name, value, -0x8000000000000000n, 0x7fffffffffffffffn);
    bytes.view.setBigInt64(offset, big, littleEndian);
    return offset + 8;
  },
  (bytes, offset) => {
    const big = bytes.view.getBigInt64(offset, littleEndian);
    const near = Number(big);
    return Number.isSafeInteger(near) ? near : big;
  },
);

/** A 64-bit counter, always a number: above 2⁵³ the nearest that there is. */
export const counter: Codec<number, number | bigint> = fixed(8, u64.write, (bytes, offset) => {
  const high = bytes.view.getUint32(littleEndian ? offset + 4 : offset, littleEndian);
  return high * 0x100000000 + bytes.view.getUint32(littleEndian ? offset : offset + 4, littleEndian);
});

/** The kernel's `uint`: 4 bytes where the value fits in them, else 8. */
export const uint: Codec<number | bigint> = codec({
  min: 4,
  max: 8,
  size: (value, name) => {
    if (typeof value !== 'number' && typeof value !== 'bigint')
      throw invalidType(name, 'a number or bigint', value);
    return value <= 0xffffffff ? 4 : 8;
  },
  write: (bytes, offset, value, name) =>
    value <= 0xffffffff
      ? u32.write(bytes, offset, Number(value), name)
      : u64.write(bytes, offset, value, name),
  read: (bytes, offset, length) => {
    if (length === 4) return u32.read(bytes, offset, 4);
    return length === 8 ? u64.read(bytes, offset, 8) : undefined;
  },
});

/**
 * True by being there. Writing `false` leaves the attribute out. Some flags come back from the kernel as a byte that
 * may also say no (IFLA_VXLAN_TTL_INHERIT).
 */
export const flag: Codec<boolean> = codec({
  min: 0,
  max: 4,
  size: (value, name) => {
    if (typeof value !== 'boolean') throw invalidType(name, 'a boolean', value);
    return 0;
  },
  write: (_bytes, offset, value, name) => {
    if (typeof value !== 'boolean') throw invalidType(name, 'a boolean', value);
    return offset;
  },
  read: (bytes, offset, length) => length === 0 || bytes.array[offset] !== 0,
});

const encoder = new TextEncoder();

/**
 * Text that ends at its first NUL, or where the attribute ends; written with a NUL. UTF-8: bytes that are not read as
 * U+FFFD.
 */
export const string: Codec<string> = codec({
  min: 0,
  max: MAX_PAYLOAD,
  size: (value, name) => {
    checkString(name, value);
    return Buffer.byteLength(value) + 1;
  },
  write: (bytes, offset, value, name) => {
    checkString(name, value);
    const { array } = bytes;
    let at = offset;
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) {
        at = offset + encoder.encodeInto(value, array.subarray(offset)).written;
        break;
      }
      array[at++] = code;
    }
    array[at] = 0;
    return at + 1;
  },
  read: (bytes, offset, length) => {
    let end = offset;
    while (end < offset + length && bytes.array[end] !== 0) end++;
    return bytes.text(offset, end);
  },
});

function checkBytes(name: string, value: unknown): asserts value is Uint8Array {
  if (!(value instanceof Uint8Array)) throw invalidType(name, 'a Uint8Array', value);
}

/** Bytes as they are, copied both ways. */
export const raw: Codec<Uint8Array> = codec({
  min: 0,
  max: MAX_PAYLOAD,
  size: (value, name) => {
    checkBytes(name, value);
    return value.length;
  },
  write: (bytes, offset, value, name) => {
    checkBytes(name, value);
    bytes.array.set(value, offset);
    return offset + value.length;
  },
  read: (bytes, offset, length) => bytes.copy(offset, length),
});

/** Exactly so many bytes, as in a struct. */
export function rawOf(length: number): Codec<Uint8Array> {
  return fixed(
    length,
    (bytes, offset, value, name) => {
      checkBytes(name, value);
      if (value.length !== length) throw invalidValue(name, `a Uint8Array of ${length} bytes`, value);
      bytes.array.set(value, offset);
      return offset + length;
    },
    (bytes, offset) => bytes.copy(offset, length),
  );
}
