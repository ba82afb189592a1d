import { type Codec, MAX_PAYLOAD } from '../../netlink/codec.js';
import { NLA_F_NESTED } from '../../netlink/constants.js';
import { list } from '../../netlink/list.js';
import { nested } from '../../netlink/table.js';
import { lazy } from '../codecs.js';

/** An Expression inside an expression: a counter of each element, say. */
export type EmbeddedExpression = { type: string; [attribute: string]: unknown };

/** Filled in by expression.ts, which knows them all. */
const inner: { codec?: Codec<EmbeddedExpression> } = {};

export function provideExpression(codec: Codec<EmbeddedExpression>): void {
  inner.codec = codec;
}

export const embedded: Codec<EmbeddedExpression> = lazy(
  () => inner.codec as Codec<EmbeddedExpression>,
  MAX_PAYLOAD,
  NLA_F_NESTED,
);

export const embeddedList: Codec<EmbeddedExpression[], readonly EmbeddedExpression[]> = nested(
  list(embedded, 1, 0),
);
