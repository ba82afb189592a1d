import fc, { type Arbitrary } from 'fast-check';
import { ip, ipv4, ipv6, mac, mac6 } from '../../lib/netlink/address-codecs.js';
import { formatAddress } from '../../lib/netlink/addresses.js';
import type { AnyCodec, Codec } from '../../lib/netlink/codec.js';
import {
  be16,
  be32,
  counter,
  flag,
  raw,
  s32,
  s64,
  string,
  u8,
  u16,
  u32,
  u64,
  uint,
} from '../../lib/netlink/primitives.js';
import type { AttributesShape } from '../../lib/netlink/shape.js';
import type { Field } from '../../lib/netlink/table.js';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const v4 = bytes(4).map(formatAddress);
const v6 = bytes(16).map(formatAddress);
const macOf = (length: Arbitrary<number>) =>
  length.chain((n) => bytes(n).map((b) => Array.from(b, (v) => v.toString(16).padStart(2, '0')).join(':')));

/** What is read as a number where that is exact, else as a bigint. */
const exact = (value: bigint) => (Number.isSafeInteger(Number(value)) ? Number(value) : value);

const text = fc
  .string({ unit: 'grapheme', maxLength: 20 })
  .filter((value) => !value.includes('\0') && Buffer.from(value).toString() === value);

/** Values of codecs that have no shape, by how they read. */
export type Known = ReadonlyMap<unknown, Arbitrary<unknown>>;

/** By their way to read, which nested() and the like leave as it is. */
const plain = new Map<unknown, Arbitrary<unknown>>(
  (
    [
      [u8, fc.nat(0xff)],
      [u16, fc.nat(0xffff)],
      [be16, fc.nat(0xffff)],
      [u32, fc.integer({ min: 0, max: 0xffffffff })],
      [be32, fc.integer({ min: 0, max: 0xffffffff })],
      [s32, fc.integer()],
      [u64, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(exact)],
      [s64, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(exact)],
      [counter, fc.maxSafeNat()],
      [uint, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(exact)],
      [flag, fc.constant(true)],
      [string, text],
      [raw, fc.uint8Array({ maxLength: 40 })],
      [ip, fc.oneof(v4, v6)],
      [ipv4, v4],
      [ipv6, v6],
      [mac, macOf(fc.nat(32))],
      [mac6, macOf(fc.constant(6))],
    ] as [AnyCodec, Arbitrary<unknown>][]
  ).map(([codec, values]) => [codec.read, values]),
);

/** Values of any codec, made from what it says of itself. */
export function arbitrary<T, I>(codec: Codec<T, I>, known: Known = new Map()) {
  return valuesOf(codec as AnyCodec, new Map([...plain, ...known])) as Arbitrary<T>;
}

function valuesOf(codec: AnyCodec, known: Known): Arbitrary<unknown> {
  const { shape } = codec;
  switch (shape?.kind) {
    case undefined: {
      const values = known.get(codec.read);
      if (values) return values;
      if (codec.min === codec.max) return bytes(codec.min);
      throw new Error('no values are known for a codec');
    }
    case 'struct': {
      const fields = [...shape.fields].map(([name, { type }]) => [name, valuesOf(type, known)]);
      return fc.record(Object.fromEntries(fields), { noNullPrototype: true });
    }
    case 'message':
      return fc
        .tuple(valuesOf(shape.header, known), valuesOf(shape.attributes, known))
        .map(([header, attributes]) => ({ ...(header as object), attributes }));
    case 'attributes':
      return attributeValues(shape, known);
    case 'list':
    case 'records':
      return fc.array(valuesOf(shape.element, known), { minLength: 1, maxLength: 4 });
  }
}

function attributeValues({ fields }: AttributesShape, known: Known): Arbitrary<unknown> {
  const unknown = fc.array(
    fc.record(
      {
        type: fc.integer({ min: 200, max: 0x3fff }),
        flags: fc.constantFrom(0x8000, 0x4000),
        value: fc.uint8Array({ maxLength: 12 }),
      },
      { requiredKeys: ['type', 'value'], noNullPrototype: true },
    ),
    { minLength: 1, maxLength: 3 },
  );
  const values = [...fields.values()].map((field) => [field.name, fieldValues(field, known)]);
  const names = [...fields.keys(), 'unknown'];
  return fc
    .tuple(
      fc.record({ ...Object.fromEntries(values), unknown }, { requiredKeys: [], noNullPrototype: true }),
      fc.shuffledSubarray(names, { minLength: names.length }),
    )
    .map(([drawn, order]) => {
      const content = selectedFits(fields, drawn);
      return Object.fromEntries(order.filter((name) => name in content).map((name) => [name, content[name]]));
    });
}

type Case = { case: unknown; value: unknown };

function fieldValues(field: Field, known: Known): Arbitrary<unknown> {
  if (field.multi) return fc.array(valuesOf(field.layout as AnyCodec, known), { minLength: 1, maxLength: 4 });
  if (field.layout) return valuesOf(field.layout, known);
  const cases = [...(field.selected?.cases ?? [])].map(([key, layout]) =>
    valuesOf(layout, known).map((value): Case => ({ case: key, value })),
  );
  return fc.oneof(
    fc.uint8Array({ maxLength: 20 }).map((value): Case => ({ case: undefined, value })),
    ...cases,
  );
}

/** Sets the sibling that a selected attribute is laid out by; one that the header decides about is left out. */
function selectedFits(fields: ReadonlyMap<string, Field>, content: Record<string, unknown>) {
  const out = { ...content };
  for (const { name, selected } of fields.values()) {
    if (!selected || !(name in out)) continue;
    const chosen = out[name] as Case;
    if (selected.above) delete out[name];
    else {
      out[name] = chosen.value;
      if (chosen.case === undefined) delete out[selected.by];
      else out[selected.by] = chosen.case;
    }
  }
  return out;
}
