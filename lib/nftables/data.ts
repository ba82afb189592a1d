import { attributes } from '../netlink/attributes.js';
import type { Codec } from '../netlink/codec.js';
import { be32, raw, sbe32, string } from '../netlink/primitives.js';
import { nested } from '../netlink/table.js';
import { enumeration, mapped } from './codecs.js';

/** Where a packet goes: NF_* and NFT_*. */
export const VERDICTS = {
  drop: 0,
  accept: 1,
  stolen: 2,
  queue: 3,
  repeat: 4,
  continue: -1,
  break: -2,
  jump: -3,
  goto: -4,
  return: -5,
} as const;

const verdict = attributes({
  verdict: [1, enumeration(sbe32, VERDICTS)],
  chain: [2, string],
  /** Of a chain that is made in the same batch. */
  chainId: [3, be32],
});

/** Where a packet goes; `chain` of jump and goto. */
export interface Verdict {
  verdict: keyof typeof VERDICTS | number;
  chain?: string;
  chainId?: number;
}

const wire = attributes({ value: [1, raw], verdict: [2, nested(verdict)] });

/** What is put into a register, or compared with one: bytes, or a verdict. */
export const data: Codec<Uint8Array | Verdict> = nested(
  mapped(
    wire,
    (value: Uint8Array | Verdict) => (value instanceof Uint8Array ? { value } : { verdict: value }),
    ({ value, verdict }) => value ?? (verdict as Verdict | undefined),
  ),
);

/** The same where no verdict can be. */
export const value: Codec<Uint8Array> = nested(
  mapped(
    attributes({ value: [1, raw] }),
    (value: Uint8Array) => ({ value }),
    ({ value }) => value,
  ),
);
