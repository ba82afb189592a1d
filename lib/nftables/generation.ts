import { attributes } from '../netlink/attributes.js';
import type { Read } from '../netlink/codec.js';
import { be32, string } from '../netlink/primitives.js';
import { nfMessage } from './message.js';

/** NFTA_GEN_*: the ruleset's number, and who made it so. */
export const generation = nfMessage(
  'generation',
  attributes({ id: [1, be32], pid: [2, be32], program: [3, string] }),
);
export type GenerationMessage = Read<typeof generation>;

/** What begins and ends a batch, NFNL_BATCH_*: refused unless the ruleset is of this generation. */
export const batch = nfMessage('batch', attributes({ generation: [1, be32] }));
