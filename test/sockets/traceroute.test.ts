import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type Hop, type Netns, Scope, type TracerouteOptions } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runIn } from '../netns/support/inside.js';
import { cable, collect, FAR, sockets } from './cable.js';
import { at, type Chain, chain, silence } from './chain.js';

const scope = new Scope();
let all: Chain['all'];
let left: Netns;
let before: number;

beforeAll(async () => {
  ({ all, left } = await chain(scope));
  // The third router forwards, and says nothing itself.
  await silence(all[3] as Netns);
  await left.traceroute(at(5, 2).inet);
  before = sockets();
});

afterAll(async () => {
  expect(sockets()).toBe(before);
  await scope[Symbol.asyncDispose]();
});

const expired = (from: string) => ({ type: 'expired', from, rtt: expect.any(Number) });
const lost = { type: 'lost' };

describe.each(['inet', 'inet6'] as const)('%s', (family) => {
  const host = at(5, 2)[family];
  const router = (number: number) => at(number, 2)[family];

  const way = (queries: number): Hop[] => {
    const each = (probe: object) => Array.from({ length: queries }, () => probe) as Hop['probes'];
    const through = (hop: number) => ({
      hop,
      from: router(hop),
      probes: each(expired(router(hop))),
      reached: false,
    });
    const reply = { type: 'reply', from: host, rtt: expect.any(Number) };
    return [
      through(1),
      through(2),
      { hop: 3, probes: each(lost), reached: false },
      through(4),
      { hop: 5, from: host, probes: each(reply), reached: true },
    ];
  };

  test('each hop, in order, and the list', async () => {
    const run = left.traceroute(host, { timeout: 300 });
    expect(await collect(run)).toEqual(way(3));
    expect(await run).toEqual(way(3));
  });

  test('one request a hop, and ten', async () => {
    for (const queries of [1, 10]) {
      expect(await left.traceroute(host, { timeout: 300, queries })).toEqual(way(queries));
    }
  });

  test('from a later hop, up to an earlier one, with more data, from a source', async () => {
    const some = await left.traceroute(host, { firstHop: 2, maxHops: 4, timeout: 300, size: 1000 });
    expect(some).toEqual(way(3).slice(1, 4));
    const options: TracerouteOptions = { maxHops: 1, queries: 1, source: at(1, 1)[family] };
    expect(await left.traceroute(host, options)).toEqual(way(1).slice(0, 1));
    expect(await left.traceroute(host, { firstHop: 200, maxHops: 255, queries: 1 })).toMatchObject([
      { hop: 200, from: host, reached: true },
    ]);
  });

  test('nothing goes beyond the destination', async () => {
    // What arrives is what was sent with a TTL of at least 5, of at most 16 under way at once.
    const counter = async () => {
      const text = await runIn(all[5] as Netns, 'cat', '/proc/net/snmp', '/proc/net/snmp6');
      const ip6 = /Icmp6InEchos\s+(\d+)/.exec(text);
      if (family === 'inet6') return Number(ip6?.[1]);
      const [names, values] = text.split('\n').filter((line) => line.startsWith('Icmp:'));
      return Number(values?.split(' ')[names?.split(' ').indexOf('InEchos') ?? 0]);
    };
    const earlier = await counter();
    await left.traceroute(host, { timeout: 300, maxHops: 255 });
    expect((await counter()) - earlier).toBeLessThanOrEqual(19);
    expect((await counter()) - earlier).toBeGreaterThanOrEqual(3);
  });

  test('where a router says that it is unreachable, prohibited, or too big', async () => {
    const away = family === 'inet' ? '10.98.0.1' : 'fd98::1';
    const destination = family === 'inet' ? '10.98.0.0/24' : 'fd98::/64';
    for (const i of [0, 1]) {
      await (all[i] as Netns).routes.add({ destination, gateway: at(i + 1, 2)[family] });
    }
    const two = all[2] as Netns;
    const types = [
      ['unreachable', family === 'inet' ? 'host' : 'net', family === 'inet' ? '!H' : '!N'],
      ['prohibit', 'prohibited', '!X'],
    ] as const;
    for (const [type, reason, mark] of types) {
      await two.routes.add({ destination, type });
      const run = left.traceroute(away, { queries: 2 });
      const refused = { type: 'unreachable', from: router(2), rtt: expect.any(Number), reason };
      expect(await run).toEqual([
        way(2)[0],
        { hop: 2, from: router(2), probes: [refused, refused], reached: false, unreachable: reason },
      ]);
      const times = `  \\d+\\.\\d{3} ms ${mark}`.repeat(2);
      expect(await run.describe()).toMatch(new RegExp(`\n 2  ${router(2)}${times}$`));
      await two.routes.delete({ destination, type });
    }
    const link = await two.links.get('right');
    await link.set({ mtu: 1280 });
    const run = left.traceroute(host, { queries: 1, size: 1300 });
    const hops = await run;
    expect(hops).toHaveLength(3);
    expect(hops[2]).toMatchObject({
      unreachable: 'too big',
      probes: [{ type: 'unreachable', mtu: 1280, from: router(2) }],
    });
    expect(await run.describe()).toMatch(/ ms !F-1280$/);
    await link.set({ mtu: 1500 });
  });

  test('the text, and the same hops as traceroute(8)', async () => {
    const run = left.traceroute(host, { timeout: 300 });
    const text = await run.describe();
    const bytes = family === 'inet' ? 60 : 80;
    const times = '(  \\d+\\.\\d{3} ms){3}';
    expect(text.split('\n')).toEqual([
      `traceroute to ${host} (${host}), 30 hops max, ${bytes} byte packets`,
      expect.stringMatching(`^ 1  ${router(1)}${times}$`),
      expect.stringMatching(`^ 2  ${router(2)}${times}$`),
      ' 3  * * *',
      expect.stringMatching(`^ 4  ${router(4)}${times}$`),
      expect.stringMatching(`^ 5  ${host}${times}$`),
    ]);
    if (!['/usr/sbin', '/usr/bin', '/bin'].some((path) => existsSync(`${path}/traceroute`))) return;
    const args = ['-I', '-n', '-w', '1', family === 'inet' ? '-4' : '-6', host];
    const theirs = await runIn(left, 'traceroute', ...args);
    const bare = (all: string) =>
      all
        .trimEnd()
        .replace(/\d+\.\d{3} ms/g, '… ms')
        .split('\n');
    expect(bare(text)).toEqual(bare(theirs));
  });

  test('its own address', async () => {
    expect(await left.traceroute(at(1, 1)[family])).toMatchObject([{ hop: 1, reached: true }]);
  });
});

test('a host of the same address on this side hears nothing of it', async () => {
  await using own = new Scope();
  const { near: outer, far: decoy } = await cable(own);
  const { near } = await cable(own);
  const count = async () => (await runIn(decoy, 'cat', '/proc/net/snmp')).match(/^Icmp: \d.*/m)?.[0];
  await outer.ping(FAR.inet, { count: 1 });
  const earlier = await count();
  expect(await near.traceroute(FAR.inet)).toMatchObject([{ hop: 1, from: FAR.inet, reached: true }]);
  expect(await count()).toBe(earlier);
});

describe('however it ends, nothing is left', () => {
  const host = at(5, 2).inet;

  test('break: the list is of the hops until then', async () => {
    const run = left.traceroute(host, { timeout: 5000 });
    for await (const { hop } of run) if (hop === 2) break;
    expect((await run).map(({ hop }) => hop)).toEqual([1, 2]);
    expect(() => run[Symbol.asyncIterator]()).toThrow('can be read only once');
    expect(sockets()).toBe(before);
  });

  test.each([undefined, 0, 5, 50])('abort after %o ms', async (delay) => {
    const signal = delay === undefined ? AbortSignal.abort() : AbortSignal.timeout(delay);
    const run = left.traceroute(host, { timeout: 5000, signal });
    const [awaited, looped] = await Promise.allSettled([run, collect(run)]);
    for (const { status, reason } of [awaited, looped] as PromiseRejectedResult[]) {
      expect({ status, name: reason.name }).toEqual({ status: 'rejected', name: 'AbortError' });
    }
    expect(sockets()).toBe(before);
  });

  test('close() of the namespace', async () => {
    await using own = new Scope();
    const { near } = await cable(own);
    const hops = near.traceroute('192.168.7.9', { timeout: 5000 }).then((all) => all);
    await near.close();
    expect(await hops).toEqual([]);
    await expect(async () => near.traceroute(host)).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
  });

  test('no way there', async () => {
    await expect(left.traceroute('10.77.0.1')).rejects.toMatchObject({
      code: 'ENETUNREACH',
      subject: expect.stringContaining('traceroute to 10.77.0.1 from an unnamed netns'),
    });
  });

  test('a worker that is terminated', async () => {
    const program = fileURLToPath(new URL('programs/traceroute-worker.mjs', import.meta.url));
    for (const delay of [0, 3, 10]) {
      const worker = new Worker(program);
      await once(worker, 'message');
      await new Promise((resolve) => setTimeout(resolve, delay));
      await worker.terminate();
    }
  });
});

test('many at once, each its own', async () => {
  const hosts = [1, 2, 4, 5].map((network) => at(network, 2).inet);
  const runs = Array.from({ length: 24 }, (_, i) => hosts[i % 4] as string);
  const found = await Promise.all(runs.map((host) => left.traceroute(host, { timeout: 3000, queries: 1 })));
  expect(found.map((hops) => hops.at(-1)?.from)).toEqual(runs);
  expect(found.map((hops) => hops.length)).toEqual(runs.map((host) => Number(host.split('.')[1])));
});

const TYPE = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' };
const VALUE = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' };
const RANGE = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' };

test.each<[unknown, unknown, object]>([
  [1, {}, TYPE],
  ['10.1', {}, VALUE],
  ['fe80::1', {}, VALUE],
  ['127.0.0.1', null, TYPE],
  ['127.0.0.1', { hops: 3 }, VALUE],
  ['127.0.0.1', { firstHop: 0 }, RANGE],
  ['127.0.0.1', { firstHop: '1' }, TYPE],
  ['127.0.0.1', { maxHops: 256 }, RANGE],
  ['127.0.0.1', { maxHops: 3, firstHop: 4 }, RANGE],
  ['127.0.0.1', { queries: 0 }, RANGE],
  ['127.0.0.1', { queries: 11 }, RANGE],
  ['127.0.0.1', { timeout: 0 }, RANGE],
  ['127.0.0.1', { size: -1 }, RANGE],
  ['127.0.0.1', { source: '::1' }, VALUE],
  ['127.0.0.1', { family: 6 }, VALUE],
  ['127.0.0.1', { signal: 1 }, TYPE],
])('%o with %o is refused', (host, options, expected) => {
  expect(() => left.traceroute(host as string, options as TracerouteOptions)).toThrow(
    expect.objectContaining(expected),
  );
});
