import { attributes } from '../netlink/attributes.js';
import type { Read, Write } from '../netlink/codec.js';
import { be32, be64, sbe32, string } from '../netlink/primitives.js';
import { nested, padding } from '../netlink/table.js';
import { devices } from './chain.js';
import { bits } from './codecs.js';
import { nfMessage } from './message.js';

/** NFTA_FLOWTABLE_*. */
export const flowtable = nfMessage(
  'flowtable',
  attributes({
    table: [1, string],
    name: [2, string],
    hook: [3, nested(attributes({ hook: [1, be32], priority: [2, sbe32], devices: [3, nested(devices)] }))],
    use: [4, be32],
    handle: [5, be64],
    pad: [6, padding],
    flags: [7, bits(be32, { offload: 1, counter: 2 })],
  }),
);
export type FlowtableMessage = Read<typeof flowtable>;
export type FlowtableBody = Write<typeof flowtable>;
