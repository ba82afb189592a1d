// What the kernel sends is read whatever it is: unknown expressions and attributes survive, and noise never does more
// than EBADMSG.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Bytes } from '../../lib/netlink/bytes.js';
import { chain } from '../../lib/nftables/chain.js';
import { elements } from '../../lib/nftables/element.js';
import { type AnyExpression, expression } from '../../lib/nftables/expressions/expression.js';
import { flowtable } from '../../lib/nftables/flowtable.js';
import { generation } from '../../lib/nftables/generation.js';
import { object } from '../../lib/nftables/object.js';
import { rule } from '../../lib/nftables/rule.js';
import { set } from '../../lib/nftables/set.js';
import { table } from '../../lib/nftables/table.js';

const codecs = { table, chain, rule, set, elements, object, flowtable, generation };

function read(bytes: Uint8Array, codec: (typeof codecs)[keyof typeof codecs]): unknown {
  try {
    return codec.read(new Bytes(bytes), 0, bytes.length);
  } catch (error) {
    expect((error as { code: string }).code).toBe('EBADMSG');
    return undefined;
  }
}

function written(one: AnyExpression): Uint8Array {
  const bytes = Bytes.alloc(expression.size(one, 'expression'));
  expression.write(bytes, 0, one, 'expression');
  return bytes.array;
}

test.each(Object.entries(codecs))('noise as a %s', (_name, codec) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      read(bytes, codec);
    }),
    { numRuns: 2000 },
  );
});

test('a rule of which bytes were changed', () => {
  const body = {
    family: 1,
    attributes: {
      table: 't',
      chain: 'c',
      expressions: [
        { type: 'meta', key: 'iifname', dreg: 1 },
        { type: 'cmp', op: 'eq', sreg: 1, data: new Uint8Array([1, 2, 3, 4]) },
        {
          type: 'dynset',
          set: 's',
          op: 'add',
          sregKey: 1,
          expressions: [{ type: 'counter', bytes: 0, packets: 0 }],
        },
        { type: 'immediate', dreg: 0, data: { verdict: 'jump', chain: 'x' } },
      ] satisfies AnyExpression[],
    },
  };
  const whole = Bytes.alloc(rule.size(body as never));
  rule.write(whole, 0, body as never);
  expect(rule.read(whole, 0, whole.length).attributes).toEqual(body.attributes);
  const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const bytes = whole.array.slice();
      for (const [at, byte] of changes) bytes[at] = byte;
      read(bytes, rule);
    }),
    { numRuns: 5000 },
  );
});

test('an expression that nobody knows survives, byte for byte', () => {
  const unknown = { type: 'of-the-future', data: new Uint8Array([8, 0, 1, 0, 0, 0, 0, 7]) };
  const bytes = written(unknown);
  const again = expression.read(new Bytes(bytes), 0, bytes.length) as AnyExpression;
  expect(again).toEqual(unknown);
  expect(written(again)).toEqual(bytes);
});

test('an attribute that nobody knows survives in an expression that is known', () => {
  const known = {
    type: 'meta',
    key: 'mark',
    dreg: 1,
    unknown: [{ type: 99, value: new Uint8Array([1, 2, 3, 4]) }],
  } as AnyExpression;
  const bytes = written(known);
  expect(expression.read(new Bytes(bytes), 0, bytes.length)).toEqual(known);
});

test('a number without a name stays a number', () => {
  const one = { type: 'meta', key: 4242, dreg: 1 } as AnyExpression;
  const bytes = written(one);
  expect(expression.read(new Bytes(bytes), 0, bytes.length)).toEqual(one);
});
