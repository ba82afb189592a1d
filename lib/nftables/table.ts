import { attributes } from '../netlink/attributes.js';
import type { Read, Write } from '../netlink/codec.js';
import { be32, be64, raw, string } from '../netlink/primitives.js';
import { padding } from '../netlink/table.js';
import { bits } from './codecs.js';
import { TABLE_FLAGS } from './constants.js';
import { nfMessage } from './message.js';

/** NFTA_TABLE_*. */
export const table = nfMessage(
  'table',
  attributes({
    name: [1, string],
    flags: [2, bits(be32, TABLE_FLAGS)],
    use: [3, be32],
    handle: [4, be64],
    pad: [5, padding],
    userdata: [6, raw],
    owner: [7, be32],
  }),
);
export type TableMessage = Read<typeof table>;
export type TableBody = Write<typeof table>;
