// That the kernel does what the limits say, and that its events arrive.
import { setTimeout as sleep } from 'node:timers/promises';
import { Cgroup, type CgroupEvent } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { patience } from '../../fixtures/native/child.js';
import { able, groupOf, parkedIn, v2 } from './support.js';

const BUSY = '(while :; do :; done) & (while :; do :; done) & wait';
/** Fills so many MiB, a piece at a time. */
const fill = (mebibytes: number) =>
  `exec python3 -c 'import time\nx = [bytearray(1 << 20) for _ in range(${mebibytes})]\nprint(len(x), flush=True)\ntime.sleep(1000)'`;

/** Reads on until an event of each of these types has come, and tells all that came. */
async function until(
  events: AsyncIterableIterator<CgroupEvent>,
  ...types: CgroupEvent['type'][]
): Promise<CgroupEvent[]> {
  const wanted = new Set<string>(types);
  const seen: CgroupEvent[] = [];
  while (wanted.size > 0) {
    const { value, done } = await events.next();
    if (done) throw new Error(`ended without ${[...wanted].join(', ')}`);
    seen.push(value);
    wanted.delete(value.type);
  }
  return seen;
}

describe.runIf(able)('limits', () => {
  test('a tenth of a CPU for two busy loops', { timeout: patience(60_000) }, async () => {
    const cgroup = await groupOf({ cpu: { quota: 0.1 } });
    (await parkedIn(cgroup, BUSY)).go();
    await sleep(1000);
    const [before, began] = [await cgroup.stats(), performance.now()];
    await sleep(10_000);
    const [after, ended] = [await cgroup.stats(), performance.now()];
    const used = (Number(after.cpu?.usage) - Number(before.cpu?.usage)) / (ended - began);
    expect(used).toBeGreaterThan(0.08);
    expect(used).toBeLessThan(0.12);
    expect(after.cpu?.throttled).toBeGreaterThan(before.cpu?.throttled as number);
    expect(after.cpu?.throttledTime).toBeGreaterThan(before.cpu?.throttledTime as number);
    expect(after.cpu?.periods).toBeGreaterThanOrEqual(after.cpu?.throttled as number);
  });

  test('memory: who needs more than there is is killed, and the event arrives', async () => {
    const cgroup = await groupOf({ memory: { max: '48M' } });
    const events = cgroup.events();
    const child = (await parkedIn(cgroup, fill(200))).go();
    const seen = await until(events, 'oom', 'oomKill', 'empty');
    expect(await child.ended).toMatchObject({ signal: 'SIGKILL' });
    expect(seen).toContainEqual({ type: 'oomKill', count: 1 });
    const types = seen.map(({ type }) => type);
    expect(types.indexOf('oom')).toBeLessThan(types.indexOf('oomKill'));
    const { memory } = await cgroup.stats();
    expect(memory).toMatchObject({ oomKill: 1, maxEvents: expect.any(Number) });
    expect(memory?.maxEvents).toBeGreaterThan(0);
    expect(memory?.peak ?? 48 * 2 ** 20).toBeGreaterThan(40 * 2 ** 20);
    await events.return?.();
  });

  test('memory that fits is left alone, and counted', async () => {
    const cgroup = await groupOf({ memory: { max: '96M' } });
    const child = (await parkedIn(cgroup, fill(32))).go();
    expect(await child.next()).toBe(32);
    const { memory } = await cgroup.stats();
    expect(memory?.anonymous).toBeGreaterThan(32 * 2 ** 20);
    expect(memory).toMatchObject({ oomKill: 0 });
  });

  test('a fork bomb stops at the limit, and all of it is killed at once', async () => {
    const cgroup = await groupOf({ pids: { max: 30 } });
    const events = cgroup.events();
    await parkedIn(cgroup, 'exec 2>/dev/null; f() { f | f & sleep 1000; }; f').then((child) => child.go());
    expect(await until(events, 'max')).toContainEqual({
      type: 'max',
      controller: 'pids',
      count: expect.any(Number),
    });
    const { pids } = await cgroup.stats();
    expect(pids?.current).toBeLessThanOrEqual(30);
    expect(pids?.maxEvents).toBeGreaterThan(0);
    await cgroup.kill();
    expect(await cgroup.processes()).toEqual([]);
    await until(events, 'empty');
    await events.return?.();
  });

  test('on one CPU of several', async () => {
    const cgroup = await groupOf({ cpuset: { cpus: '0' } });
    const child = await parkedIn(cgroup, 'grep Cpus_allowed_list /proc/self/status | cut -f2');
    expect(await child.go().next()).toBe(0);
  });

  test('io by device, and back', async () => {
    const device = await blockDevice();
    const cgroup = await groupOf();
    if (device === undefined || !(await cgroup.controllers()).io) {
      // Nothing to limit: the limit is refused, and nothing changes.
      const devices = { '4095:1': { readOps: 1 } };
      await expect(cgroup.set({ io: { devices } })).rejects.toHaveProperty('code');
    }
    if (device === undefined) return;
    const limits = { readBytes: 2 ** 20, writeOps: 100 };
    await cgroup.set({ io: { devices: { [device]: limits } } });
    expect((await cgroup.limits()).io?.devices).toEqual({ [device]: limits });
    await cgroup.set({ io: { devices: { [device]: { readBytes: null } } } });
    expect((await cgroup.limits()).io?.devices).toEqual({ [device]: { writeOps: 100 } });
    await cgroup.set({ io: { devices: { [device]: { writeOps: null } } } });
    expect((await cgroup.limits()).io?.devices).toBeUndefined();
  });

  test.runIf(v2)('memory.high, low and swap, on v2', async () => {
    const memory = { max: 2 ** 27, high: 2 ** 26, low: 2 ** 20 };
    const cgroup = await groupOf({ memory });
    expect((await cgroup.limits()).memory).toEqual(memory);
    await cgroup.set({ memory: { high: null, low: null } });
    expect((await cgroup.limits()).memory).toEqual({ max: 2 ** 27 });
  });

  test.runIf(!v2)('memory.high is refused on v1, with nothing changed', async () => {
    const cgroup = await groupOf({ memory: { max: '64M' } });
    await expect(cgroup.set({ memory: { max: '32M', high: '16M' } })).rejects.toMatchObject({
      code: 'ERR_NSNET_UNSUPPORTED',
    });
    expect((await cgroup.limits()).memory).toEqual({ max: 2 ** 26 });
  });
});

async function blockDevice(): Promise<string | undefined> {
  const { readdirSync, readFileSync } = await import('node:fs');
  const [disk] = readdirSync('/sys/block').filter((name) => /^(vd|sd|nvme|loop)/.test(name));
  return disk === undefined ? undefined : readFileSync(`/sys/block/${disk}/dev`, 'utf8').trim();
}

describe.runIf(able)('events', () => {
  test('empty: when the last one ends, however short it was; each time', async () => {
    const cgroup = await groupOf();
    const events = cgroup.events();
    for (let i = 0; i < 3; i++) {
      const child = await parkedIn(cgroup, 'true');
      const next = events.next();
      child.go();
      expect(await next).toEqual({ done: false, value: { type: 'empty' } });
    }
    await events.return?.();
  });

  test('end quietly by break, close() and with the group, and with an AbortError by the signal', async () => {
    const cgroup = await groupOf();
    const abort = new AbortController();
    const all = [cgroup.events(), cgroup.events(), cgroup.events({ signal: abort.signal })];
    const ends = all.map((events) => events.next());
    const aborted = expect(ends[2]).rejects.toMatchObject({ name: 'AbortError' });
    abort.abort();
    await aborted;
    await all[0]?.return?.();
    expect(await ends[0]).toEqual({ done: true, value: undefined });
    await using again = await Cgroup.open(cgroup.name);
    await again.delete();
    expect(await ends[1]).toEqual({ done: true, value: undefined });
    const other = await groupOf();
    const last = other.events();
    const end = last.next();
    await other.close();
    expect(await end).toEqual({ done: true, value: undefined });
    expect(await last.next()).toEqual({ done: true, value: undefined });
  });

  test('to several readers all of them, to a slow one their number', async () => {
    const cgroup = await groupOf({ pids: { max: 1 } });
    const [one, two] = [cgroup.events(), cgroup.events()];
    await cgroup.stats();
    const child = await parkedIn(cgroup, 'for i in 1 2 3; do (:) 2>/dev/null || :; done; echo 1; sleep 1000');
    void child;
    await sleep(0);
    child.go();
    for (const events of [one, two]) {
      const [first] = await until(events, 'max');
      expect(first).toMatchObject({ type: 'max', controller: 'pids' });
      await events.return?.();
    }
  });
});
