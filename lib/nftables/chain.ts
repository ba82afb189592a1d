import { attributes } from '../netlink/attributes.js';
import type { Read, Write } from '../netlink/codec.js';
import { be32, be64, raw, sbe32, string } from '../netlink/primitives.js';
import { multi, nested, padding } from '../netlink/table.js';
import { bits } from './codecs.js';
import { CHAIN_FLAGS } from './constants.js';
import { nfMessage } from './message.js';

/** NFTA_DEVICE_NAME, one for each; younger kernels number some otherwise. */
export const devices = attributes({ name: [1, multi(string)] });

/** NFTA_HOOK_*. */
const hook = attributes({
  hook: [1, be32],
  priority: [2, sbe32],
  device: [3, string],
  devices: [4, nested(devices)],
});

/** NFTA_COUNTER_*. */
export const counters = attributes({ bytes: [1, be64], packets: [2, be64], pad: [3, padding] });

/** NFTA_CHAIN_*. */
export const chain = nfMessage(
  'chain',
  attributes({
    table: [1, string],
    handle: [2, be64],
    name: [3, string],
    hook: [4, nested(hook)],
    policy: [5, be32],
    use: [6, be32],
    type: [7, string],
    counters: [8, nested(counters)],
    pad: [9, padding],
    flags: [10, bits(be32, CHAIN_FLAGS)],
    id: [11, be32],
    userdata: [12, raw],
  }),
);
export type ChainMessage = Read<typeof chain>;
export type ChainBody = Write<typeof chain>;
