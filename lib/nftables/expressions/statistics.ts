import { attributes } from '../../netlink/attributes.js';
import { be32, be64 } from '../../netlink/primitives.js';
import { padding } from '../../netlink/table.js';
import { bits, enumeration } from '../codecs.js';

/** Expressions that count and limit: also objects, by their names. */

export const counter = attributes({ bytes: [1, be64], packets: [2, be64], pad: [3, padding] });

/** `unit` in seconds. */
export const limit = attributes({
  rate: [1, be64],
  unit: [2, be64],
  burst: [3, be32],
  per: [4, enumeration(be32, { packets: 0, bytes: 1 })],
  flags: [5, bits(be32, { invert: 1 })],
  pad: [6, padding],
});

export const quota = attributes({
  bytes: [1, be64],
  flags: [2, bits(be32, { invert: 1, depleted: 2 })],
  pad: [3, padding],
  consumed: [4, be64],
});

export const connlimit = attributes({ count: [1, be32], flags: [2, bits(be32, { invert: 1 })] });

/** Milliseconds since a packet came, unless none has. */
export const last = attributes({ set: [1, be32], msecs: [2, be64], pad: [3, padding] });
