import { describe, expect, test } from 'vitest';
import {
  checkBoolean,
  checkInteger,
  checkKeys,
  checkObject,
  checkSignal,
  checkString,
} from '../../lib/syscalls/validate.js';

const TYPE = 'ERR_INVALID_ARG_TYPE';
const VALUE = 'ERR_INVALID_ARG_VALUE';
const RANGE = 'ERR_OUT_OF_RANGE';

const odd = [
  undefined,
  null,
  1n,
  Symbol('s'),
  () => {},
  [],
  Object.create(null),
  new Proxy({}, {}),
  new Map(),
];

function refusal(check: () => void): Error & { code?: string } {
  try {
    check();
  } catch (error) {
    return error as Error;
  }
  throw new Error('it was accepted');
}

describe.each([
  ['a string', (value: unknown) => checkString('x', value), ['', 'ä'], [1, true, ...odd]],
  ['a boolean', (value: unknown) => checkBoolean('x', value), [true, false], [0, 'true', ...odd]],
  ['an integer', (value: unknown) => checkInteger('x', value, 0, 9), [0, 9, -0], ['1', true, ...odd]],
])('%s', (_, check, good, bad) => {
  test.each(good.map((value) => [value]))('is %o', (value) => {
    check(value);
  });

  test('and nothing else', () => {
    for (const value of bad) {
      const error = refusal(() => check(value));
      expect(error).toBeInstanceOf(TypeError);
      expect(error).toMatchObject({
        code: TYPE,
        message: expect.stringMatching(/^Expected .* for x but received/),
      });
    }
  });
});

test.each([10, -1, 0.5, Number.NaN, Infinity, 2 ** 53])('%d is out of range', (value) => {
  const error = refusal(() => checkInteger('x', value, 0, 9));
  expect(error).toBeInstanceOf(RangeError);
  expect(error).toMatchObject({
    code: RANGE,
    message: `Expected an integer from 0 to 9 for x but received ${value}`,
  });
});

test('a string may not have NUL bytes, and a long one is not quoted in full', () => {
  expect(refusal(() => checkString('x', 'a\0'))).toMatchObject({ code: VALUE });
  expect(refusal(() => checkString('x', `${'a'.repeat(1e6)}\0`)).message.length).toBeLessThan(200);
});

test('an object is no array, and has no keys that are not known', () => {
  checkObject('x', {});
  checkKeys('x', { a: 1 }, ['a', 'b']);
  expect(refusal(() => checkObject('x', []))).toMatchObject({ code: TYPE });
  expect(refusal(() => checkKeys('x', { c: 1 }, ['a', 'b']))).toMatchObject({ code: VALUE });
});

const elsewhere = {
  mounts: [
    ['root', 'elsewhere.'],
    ['mnt', "use 'mnt' here."],
  ],
} as const;

test.each<[string, string[], string]>([
  ['uper', ['lower', 'upper'], "Unknown key 'uper' in x: did you mean 'upper'? Known: lower, upper"],
  ['uppre', ['lower', 'upper'], "did you mean 'upper'?"],
  ['readOnly', ['source', 'readonly'], "did you mean 'readonly'?"],
  ['targetts', ['target', 'targets'], "did you mean 'targets'?"],
  ['home', ['mode', 'size'], "Unknown key 'home' in x. Known: mode, size"],
  ['toString', ['signal'], "Unknown key 'toString' in x. Known: signal"],
  ['a', [], "Unknown key 'a' in x. Known: "],
  ['timeout', ['signal'], 'use signal: AbortSignal.timeout(ms). Known'],
  ['timeout', ['size'], "Unknown key 'timeout' in x. Known"],
  ['hostname', ['host', 'port'], "did you mean 'host'?"],
  ['port', ['bind', 'reuseAddr'], 'use bind: { host, port }.'],
  ['via', ['destination', 'gateway'], "did you mean 'gateway'?"],
  ['mounts', ['net', 'mnt'], "use 'mnt' here."],
])('an unknown %s where there are %j', (key, known, message) => {
  expect(refusal(() => checkKeys('x', { [key]: 1 }, known, elsewhere))).toMatchObject({
    code: VALUE,
    message: expect.stringContaining(message),
  });
});

test('a signal', () => {
  checkSignal(undefined);
  checkSignal(AbortSignal.abort());
  for (const value of [null, 'abort', {}, new EventTarget()])
    expect(refusal(() => checkSignal(value))).toMatchObject({ code: TYPE });
});
