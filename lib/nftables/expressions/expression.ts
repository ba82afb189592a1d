import { attributes } from '../../netlink/attributes.js';
import type { AnyCodec, Codec, Flat, Read } from '../../netlink/codec.js';
import { string } from '../../netlink/primitives.js';
import { nested, select } from '../../netlink/table.js';
import { checkObject, checkString, invalidType } from '../../syscalls/validate.js';
import { mapped } from '../codecs.js';
import { type EmbeddedExpression, provideExpression } from './embedded.js';
import * as load from './load.js';
import * as statistics from './statistics.js';
import * as target from './target.js';
import * as test from './test.js';

/** By their names in the kernel. */
const tables = {
  meta: load.meta,
  payload: load.payload,
  exthdr: load.exthdr,
  ct: load.ct,
  fib: load.fib,
  socket: load.socket,
  rt: load.rt,
  numgen: load.numgen,
  hash: load.hash,
  xfrm: load.xfrm,
  osf: load.osf,
  tunnel: load.tunnel,
  cmp: test.cmp,
  range: test.range,
  bitwise: test.bitwise,
  byteorder: test.byteorder,
  immediate: test.immediate,
  lookup: test.lookup,
  objref: test.objref,
  dynset: test.dynset,
  counter: statistics.counter,
  limit: statistics.limit,
  quota: statistics.quota,
  connlimit: statistics.connlimit,
  last: statistics.last,
  nat: target.nat,
  masq: target.masq,
  redir: target.redir,
  tproxy: target.tproxy,
  log: target.log,
  reject: target.reject,
  queue: target.queue,
  notrack: target.notrack,
  dup: target.dup,
  fwd: target.fwd,
  synproxy: target.synproxy,
  flow_offload: target.flowOffload,
  match: target.match,
  target: target.target,
} as const;

type Tables = typeof tables;

/** One that nsnet does not know, kept as it came. */
export type UnknownExpression = { type: string & {}; data?: Uint8Array };

/** One expression of a rule. `type` is its name in the kernel; the rest are its attributes, each of which may be absent. */
export type KnownExpression = { [K in keyof Tables]: Flat<{ type: K } & Read<Tables[K]>> }[keyof Tables];
export type AnyExpression = KnownExpression | UnknownExpression;
export type ExpressionOf<K extends keyof Tables> = Flat<{ type: K } & Read<Tables[K]>>;

const cases = Object.fromEntries(
  Object.entries(tables).map(([name, table]) => [name, nested(table as AnyCodec)]),
) as Record<string, AnyCodec>;

const wire = attributes({ name: [1, string], data: [2, select('name', cases)] });

function toWire(value: AnyExpression, name: string) {
  checkObject(name, value);
  const { type, ...rest } = value;
  checkString(`${name}.type`, type);
  // The kernel tells these flags of an option that is written, and refuses them.
  const { sreg, flags } = rest as { sreg?: number; flags?: unknown[] };
  if (type === 'exthdr' && sreg !== undefined && flags?.length === 0)
    return { name: type, data: { ...rest, flags: undefined } };
  if (Object.hasOwn(tables, type)) return { name: type, data: rest };
  const { data } = rest as UnknownExpression;
  if (data !== undefined && !(data instanceof Uint8Array))
    throw invalidType(`${name}.data`, 'a Uint8Array', data);
  return data === undefined ? { name: type } : { name: type, data };
}

/** The codec of one expression. */
export const expression: Codec<AnyExpression> = mapped(
  wire,
  toWire,
  ({ name, data }): AnyExpression | undefined => {
    if (name === undefined) return undefined;
    if (data instanceof Uint8Array) return { type: name, data };
    return { type: name, ...(data as object | undefined) } as AnyExpression;
  },
);

provideExpression(expression as Codec<EmbeddedExpression>);
