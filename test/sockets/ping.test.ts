// @kernels
import { Netns, type NsnetError, type PingOptions, Scope, Veth } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scale } from '../support/scale.js';
import { type Cable, cable, collect, FAR, NEAR } from './cable.js';
import { type Came, Peer } from './peer.js';

const scope = new Scope();
let near: Netns;
let far: Netns;
let ends: Cable['ends'];

beforeAll(async () => {
  ({ near, far, ends } = await cable(scope));
});

afterAll(() => scope[Symbol.asyncDispose]());

/** What reached the other side of a run of one ping. */
async function arrived(options: PingOptions): Promise<Came> {
  const came: Came[] = [];
  await using _peer = await Peer.open(far, (one) => came.push(one));
  const { received } = await near.ping(FAR.inet, { count: 1, ...options });
  expect(received).toBe(1);
  expect(came).toHaveLength(1);
  return came[0] as Came;
}

describe.each(['inet', 'inet6'] as const)('%s', (family) => {
  test('each echo as it is answered, then the summary', async () => {
    const run = near.ping(FAR[family], { count: 3, interval: 10 });
    const echoes = await collect(run);
    expect(echoes).toEqual(
      [1, 2, 3].map((sequence) => ({
        sequence,
        type: 'reply',
        from: FAR[family],
        ttl: 64,
        bytes: 64,
        rtt: expect.any(Number),
      })),
    );
    const { rtt, ...counts } = await run;
    expect(counts).toEqual({ sent: 3, received: 3, lost: 0 });
    const times = echoes.map((echo) => (echo.type === 'reply' ? echo.rtt : Number.NaN));
    const avg = times.reduce((sum, time) => sum + time) / 3;
    expect(rtt?.min).toBe(Math.min(...times));
    expect(rtt?.max).toBe(Math.max(...times));
    expect(rtt?.avg).toBeCloseTo(avg, 9);
    const variance = times.reduce((sum, time) => sum + time * time, 0) / 3 - avg * avg;
    expect(rtt?.mdev).toBeCloseTo(Math.sqrt(variance), 6);
  });

  test('its own address, and its loopback', async () => {
    const loopback = family === 'inet' ? '127.0.0.1' : '::1';
    for (const address of [NEAR[family], loopback]) {
      expect(await near.ping(address, { count: 1 })).toMatchObject({ received: 1 });
    }
  });

  test('any spelling of the address', async () => {
    const spelling = family === 'inet' ? FAR.inet : 'FD07:0:0::0.0.0.2';
    const [echo] = await collect(near.ping(spelling, { count: 1 }));
    expect(echo).toMatchObject({ type: 'reply', from: FAR[family] });
  });

  test.each([0, 1, 7, 8, 1400, 1473, family === 'inet' ? 65_507 : 65_527])(
    '%i bytes of data',
    async (size) => {
      const echoes = await collect(near.ping(FAR[family], { count: 2, interval: 1, size }));
      expect(echoes).toMatchObject([
        { type: 'reply', bytes: size + 8 },
        { type: 'reply', bytes: size + 8 },
      ]);
    },
  );

  test('from a source of its own', async () => {
    const source = family === 'inet' ? '192.168.7.77' : 'fd07::77';
    await ends[0].addAddress(`${source}/${family === 'inet' ? 24 : 64}`);
    await ends[0].ready();
    const summary = await near.ping(FAR[family], { count: 1, source });
    expect(summary).toMatchObject({ sent: 1, received: 1 });
    if (family === 'inet') expect((await arrived({ source })).packet.slice(12, 16)).toEqual(ip(source));
  });
});

const ip = (address: string) => Uint8Array.from(address.split('.').map(Number));

test('four of 56 bytes a second apart, unless told otherwise', async () => {
  const began = performance.now();
  const lengths: number[] = [];
  await using _peer = await Peer.open(far, ({ message }) => lengths.push(message.length));
  expect(await near.ping(FAR.inet)).toMatchObject({ sent: 4, received: 4, lost: 0 });
  expect(lengths).toEqual([64, 64, 64, 64]);
  expect(performance.now() - began).toBeGreaterThan(2990);
});

test('the interval, from one request to the next', async () => {
  const times: number[] = [];
  await using _peer = await Peer.open(far, () => times.push(performance.now()));
  await near.ping(FAR.inet, { count: 5, interval: 60 });
  expect(times).toHaveLength(5);
  // The first may be heard late: of an emulated processor much later than it was sent.
  expect(times.at(-1)! - times[0]!).toBeGreaterThan(4 * 60 - (scale >= 1 ? 15 : 100));
  if (scale >= 1) expect(times.at(-1)! - times[0]!).toBeLessThan(4 * 60 + 150);
});

test('the TTL of what is sent', async () => {
  expect((await arrived({})).packet[8]).toBe(64);
  expect((await arrived({ ttl: 17 })).packet[8]).toBe(17);
});

test('random bytes lead the data, and no two runs share them', async () => {
  const [one, another] = [await arrived({}), await arrived({})];
  expect(one.message.slice(8, 16)).not.toEqual(another.message.slice(8, 16));
  expect(one.message.slice(16)).toEqual(another.message.slice(16));
});

describe('link-local', () => {
  let address: string;

  beforeAll(async () => {
    await Promise.all(ends.map((end) => end.ready()));
    const all = await far.addresses.list({ family: 'inet6' });
    address = all.find(({ scope }) => scope === 'link')!.address.split('/')[0]!;
  });

  test('by the name of its device, an alternative name, or its index', async () => {
    await ends[0].set({ altNames: ['the-cable-to-the-far-side'] });
    for (const zone of ['eth0', 'the-cable-to-the-far-side', ends[0].index]) {
      const host = `${address}%${zone}`;
      const [echo] = await collect(near.ping(host, { count: 1 }));
      expect(echo).toMatchObject({ type: 'reply', from: host });
    }
  });

  test('the device is looked up inside', async () => {
    const pair = await Veth.create(
      { netns: near, name: 'only-here', up: true },
      { netns: far, name: 'only-there', up: true },
    );
    await Promise.all([pair.a.ready(), pair.b.ready()]);
    await expect(near.ping(`${address}%only-there`, { count: 1 })).rejects.toMatchObject({
      code: 'ENODEV',
      subject: expect.stringContaining("'only-there'"),
    });
    expect(await near.ping(`${address}%only-here`, { count: 1, timeout: 50 })).toMatchObject({ lost: 1 });
  });

  test('of a new link: not before it is ready', async () => {
    await using own = new Scope();
    const [a, b] = await Promise.all([own.use(Netns.create()), own.use(Netns.create())]);
    const pair = await Veth.create({ netns: a, name: 'a', up: true }, { netns: b, name: 'b', up: true });
    await expect(a.ping('fe80::1%a')).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
      hint: expect.stringContaining('await link.ready()'),
    });
    await Promise.all([pair.a.ready(), pair.b.ready()]);
    const [{ address = '' } = {}] = await b.addresses.list({ device: 'b' });
    const [echo] = await collect(a.ping(`${address.split('/')[0]}%a`, { count: 1 }));
    expect(echo).toMatchObject({ type: 'reply' });
  });

  test('from a link-local source, of the same device if none is said', async () => {
    const own = (await near.addresses.list({ family: 'inet6', device: 'eth0' })).find(
      ({ scope }) => scope === 'link',
    )!;
    const source = own.address.split('/')[0]!;
    for (const from of [source, `${source}%eth0`]) {
      expect(await near.ping(`${address}%eth0`, { count: 1, source: from })).toMatchObject({ received: 1 });
    }
  });

  test('all nodes: the first that answers, others as duplicates', async () => {
    const echoes = await collect(near.ping('ff02::1%eth0', { count: 1, interval: 0 }));
    expect(echoes[0]).toMatchObject({ type: 'reply', sequence: 1 });
  });
});

describe('host names', () => {
  test('are looked up inside, by the family that is wanted', async () => {
    near.hosts.set('far.test', [FAR.inet, FAR.inet6]);
    for (const [options, from] of [
      [{ family: 4 }, FAR.inet],
      [{ family: 6 }, FAR.inet6],
      [{ source: NEAR.inet }, FAR.inet],
      [{ source: NEAR.inet6 }, FAR.inet6],
    ] as const) {
      const [echo] = await collect(near.ping('far.test', { count: 1, ...options }));
      expect(echo).toMatchObject({ type: 'reply', from });
      const [hop] = await near.traceroute('FAR.test.', options);
      expect(hop).toMatchObject({ reached: true, from });
    }
    expect(await near.ping('far.test', { count: 1 })).toMatchObject({ received: 1 });
    expect(await near.ping('localhost', { count: 1 })).toMatchObject({ received: 1 });
    const text = await near.traceroute('far.test', { family: 6 }).describe();
    expect(text).toMatch(
      `traceroute to far.test (${FAR.inet6}), 30 hops max, 80 byte packets\n 1  ${FAR.inet6}  `,
    );
  });

  test('that are not found, or have no address of that family', async () => {
    near.hosts.set('four.test', '10.99.0.1');
    for (const run of [near.ping('nobody.invalid'), near.traceroute('nobody.invalid')]) {
      await expect(run).rejects.toMatchObject({ code: 'ENOTFOUND', hostname: 'nobody.invalid' });
    }
    await expect(near.ping('four.test', { family: 6 })).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(near.ping('four.test')).rejects.toMatchObject({
      code: 'ENETUNREACH',
      subject: expect.stringContaining('ping of four.test (10.99.0.1) from'),
    });
  });

  test('are looked up when the run begins; aborted and closed meanwhile', async () => {
    const run = near.ping('later.test', { count: 1 });
    near.hosts.set('later.test', FAR.inet);
    expect(await run).toMatchObject({ received: 1 });
    const stop = new AbortController();
    const aborted = expect(near.ping('later.test', { signal: stop.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
    await Promise.resolve();
    stop.abort();
    await aborted;
    await using netns = await Netns.create();
    const closed = netns.ping('localhost').then((summary) => summary);
    await netns.close();
    expect(await closed).toEqual({ sent: 0, received: 0, lost: 0 });
  });
});

test('this process’s own namespace', async () => {
  await using here = await Netns.current();
  let outcome: unknown;
  try {
    outcome = (await here.ping('127.0.0.1', { count: 1 })).received;
  } catch (error) {
    outcome = (error as NsnetError).code;
  }
  // An ordinary user without CAP_NET_RAW may not, unless a sysctl of the machine's says so.
  expect([1, 'EPERM']).toContain(outcome);
});
