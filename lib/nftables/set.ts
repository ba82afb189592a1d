import { attributes } from '../netlink/attributes.js';
import type { Read, Write } from '../netlink/codec.js';
import { list } from '../netlink/list.js';
import { be32, be64, raw, string } from '../netlink/primitives.js';
import { nested, padding } from '../netlink/table.js';
import { bits, enumeration } from './codecs.js';
import { OBJECT_TYPES, SET_FLAGS } from './constants.js';
import { expression } from './expressions/expression.js';
import { nfMessage } from './message.js';

/** NFTA_SET_FIELD_LEN of each part of a concatenation. */
const fields = list(nested(attributes({ length: [1, be32] })), 1, 0);

/** NFTA_SET_*. */
export const set = nfMessage(
  'set',
  attributes({
    table: [1, string],
    name: [2, string],
    flags: [3, bits(be32, SET_FLAGS)],
    keyType: [4, be32],
    keyLength: [5, be32],
    dataType: [6, be32],
    dataLength: [7, be32],
    policy: [8, enumeration(be32, { performance: 0, memory: 1 })],
    description: [9, nested(attributes({ size: [1, be32], concat: [2, nested(fields)] }))],
    id: [10, be32],
    timeout: [11, be64],
    gcInterval: [12, be32],
    userdata: [13, raw],
    pad: [14, padding],
    objectType: [15, enumeration(be32, OBJECT_TYPES)],
    handle: [16, be64],
    expression: [17, nested(expression)],
    expressions: [18, nested(list(nested(expression), 1, 0))],
    /** Since 6.19. */
    type: [19, string],
    count: [20, be32],
  }),
);
export type SetMessage = Read<typeof set>;
export type SetBody = Write<typeof set>;
