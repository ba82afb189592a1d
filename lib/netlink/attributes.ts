import { checkObject, invalidType, invalidValue } from '../syscalls/validate.js';
import {
  afterAttribute,
  attributeLength,
  attributeType,
  checkUnknown,
  readUnknown,
  sizeAttribute,
  sizeUnknown,
  type UnknownAttribute,
  writeAttribute,
  writeUnknown,
} from './attribute-wire.js';
import type { Bytes } from './bytes.js';
import { type AnyCodec, type Codec, codec, MAX_PAYLOAD } from './codec.js';
import { NLA_HDRLEN, NLA_TYPE_MASK } from './constants.js';
import { flag, raw } from './primitives.js';
import { roomy } from './roomy.js';
import {
  chosen,
  compile,
  type Field,
  type ReadAttributes,
  type Table,
  type Values,
  type WriteAttributes,
} from './table.js';

/**
 * The codec of a family of attributes, as a message's payload or as another attribute's. Attributes are written in
 * the order of the object's keys, and keys stand in the order of the wire, so that what was read and is written again
 * is the same. Of an attribute that occurs twice the last counts, unless the table says `multi`. With `others` skipped,
 * what the table does not have is not even kept as unknown: for those who want little of much.
 */
export function attributes<const A extends Table>(
  table: A,
  { others = 'kept' }: { others?: 'kept' | 'skipped' } = {},
): Codec<ReadAttributes<A>, WriteAttributes<A>> {
  const { byName, byType } = compile(table);
  const Out = roomy<Values>();

  function read(bytes: Bytes, offset: number, length: number, outer?: object): ReadAttributes<A> {
    const end = offset + length;
    const out = new Out();
    for (let at = offset; at < end; ) {
      const size = attributeLength(bytes, at, end);
      const type = attributeType(bytes, at) & NLA_TYPE_MASK;
      const field = type < byType.length ? byType[type] : undefined;
      if (field === undefined && others === 'skipped') {
        at = afterAttribute(at, size);
        continue;
      }
      if (field === undefined || !readField(bytes, at, size, field, out, offset, end, outer)) {
        const unknown = readUnknown(bytes, at, size);
        if (out.unknown === undefined) out.unknown = [unknown];
        else (out.unknown as UnknownAttribute[]).push(unknown);
      }
      at = afterAttribute(at, size);
    }
    return out as ReadAttributes<A>;
  }

  /** False where the payload does not hold what the table says. */
  function readField(
    bytes: Bytes,
    at: number,
    size: number,
    field: Field,
    out: Values,
    start: number,
    end: number,
    outer: object | undefined,
  ): boolean {
    if (field.padding) return true;
    const layout =
      field.layout ?? chosen(field.selected!, siblings(bytes, start, end, field, byName, out), outer);
    const payload = size - NLA_HDRLEN;
    if (payload < layout.min || payload > layout.max) return false;
    const value = layout.read(bytes, at + NLA_HDRLEN, payload, out);
    if (value === undefined) return false;
    if (!field.multi) out[field.name] = value;
    else if (out[field.name] === undefined) out[field.name] = [value];
    else (out[field.name] as unknown[]).push(value);
    return true;
  }

  function fieldOf(key: string): Field {
    const field = byName.get(key);
    if (!field) throw invalidValue('attributes', `none but ${[...byName.keys()].join(', ')}`, key);
    return field;
  }

  function size(values: Values, name: string, outer?: object): number {
    checkObject(name, values);
    let total = 0;
    for (const key in values) {
      const value = values[key];
      if (value === undefined) continue;
      const field = byName.get(key);
      if (field?.layout && !field.multi) {
        if (value !== false || field.layout !== flag)
          total += sizeAttribute(field.layout, value, key, values);
      } else if (key === 'unknown') {
        checkUnknown(value);
        for (const attribute of value) total += sizeUnknown(attribute);
      } else {
        const layout = layoutFor(fieldOf(key), value, values, outer);
        for (const item of itemsOf(fieldOf(key), value)) total += sizeAttribute(layout, item, key, values);
      }
    }
    return total;
  }

  function write(bytes: Bytes, offset: number, values: Values, name: string, outer?: object): number {
    checkObject(name, values);
    let at = offset;
    for (const key in values) {
      const value = values[key];
      if (value === undefined) continue;
      const field = byName.get(key);
      if (field?.layout && !field.multi) {
        if (value === false && field.layout === flag) continue;
        at = writeAttribute(bytes, at, field.type, field.layout, value, key, values);
      } else if (key === 'unknown') {
        checkUnknown(value);
        for (const attribute of value) at = writeUnknown(bytes, at, attribute);
      } else {
        const field = fieldOf(key);
        const layout = layoutFor(field, value, values, outer);
        for (const item of itemsOf(field, value)) {
          at = writeAttribute(bytes, at, field.type, layout, item, key, values);
        }
      }
    }
    return at;
  }

  return codec({
    min: 0,
    max: MAX_PAYLOAD,
    shape: { kind: 'attributes', fields: byName },
    size: size as Codec<ReadAttributes<A>, WriteAttributes<A>>['size'],
    write: write as Codec<ReadAttributes<A>, WriteAttributes<A>>['write'],
    read,
  });
}

/** Bytes may be given for any selected attribute, as they are read where its case is unknown. */
function layoutFor(field: Field, value: unknown, values: Values, outer: object | undefined): AnyCodec {
  return field.layout ?? (value instanceof Uint8Array ? raw : chosen(field.selected!, values, outer));
}

function itemsOf(field: Field, value: unknown): readonly unknown[] {
  if (!field.multi) return [value];
  if (!Array.isArray(value)) throw invalidType(field.name, 'an array', value);
  return value;
}

/** What decides about a selected attribute between `start` and `end`. It may come after it. */
export function siblings(
  bytes: Bytes,
  start: number,
  end: number,
  { selected }: Field,
  fields: ReadonlyMap<string, Field>,
  known: Values = {},
): Values {
  if (selected === undefined || selected.above || known[selected.by] !== undefined) return known;
  const sibling = fields.get(selected.by);
  if (sibling?.layout === undefined) return known;
  const { type, layout } = sibling;
  for (let at = start; at < end; ) {
    const size = attributeLength(bytes, at, end);
    const payload = size - NLA_HDRLEN;
    const fits = payload >= layout.min && payload <= layout.max;
    if (fits && (attributeType(bytes, at) & NLA_TYPE_MASK) === type) {
      return { [selected.by]: layout.read(bytes, at + NLA_HDRLEN, payload) };
    }
    at = afterAttribute(at, size);
  }
  return known;
}
