// What to do is said with what is refused.
import { readFileSync } from 'node:fs';
import { Cgroup } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { able, groupOf, newName } from './support.js';

/** Any hierarchy of v1. */
const legacy = /^[1-9]\d*:.*\b(cpu|memory|pids)\b/m.test(readFileSync('/proc/self/cgroup', 'utf8'));

describe.runIf(able)('the hint', () => {
  test('where there is one of that name, and where there is none', async () => {
    const cgroup = await groupOf();
    await expect(Cgroup.create(cgroup.name)).rejects.toMatchObject({
      code: 'EEXIST',
      hint: expect.stringContaining('Cgroup.open()'),
    });
    await expect(Cgroup.open(newName())).rejects.toMatchObject({
      code: 'ENOENT',
      hint: expect.stringContaining('Cgroup.create()'),
    });
  });

  test.each([
    ['cpus', 'cpu', 'CPUs'],
    ['mems', 'node', 'memory nodes'],
  ])('names the %s that there are', async (key, kind, words) => {
    const cgroup = await groupOf();
    const online = readFileSync(`/sys/devices/system/${kind}/online`, 'utf8').trim();
    await expect(cgroup.set({ cpuset: { [key]: '9999' } })).rejects.toMatchObject({
      code: 'ERANGE',
      hint: `There are the ${words} ${online}`,
    });
  });
});

test.runIf(!able && legacy)('an ordinary user is told that v1 is for root', async () => {
  await expect(Cgroup.create(newName(), { pids: { max: 5 } })).rejects.toMatchObject({
    code: 'EACCES',
    hint: expect.stringContaining('cgroup v1 is for root'),
  });
});
