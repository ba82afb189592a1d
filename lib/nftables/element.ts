import { attributes } from '../netlink/attributes.js';
import type { Read, Write } from '../netlink/codec.js';
import { list } from '../netlink/list.js';
import { be32, be64, raw, string } from '../netlink/primitives.js';
import { nested, padding } from '../netlink/table.js';
import { bits } from './codecs.js';
import { ELEMENT_FLAGS } from './constants.js';
import { data, value } from './data.js';
import { expression } from './expressions/expression.js';
import { nfMessage } from './message.js';

/** NFTA_SET_ELEM_*. */
export const element = attributes({
  flags: [3, bits(be32, ELEMENT_FLAGS)],
  key: [1, value],
  keyEnd: [10, value],
  data: [2, data],
  timeout: [4, be64],
  expiration: [5, be64],
  userdata: [6, raw],
  expression: [7, nested(expression)],
  pad: [8, padding],
  objref: [9, string],
  expressions: [11, nested(list(nested(expression), 1, 0))],
});
export type ElementAttributes = Read<typeof element>;

/** NFTA_SET_ELEM_LIST_*. */
export const elements = nfMessage(
  'elements',
  attributes({
    table: [1, string],
    set: [2, string],
    elements: [3, nested(list(nested(element), 1))],
    setId: [4, be32],
  }),
);
export type ElementsMessage = Read<typeof elements>;
export type ElementsBody = Write<typeof elements>;
