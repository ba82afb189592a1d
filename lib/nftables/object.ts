import { attributes } from '../netlink/attributes.js';
import type { Read, Write } from '../netlink/codec.js';
import { be16, be32, be64, raw, string, u8 } from '../netlink/primitives.js';
import { nested, padding, select } from '../netlink/table.js';
import { enumeration } from './codecs.js';
import { OBJECT_TYPES } from './constants.js';
import { connlimit, counter, limit, quota } from './expressions/statistics.js';
import { synproxy } from './expressions/target.js';
import { nfMessage } from './message.js';

const ctHelper = attributes({ name: [1, string], family: [2, be16], protocol: [3, u8] });
const ctTimeout = attributes({ family: [1, be16], protocol: [2, u8], data: [3, raw] });
const ctExpectation = attributes({
  family: [1, be16],
  protocol: [2, u8],
  port: [3, be16],
  timeout: [4, be32],
  size: [5, u8],
});

/** NFTA_OBJ_*. */
export const object = nfMessage(
  'object',
  attributes({
    table: [1, string],
    name: [2, string],
    type: [3, enumeration(be32, OBJECT_TYPES)],
    data: [
      4,
      select('type', {
        counter: nested(counter),
        quota: nested(quota),
        'ct helper': nested(ctHelper),
        limit: nested(limit),
        connlimit: nested(connlimit),
        'ct timeout': nested(ctTimeout),
        secmark: nested(attributes({ context: [1, string] })),
        'ct expectation': nested(ctExpectation),
        synproxy: nested(synproxy),
      }),
    ],
    use: [5, be32],
    handle: [6, be64],
    pad: [7, padding],
    userdata: [8, raw],
  }),
);
export type ObjectMessage = Read<typeof object>;
export type ObjectBody = Write<typeof object>;
