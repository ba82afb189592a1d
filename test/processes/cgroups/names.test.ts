// Bad input: refused as Node's own APIs refuse it, and nothing is made.
import { Cgroup, type Limits } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { able, foundBelow, groupOf } from './support.js';

const type = { code: 'ERR_INVALID_ARG_TYPE', name: 'TypeError' };
const value = { code: 'ERR_INVALID_ARG_VALUE', name: 'TypeError' };
const range = { code: 'ERR_OUT_OF_RANGE', name: 'RangeError' };

const names = [
  '',
  '/',
  '.',
  '..',
  '../x',
  'a/../b',
  'a//b',
  '/a',
  'a/',
  'a\0b',
  'a\nb',
  '.self',
  '-x',
  'a b',
];
const files = ['cgroup.procs', 'memory.max', 'memory.anything', 'cpu.x', 'pids.max', 'tasks', 'a/io.max'];

test.each([...names, ...files, 'x'.repeat(256), Array(17).fill('a').join('/')])(
  'the name %j',
  async (name) => {
    const before = foundBelow();
    await expect(Cgroup.create(name)).rejects.toMatchObject(value);
    await expect(Cgroup.open(name)).rejects.toMatchObject(value);
    expect(foundBelow()).toEqual(before);
  },
);

test.each([undefined, null, 1, {}, ['a']])('the name %j', async (name) => {
  await expect(Cgroup.create(name as string)).rejects.toMatchObject(type);
  await expect(Cgroup.open(name as string)).rejects.toMatchObject(type);
});

const limits: [unknown, object][] = [
  [null, type],
  ['64M', type],
  [{ cpus: 1 }, value],
  [{ cpu: 1 }, type],
  [{ cpu: { cores: 1 } }, value],
  [{ cpu: { quota: '1' } }, type],
  [{ cpu: { quota: 0 } }, range],
  [{ cpu: { quota: -1 } }, range],
  [{ cpu: { quota: Number.NaN } }, range],
  [{ cpu: { quota: 0.001 } }, range],
  [{ cpu: { quota: 0.05, period: 10 } }, range],
  [{ cpu: { period: 0 } }, range],
  [{ cpu: { period: 1001 } }, range],
  [{ cpu: { weight: 0 } }, range],
  [{ cpu: { weight: 10_001 } }, range],
  [{ cpu: { weight: 1.5 } }, range],
  [{ cpuset: { cpus: 0 } }, type],
  [{ cpuset: { cpus: '' } }, value],
  [{ cpuset: { cpus: '0;1' } }, value],
  [{ memory: { max: '64MB' } }, value],
  [{ memory: { max: 0 } }, range],
  [{ memory: { max: -1 } }, range],
  [{ memory: { max: {} } }, type],
  [{ memory: { swap: -1 } }, range],
  [{ pids: { max: 'max' } }, type],
  [{ pids: { max: -1 } }, range],
  [{ io: { devices: { sda: {} } } }, value],
  [{ io: { devices: { '8:0': { readBytes: '1x' } } } }, value],
  [{ io: { devices: { '8:0': { readOps: 0 } } } }, range],
  [{ io: { devices: { '8:0': { reads: 1 } } } }, value],
];

test.each(limits)('the limits %j', async (given, refused) => {
  const before = foundBelow();
  await expect(Cgroup.create('refused', given as Limits)).rejects.toMatchObject(refused);
  expect(foundBelow()).toEqual(before);
});

test('other options than a signal', async () => {
  await expect(Cgroup.create('x', {}, { signal: 1 } as never)).rejects.toMatchObject(type);
  await expect(Cgroup.create('x', {}, { force: true } as never)).rejects.toMatchObject(value);
  await expect(Cgroup.open('x', { force: true } as never)).rejects.toMatchObject(value);
  await expect(Cgroup.gc({ force: true } as never)).rejects.toMatchObject(value);
});

test('objects are made by create() and open()', () => {
  expect(() => new (Cgroup as unknown as new () => unknown)()).toThrow(
    expect.objectContaining({ code: 'ERR_ILLEGAL_CONSTRUCTOR' }),
  );
});

describe.runIf(able)('of an object', () => {
  test('limits and pids', async () => {
    const cgroup = await groupOf({ pids: { max: 5 } });
    const before = await cgroup.limits();
    for (const [given, refused] of limits)
      await expect(cgroup.set(given as Limits)).rejects.toMatchObject(refused);
    for (const pid of [0, -1, 1.5, 2 ** 23]) await expect(cgroup.add(pid)).rejects.toMatchObject(range);
    for (const pid of ['1', null, {}]) await expect(cgroup.add(pid as never)).rejects.toMatchObject(type);
    expect(await cgroup.limits()).toEqual(before);
    expect(await cgroup.processes()).toEqual([]);
  });
});
