import { attributes } from '../netlink/attributes.js';
import type { Read, Write } from '../netlink/codec.js';
import { list } from '../netlink/list.js';
import { be32, be64, raw, string } from '../netlink/primitives.js';
import { nested, padding } from '../netlink/table.js';
import { expression } from './expressions/expression.js';
import { nfMessage } from './message.js';

/** NFTA_RULE_*. */
export const rule = nfMessage(
  'rule',
  attributes({
    table: [1, string],
    chain: [2, string],
    handle: [3, be64],
    /** NFTA_LIST_ELEM, again and again. */
    expressions: [4, nested(list(nested(expression), 1, 0))],
    /** NFTA_RULE_COMPAT_*, of iptables-nft. */
    compat: [5, nested(attributes({ proto: [1, be32], flags: [2, be32] }))],
    position: [6, be64],
    userdata: [7, raw],
    pad: [8, padding],
    id: [9, be32],
    positionId: [10, be32],
    chainId: [11, be32],
  }),
);
export type RuleMessage = Read<typeof rule>;
export type RuleBody = Write<typeof rule>;
