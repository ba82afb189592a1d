import { describe, expect, expectTypeOf, test } from 'vitest';
import { ip, ipv4, ipv6, mac, mac6 } from '../../lib/netlink/address-codecs.js';
import type { Read, Write } from '../../lib/netlink/codec.js';
import {
  be16,
  be32,
  counter,
  flag,
  raw,
  rawOf,
  s32,
  s64,
  string,
  u8,
  u16,
  u32,
  u64,
  uint,
} from '../../lib/netlink/primitives.js';
import { decode, encode, roundTrip } from './round-trip.js';

const OUT_OF_RANGE = expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
const WRONG_TYPE = expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
const WRONG_VALUE = expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' });

describe('integers', () => {
  test.each([
    ['u8', u8, 0, 0xff],
    ['u16', u16, 0, 0xffff],
    ['u32', u32, 0, 0xffffffff],
    ['be16', be16, 0, 0xffff],
    ['be32', be32, 0, 0xffffffff],
    ['s32', s32, -0x80000000, 0x7fffffff],
  ])('%s', (_, codec, min, max) => {
    for (const value of [min, max, 0, 1, 100]) expect(roundTrip(codec, value)).toBe(value);
    for (const value of [min - 1, max + 1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => encode(codec, value)).toThrow(OUT_OF_RANGE);
    }
    for (const value of ['1', true, null, undefined, {}, 1n]) {
      expect(() => encode(codec, value as never)).toThrow(WRONG_TYPE);
    }
  });

  test('in network order', () => {
    expect([...encode(be16, 0x1234)]).toEqual([0x12, 0x34]);
    expect([...encode(be32, 0x12345678)]).toEqual([0x12, 0x34, 0x56, 0x78]);
  });

  test('of 64 bits are numbers as long as that is exact', () => {
    for (const value of [0, 1, 0xffffffff, 0x100000000, Number.MAX_SAFE_INTEGER, 2n ** 53n, 2n ** 64n - 1n]) {
      expect(roundTrip(u64, value)).toBe(value);
    }
    expect(roundTrip(u64, 5n)).toBe(5);
    for (const value of [0, -1, 1, Number.MIN_SAFE_INTEGER, -(2n ** 63n), 2n ** 63n - 1n]) {
      expect(roundTrip(s64, value)).toBe(value);
    }
    for (const value of [-1, -1n, 2n ** 64n, 2 ** 53, 0.5])
      expect(() => encode(u64, value)).toThrow(OUT_OF_RANGE);
    for (const value of [2n ** 63n, -(2n ** 63n) - 1n])
      expect(() => encode(s64, value)).toThrow(OUT_OF_RANGE);
    expect(() => encode(u64, '1' as never)).toThrow(WRONG_TYPE);
    expectTypeOf<Read<typeof u64>>().toEqualTypeOf<number | bigint>();
  });

  test('that count are always numbers', () => {
    expect(roundTrip(counter, 7)).toBe(7);
    expect(roundTrip(counter, 2n ** 64n - 2048n)).toBe(2 ** 64 - 2048);
    expectTypeOf<Read<typeof counter>>().toEqualTypeOf<number>();
  });

  test('of four or eight bytes', () => {
    expect(encode(uint, 0xffffffff)).toHaveLength(4);
    expect(encode(uint, 5n)).toHaveLength(4);
    expect(encode(uint, 0x100000000)).toHaveLength(8);
    for (const value of [0, 0xffffffff, 0x100000000, 2n ** 60n]) expect(roundTrip(uint, value)).toBe(value);
    expect(decode(uint, new Uint8Array(6))).toBeUndefined();
    expect(() => encode(uint, -1)).toThrow(OUT_OF_RANGE);
  });
});

test('flag', () => {
  expect(encode(flag, true)).toHaveLength(0);
  expect(decode(flag, new Uint8Array(0))).toBe(true);
  expect(decode(flag, Uint8Array.of(1))).toBe(true);
  expect(decode(flag, Uint8Array.of(0))).toBe(false);
  expect(() => encode(flag, 1 as never)).toThrow(WRONG_TYPE);
});

describe('string', () => {
  test('ends at its first NUL or where it ends', () => {
    expect([...encode(string, 'lo')]).toEqual([0x6c, 0x6f, 0]);
    expect(decode(string, Buffer.from('lo\0\0x'))).toBe('lo');
    expect(decode(string, Buffer.from('lo'))).toBe('lo');
    expect(decode(string, new Uint8Array(0))).toBe('');
  });

  test('is UTF-8', () => {
    for (const text of ['', 'größe', '網路', 'a\u{1f600}b', '\ufeffbom'])
      expect(roundTrip(string, text)).toBe(text);
    expect(decode(string, Uint8Array.of(0x61, 0xff, 0x62, 0))).toBe('a\ufffdb');
  });

  test('has no NUL inside', () => {
    expect(() => encode(string, 'a\0b')).toThrow(WRONG_VALUE);
    expect(() => encode(string, 7 as never)).toThrow(WRONG_TYPE);
  });
});

test('raw bytes are copied both ways', () => {
  const value = Uint8Array.of(1, 2, 3);
  const back = roundTrip(raw, value);
  expect(back).toStrictEqual(value);
  expect(decode(raw, Buffer.from([1, 2]))).toStrictEqual(Uint8Array.of(1, 2));
  expect(roundTrip(rawOf(3), value)).toStrictEqual(value);
  expect(() => encode(rawOf(2), value)).toThrow(WRONG_VALUE);
  expect(() => encode(raw, [1] as never)).toThrow(WRONG_TYPE);
});

describe('addresses', () => {
  test('are told apart by length', () => {
    expect(roundTrip(ip, '192.168.1.1')).toBe('192.168.1.1');
    expect(roundTrip(ip, 'FD00::1')).toBe('fd00::1');
    expect(decode(ip, new Uint8Array(6))).toBeUndefined();
    expect(roundTrip(ipv4, '0.0.0.0')).toBe('0.0.0.0');
    expect(roundTrip(ipv6, '::')).toBe('::');
  });

  test.each([[ip], [ipv4], [ipv6], [mac], [mac6]])('that are none are refused', (codec) => {
    for (const value of ['nonsense', '1.2.3', '1::2::3', '02:zz'])
      expect(() => encode(codec, value)).toThrow(WRONG_VALUE);
    for (const value of [7, null, undefined]) expect(() => encode(codec, value as never)).toThrow(WRONG_TYPE);
  });

  test('of hardware are of any length', () => {
    const infiniband = Array.from({ length: 20 }, (_, i) => (i * 13).toString(16).padStart(2, '0')).join(':');
    for (const value of ['', '0a', '02:00:00:00:00:ff', infiniband])
      expect(roundTrip(mac, value)).toBe(value);
    expect(roundTrip(mac, 'AA:BB')).toBe('aa:bb');
    expect(() => encode(mac6, '02:00')).toThrow(WRONG_VALUE);
  });
});

test('what may be written is at least what is read', () => {
  expectTypeOf<Write<typeof u32>>().toEqualTypeOf<number>();
  expectTypeOf<Write<typeof counter>>().toEqualTypeOf<number | bigint>();
});
