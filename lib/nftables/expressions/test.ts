import { attributes } from '../../netlink/attributes.js';
import { be32, be64, string } from '../../netlink/primitives.js';
import { padding } from '../../netlink/table.js';
import { bits, enumeration } from '../codecs.js';
import { data, value } from '../data.js';
import { embedded, embeddedList } from './embedded.js';

/** Expressions that work on registers: compare, look up, change, fill. */

export const cmp = attributes({
  sreg: [1, be32],
  op: [2, enumeration(be32, { eq: 0, neq: 1, lt: 2, lte: 3, gt: 4, gte: 5 })],
  data: [3, value],
});

export const range = attributes({
  sreg: [1, be32],
  op: [2, enumeration(be32, { eq: 0, neq: 1 })],
  from: [3, value],
  to: [4, value],
});

export const bitwise = attributes({
  sreg: [1, be32],
  dreg: [2, be32],
  len: [3, be32],
  mask: [4, value],
  xor: [5, value],
  op: [6, enumeration(be32, { mask: 0, lshift: 1, rshift: 2, and: 3, or: 4, xor: 5 })],
  data: [7, value],
  /** Since 6.12. */
  sreg2: [8, be32],
});

export const byteorder = attributes({
  sreg: [1, be32],
  dreg: [2, be32],
  op: [3, enumeration(be32, { ntoh: 0, hton: 1 })],
  len: [4, be32],
  size: [5, be32],
});

export const immediate = attributes({ dreg: [1, be32], data: [2, data] });

export const lookup = attributes({
  set: [1, string],
  sreg: [2, be32],
  dreg: [3, be32],
  setId: [4, be32],
  flags: [5, bits(be32, { invert: 1 })],
});

export const objref = attributes({
  objectType: [1, be32],
  name: [2, string],
  sreg: [3, be32],
  set: [4, string],
  setId: [5, be32],
});

export const dynset = attributes({
  set: [1, string],
  setId: [2, be32],
  op: [3, enumeration(be32, { add: 0, update: 1, delete: 2 })],
  sregKey: [4, be32],
  sregData: [5, be32],
  timeout: [6, be64],
  expression: [7, embedded],
  pad: [8, padding],
  flags: [9, bits(be32, { invert: 1, expression: 2 })],
  expressions: [10, embeddedList],
});
