import { Netns, type PingOptions, Scope } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sockets } from './cable.js';

const scope = new Scope();
let netns: Netns;
let before: number;

beforeAll(async () => {
  netns = await scope.use(Netns.create());
  before = sockets();
});

afterAll(async () => {
  expect(sockets()).toBe(before);
  await scope[Symbol.asyncDispose]();
});

function refusal(host: unknown, options?: unknown): unknown {
  try {
    netns.ping(host as string, options as PingOptions);
  } catch (error) {
    return error;
  }
  throw new Error('it was taken');
}

const TYPE = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' };
const VALUE = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' };
const RANGE = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' };

describe('the host', () => {
  test.each([undefined, null, 1, 127n, {}, ['127.0.0.1']])('%o', (host) => {
    expect(refusal(host)).toMatchObject({ ...TYPE, message: expect.stringContaining('host') });
  });

  test.each([
    '',
    'a b',
    'exa/mple.org',
    '-example.org',
    '.',
    'example..org',
    'example.42',
    `${'a'.repeat(64)}.org`,
    '2130706433',
    '127.1',
    '127.0.0.01',
    '127.0.0.256',
    '127.0.0.1/8',
    ' 127.0.0.1',
    '127.0.0.1\0',
    '::1::',
    '[::1]',
    '::1/128',
    'fd00::g',
  ])('%j', (host) => {
    expect(refusal(host)).toMatchObject(VALUE);
  });

  test.each(['fe80::1', 'ff02::1', 'ff01::1'])('%s means nothing without a device', (host) => {
    expect(refusal(host)).toMatchObject({ ...VALUE, message: expect.stringContaining(`${host}%eth0`) });
  });

  test.each(['127.0.0.1%lo', 'fd00::1%lo', 'fe80::1%', 'ff0e::1%lo'])('%s has no device', (host) => {
    expect(refusal(host)).toMatchObject(VALUE);
  });
});

test.each<[object, object]>([
  [{ count: '4' }, TYPE],
  [{ count: 0 }, RANGE],
  [{ count: 1.5 }, RANGE],
  [{ count: Number.NaN }, RANGE],
  [{ count: Number.NEGATIVE_INFINITY }, RANGE],
  [{ interval: '1' }, TYPE],
  [{ interval: -1 }, RANGE],
  [{ interval: Number.NaN }, RANGE],
  [{ interval: Number.POSITIVE_INFINITY }, RANGE],
  [{ interval: 2 ** 31 }, RANGE],
  [{ timeout: null }, TYPE],
  [{ timeout: 0 }, RANGE],
  [{ timeout: 2 ** 31 }, RANGE],
  [{ size: '56' }, TYPE],
  [{ size: -1 }, RANGE],
  [{ size: 1.5 }, RANGE],
  [{ size: 65_508 }, RANGE],
  [{ ttl: 0 }, RANGE],
  [{ ttl: 256 }, RANGE],
  [{ ttl: '64' }, TYPE],
  [{ source: 1 }, TYPE],
  [{ source: 'lo' }, VALUE],
  [{ source: '::1' }, VALUE],
  [{ family: '4' }, TYPE],
  [{ family: 5 }, VALUE],
  [{ family: 6 }, VALUE],
  [{ dontFragment: 1 }, TYPE],
  [{ signal: {} }, TYPE],
  [{ packets: 4 }, VALUE],
  [[], TYPE],
])('options %o', (options, expected) => {
  expect(refusal('127.0.0.1', options)).toMatchObject(expected);
});

test.each([
  ['a', null, TYPE],
  ['a', 4, TYPE],
])('options that are no object', (_, options, expected) => {
  expect(refusal('127.0.0.1', options)).toMatchObject(expected);
});

test('IPv6 takes twenty bytes more, and a link-local source with a device', () => {
  expect(refusal('::1', { size: 65_528 })).toMatchObject(RANGE);
  expect(refusal('::1', { source: 'fe80::1' })).toMatchObject(VALUE);
  expect(refusal('::1', { source: '127.0.0.1' })).toMatchObject(VALUE);
  netns.ping('::1', { size: 65_527, source: 'fe80::1%lo' });
  netns.ping('fe80::2%lo', { source: 'fe80::1' });
});

test('a name: its family is said, or that of the source', () => {
  expect(refusal('example.org', { family: 6, source: '127.0.0.1' })).toMatchObject(VALUE);
  expect(refusal('example.org', { source: 'fe80::1' })).toMatchObject(VALUE);
  expect(refusal('example.org', { size: 65_508 })).toMatchObject(RANGE);
  for (const options of [{ family: 6, size: 65_527 }, { source: '::1', size: 65_527 }, {}] as const) {
    netns.ping('example.org', options);
  }
  for (const host of ['localhost', 'Bücher.example', 'a_b', 'x.example.org.', 'a1']) netns.ping(host);
});

test('undefined is as if it was not given', async () => {
  const options = { count: 1, interval: undefined, timeout: undefined, size: undefined, ttl: undefined };
  expect(await netns.ping('127.0.0.1', { ...options, source: undefined, signal: undefined })).toMatchObject({
    received: 1,
  });
});

test('a device that is not there', async () => {
  await expect(netns.ping('fe80::1%nowhere')).rejects.toMatchObject({ code: 'ENODEV' });
  await expect(netns.ping('fe80::1%4711')).rejects.toMatchObject({ code: 'ENODEV' });
  await expect(netns.ping('::1', { source: 'fe80::1%nowhere' })).rejects.toMatchObject({ code: 'ENODEV' });
});
