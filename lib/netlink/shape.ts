import type { AnyCodec } from './codec.js';
import type { Field } from './table.js';

/** What a codec is made of, as data: for those that look for a place in a message, or go through the tables. */
export type Shape = AttributesShape | StructShape | MessageShape | ElementsShape;

export interface AttributesShape {
  readonly kind: 'attributes';
  readonly fields: ReadonlyMap<string, Field>;
}

export interface StructShape {
  readonly kind: 'struct';
  readonly fields: ReadonlyMap<string, { type: AnyCodec; offset: number }>;
}

/** A struct, and attributes from `begin` on. */
export interface MessageShape {
  readonly kind: 'message';
  readonly header: AnyCodec;
  readonly attributes: AnyCodec;
  readonly begin: number;
}

/** The same again and again: each in an attribute (list), or with its length in front (records). */
export interface ElementsShape {
  readonly kind: 'list' | 'records';
  readonly element: AnyCodec;
}
