import { describe, expect, expectTypeOf, test } from 'vitest';
import type { UnknownAttribute } from '../../lib/netlink/attribute-wire.js';
import { attributes } from '../../lib/netlink/attributes.js';
import type { Read, Write } from '../../lib/netlink/codec.js';
import { list } from '../../lib/netlink/list.js';
import { message } from '../../lib/netlink/message.js';
import { flag, raw, string, u8, u32, u64 } from '../../lib/netlink/primitives.js';
import { records } from '../../lib/netlink/records.js';
import { struct } from '../../lib/netlink/struct.js';
import { multi, nested, padding, select, selectByHeader } from '../../lib/netlink/table.js';
import { decode, encode, roundTrip } from './round-trip.js';

const WRONG_VALUE = expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' });
const WRONG_TYPE = expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' });
const GARBLED = expect.objectContaining({ name: 'NsnetError', code: 'EBADMSG', errno: -74 });

const inner = attributes({ id: [1, u32], on: [2, flag] });
const table = attributes({
  mtu: [4, u32],
  name: [3, string],
  names: [5, multi(string)],
  inner: [6, nested(inner)],
  plain: [7, inner],
  kind: [8, string],
  data: [9, select('kind', { number: u32, more: inner })],
  pad: [10, padding],
  point: [11, struct((is) => ({ x: is.u8(), y: is.gap(1).u16() }))],
  list: [12, list(inner, 1)],
  on: [13, flag],
});

/** An attribute by hand; lengths and numbers are little-endian here, as the tests run. */
function attribute(type: number, ...payload: number[]): number[] {
  const length = payload.length + 4;
  return [length & 255, length >> 8, type & 255, type >> 8, ...payload, ...new Array(-length & 3).fill(0)];
}
const bytes = (...parts: number[][]) => Uint8Array.from(parts.flat());

test('absent is not zero', () => {
  expect(roundTrip(table, {})).toStrictEqual({});
  expect(roundTrip(table, { mtu: 0, name: '' })).toStrictEqual({ mtu: 0, name: '' });
  expect(roundTrip(table, { mtu: undefined })).toStrictEqual({});
});

test('keys follow the wire, and the wire the keys', () => {
  const content = encode(table, { name: 'a', mtu: 1 });
  expect([...content]).toEqual([...attribute(3, 0x61, 0), ...attribute(4, 1, 0, 0, 0)]);
  expect(Object.keys(decode(table, content)!)).toEqual(['name', 'mtu']);
  expect(Object.keys(roundTrip(table, { mtu: 1, name: 'a' })!)).toEqual(['mtu', 'name']);
});

test('what is nested is marked so where the table says, and read either way', () => {
  expect([...encode(table, { inner: { id: 1 } })]).toEqual(attribute(0x8006, ...attribute(1, 1, 0, 0, 0)));
  expect([...encode(table, { plain: { id: 1 } })]).toEqual(attribute(7, ...attribute(1, 1, 0, 0, 0)));
  for (const type of [6, 0x8006, 0x4006]) {
    expect(decode(table, bytes(attribute(type, ...attribute(1, 1, 0, 0, 0))))).toStrictEqual({
      inner: { id: 1 },
    });
  }
});

test('a flag is there or not', () => {
  expect(roundTrip(table, { on: true })).toStrictEqual({ on: true });
  expect(encode(table, { on: false })).toHaveLength(0);
});

describe('what the table does not know', () => {
  test('survives', () => {
    const content = bytes(
      attribute(4, 1, 0, 0, 0),
      attribute(0x8063, 1, 2, 3),
      attribute(99),
      attribute(500, 1),
    );
    const value = decode(table, content);
    expect(value).toStrictEqual({
      mtu: 1,
      unknown: [
        { type: 99, flags: 0x8000, value: Uint8Array.of(1, 2, 3) },
        { type: 99, value: new Uint8Array(0) },
        { type: 500, value: Uint8Array.of(1) },
      ],
    });
    expect(encode(table, value!)).toEqual(content);
  });

  test('is a copy', () => {
    const content = bytes(attribute(99, 7));
    const { unknown } = decode(table, content)!;
    expect(unknown![0]!.value.buffer.byteLength).toBe(1);
  });

  test('is also what has another length than its type', () => {
    for (const payload of [[], [1], [1, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8]]) {
      const content = bytes(attribute(4, ...payload));
      expect(decode(table, content)).toStrictEqual({
        unknown: [{ type: 4, value: Uint8Array.from(payload) }],
      });
      expect(encode(table, decode(table, content)!)).toEqual(content);
    }
    expect(decode(table, bytes(attribute(11, 1)))).toStrictEqual({
      unknown: [{ type: 11, value: Uint8Array.of(1) }],
    });
  });

  test('is also an element that does not fit its list', () => {
    const content = bytes(attribute(5, 0x61, 0), attribute(5, 0x62, 0));
    expect(decode(table, content)).toStrictEqual({ names: ['a', 'b'] });
    const counts = attributes({ counts: [1, multi(u32)], list: [2, list(u32)] });
    expect(decode(counts, bytes(attribute(1, 1), attribute(1, 1, 0, 0, 0)))).toStrictEqual({
      unknown: [{ type: 1, value: Uint8Array.of(1) }],
      counts: [1],
    });
    expect(decode(counts, bytes(attribute(2, ...attribute(0, 1))))).toMatchObject({ unknown: [{ type: 2 }] });
  });

  test('must be well-formed to be written', () => {
    const value = new Uint8Array(0);
    for (const unknown of [{}, [7], [{ type: 1 }], [{ type: '1', value }]]) {
      expect(() => encode(table, { unknown: unknown as never })).toThrow(WRONG_TYPE);
    }
    expect(() => encode(table, { unknown: [{ type: 0x4000, value }] })).toThrow(RangeError);
  });
});

test('of an attribute that occurs twice the last counts', () => {
  expect(decode(table, bytes(attribute(4, 1, 0, 0, 0), attribute(4, 2, 0, 0, 0)))).toStrictEqual({ mtu: 2 });
});

test('padding is left out', () => {
  expect(decode(table, bytes(attribute(10), attribute(4, 1, 0, 0, 0)))).toStrictEqual({ mtu: 1 });
  expect(() => encode(table, { pad: 1 } as never)).toThrow(WRONG_VALUE);
});

test('lists', () => {
  const value = { list: [{ id: 1 }, {}, { on: true }] };
  expect(roundTrip(table, value)).toStrictEqual(value);
  expect([...encode(table, { list: [{}, {}] })]).toEqual(attribute(12, ...attribute(1), ...attribute(2)));
  expect(() => encode(table, { list: {} as never })).toThrow(WRONG_TYPE);
  expect(() => encode(table, { names: 'a' as never })).toThrow(WRONG_TYPE);
});

describe('an attribute laid out by another', () => {
  test('whichever comes first', () => {
    for (const value of [
      { kind: 'number', data: 7 },
      { data: { id: 7 }, kind: 'more' },
    ]) {
      expect(roundTrip(table, value)).toStrictEqual(value);
    }
  });

  test('keeps its bytes where nobody knows how', () => {
    const data = Uint8Array.of(1, 2, 3);
    expect(roundTrip(table, { kind: 'other', data })).toStrictEqual({ kind: 'other', data });
    expect(roundTrip(table, { data })).toStrictEqual({ data });
    expect(() => encode(table, { kind: 'other', data: 7 })).toThrow(WRONG_TYPE);
  });

  test('is bytes where what it is laid out by is cut short', () => {
    const codec = attributes({ data: [1, select('kind', { 7: string })], kind: [2, u32] });
    const content = bytes(attribute(1, 0x61, 0), attribute(2, 7));
    expect(decode(codec, content)).toStrictEqual({
      data: Uint8Array.of(0x61, 0),
      unknown: [{ type: 2, value: Uint8Array.of(7) }],
    });
  });

  test('may be given as bytes', () => {
    expect(roundTrip(table, { kind: 'number', data: Uint8Array.of(7, 0, 0, 0) })).toStrictEqual({
      kind: 'number',
      data: 7,
    });
  });

  test('is not fooled by names that every object has', () => {
    const data = Uint8Array.of(1);
    for (const kind of ['constructor', '__proto__', 'toString']) {
      expect(roundTrip(table, { kind, data })).toStrictEqual({ kind, data });
    }
  });

  test('or by the header', () => {
    const codec = message(
      'thing',
      struct((is) => ({ family: is.u32() })),
      attributes({ data: [1, selectByHeader('family', { 0: u32, 7: string })] }),
    );
    for (const [family, data] of [
      [0, 5],
      [7, 'x'],
      [9, Uint8Array.of(1)],
    ] as const) {
      expect(roundTrip(codec, { family, attributes: { data } })).toStrictEqual({
        family,
        attributes: { data },
      });
    }
    expect(roundTrip(codec, { attributes: { data: 5 } })).toStrictEqual({
      family: 0,
      attributes: { data: 5 },
    });
  });
});

describe('garbled structure', () => {
  test.each([
    ['a header that is cut off', [4, 0, 3]],
    ['a length below that of the header', [3, 0, 4, 0]],
    ['no length at all', [0, 0, 0, 0, 0, 0, 0, 0]],
    ['a length beyond the end', [9, 0, 4, 0, 1, 0, 0, 0]],
    ['a nested one beyond its container', attribute(6, 9, 0, 1, 0, 1, 0, 0, 0)],
    ['left-over bytes', [...attribute(4, 1, 0, 0, 0), 0]],
  ])('%s', (_, content) => {
    expect(() => decode(table, Uint8Array.from(content))).toThrow(GARBLED);
  });

  test('padding may be missing at the end', () => {
    expect(decode(table, Uint8Array.of(5, 0, 3, 0, 0x61))).toStrictEqual({ name: 'a' });
  });

  test('in records', () => {
    const codec = records(
      message(
        'record',
        struct((is) => ({ a: is.gap(2).u16() })),
        attributes({ id: [1, u8] }),
      ),
    );
    const value = [
      { a: 1, attributes: { id: 3 } },
      { a: 2, attributes: {} },
    ];
    expect(roundTrip(codec, value)).toStrictEqual(value);
    for (const content of [[3, 0, 0, 0], [5, 0, 0, 0], [0, 0, 0, 0], [4]]) {
      expect(() => decode(codec, Uint8Array.from(content))).toThrow(GARBLED);
    }
    expect(() => encode(codec, {} as never)).toThrow(WRONG_TYPE);
  });

  test('a message shorter than its header', () => {
    const codec = message(
      'thing',
      struct((is) => ({ family: is.u32() })),
      inner,
    );
    expect(() => decode(codec, new Uint8Array(3))).toThrow('A thing of 3 bytes, shorter than its header');
  });
});

describe('what cannot be written', () => {
  test('says which attribute it is', () => {
    expect(() => encode(table, { mtu: -1 })).toThrow(
      'Expected an integer from 0 to 4294967295 for mtu but received -1',
    );
    expect(() => encode(table, { inner: { id: 'x' as never } })).toThrow('for id');
    expect(() => encode(table, { mut: 1 } as never)).toThrow(WRONG_VALUE);
    expect(() => encode(table, null as never)).toThrow(WRONG_TYPE);
    expect(() => encode(table, { inner: 7 as never })).toThrow(WRONG_TYPE);
    expect(() => encode(table, { point: { x: 1, z: 2 } as never })).toThrow(WRONG_VALUE);
    expect(() => encode(table, { point: [1] as never })).toThrow(WRONG_TYPE);
  });

  test('more than an attribute can hold', () => {
    const most = attributes({ raw: [1, raw] });
    expect(roundTrip(most, { raw: new Uint8Array(65531) })?.raw).toHaveLength(65531);
    expect(() => encode(most, { raw: new Uint8Array(65532) })).toThrow(
      expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }),
    );
    const many = Array.from({ length: 9000 }, () => ({ id: 1 }));
    expect(() => encode(table, { list: many })).toThrow(
      expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }),
    );
  });
});

test('a struct', () => {
  const point = struct((is) => ({ x: is.u8(), y: is.gap(1).u16(), far: is.gap(4).u64() }), 4);
  expect(point.length).toBe(20);
  expect(roundTrip(point, { x: 1, y: 2, far: 3 })).toStrictEqual({ x: 1, y: 2, far: 3 });
  expect(roundTrip(point, {})).toStrictEqual({ x: 0, y: 0, far: 0 });
  expect([...encode(point, { x: 1, y: 2 })]).toEqual([1, 0, 2, 0, ...new Array(16).fill(0)]);
});

test('types follow from the table', () => {
  type Given = Write<typeof table>;
  expectTypeOf<Read<typeof inner>>().toEqualTypeOf<{
    id?: number;
    on?: boolean;
    unknown?: UnknownAttribute[];
  }>();
  expectTypeOf<Given['names']>().toEqualTypeOf<readonly string[] | undefined>();
  expectTypeOf<Read<typeof table>['data']>().toEqualTypeOf<
    number | Read<typeof inner> | Uint8Array | undefined
  >();
  expectTypeOf<Read<typeof table>['point']>().toEqualTypeOf<{ x: number; y: number } | undefined>();
  expectTypeOf<Given['point']>().toEqualTypeOf<{ x?: number; y?: number } | undefined>();
  expectTypeOf<Read<typeof table>>().not.toHaveProperty('pad');
  const counts = attributes({ big: [1, u64] });
  expectTypeOf<Read<typeof counts>['big']>().toEqualTypeOf<number | bigint | undefined>();
});
