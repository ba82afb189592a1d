import { type Echo, Netns, Scope } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cable, collect, connect, FAR, NEAR } from './cable.js';

const scope = new Scope();
afterAll(() => scope[Symbol.asyncDispose]());

const WAY = {
  inet: { host: '10.3.0.2', routers: ['10.1.0.1', '10.2.0.2'], away: '10.9.0.1', prefix: '10.9.0.0/24' },
  inet6: { host: 'fd03::2', routers: ['fd01::1', 'fd02::2'], away: 'fd09::1', prefix: 'fd09::/64' },
} as const;

/** A host, two routers, a host. */
describe.each(['inet', 'inet6'] as const)('%s through two routers', (family) => {
  const { host, routers, away, prefix } = WAY[family];
  const at = (network: number, host: number) => ({
    inet: `10.${network}.0.${host}`,
    inet6: `fd0${network}::${host}`,
  });
  let all: [Netns, Netns, Netns, Netns];

  beforeAll(async () => {
    const make = () => scope.use(Netns.create());
    all = await Promise.all([make(), make(), make(), make()]);
    const [left, one, two, right] = all;
    for (const router of [one, two]) {
      await router.sysctl('net.ipv4.ip_forward', true);
      await router.sysctl('net.ipv6.conf.all.forwarding', true);
      await router.sysctl('net.ipv4.icmp_ratemask', 0);
      await router.sysctl('net.ipv6.icmp.ratelimit', 0);
    }
    await connect(left, at(1, 2), one, at(1, 1), ['eth0', 'left']);
    await connect(one, at(2, 1), two, at(2, 2), ['right', 'left']);
    await connect(two, at(3, 1), right, at(3, 2), ['right', 'eth0']);
    const via = (gateway: string) => ({ destination: 'default', gateway });
    await left.routes.add(via(at(1, 1)[family]));
    await one.routes.add(via(at(2, 2)[family]));
    await two.routes.add(via(at(2, 1)[family]));
    await right.routes.add(via(at(3, 1)[family]));
  });

  test('two from the TTL of a reply', async () => {
    const [echo] = await collect(all[0].ping(host, { count: 1, timeout: 5000 }));
    expect(echo).toMatchObject({ type: 'reply', from: host, ttl: 62 });
  });

  test.each([1, 2])('expired at router %i', async (ttl) => {
    const run = all[0].ping(host, { count: 2, interval: 10, ttl, size: ttl === 1 ? 56 : 0 });
    const from = routers[ttl - 1];
    expect(await collect(run)).toEqual([
      { sequence: 1, type: 'expired', from },
      { sequence: 2, type: 'expired', from },
    ]);
    expect(await run).toEqual({ sent: 2, received: 0, lost: 2 });
  });

  test('a TTL that just suffices', async () => {
    expect(await all[0].ping(host, { count: 1, ttl: 3 })).toMatchObject({ received: 1 });
  });

  test('unreachable, says the router that has no way there', async () => {
    await all[1].routes.add({ destination: prefix, type: 'unreachable' });
    const [echo] = await collect(all[0].ping(away, { count: 1 }));
    const reason = family === 'inet' ? 'host' : 'net';
    expect(echo).toEqual({ sequence: 1, type: 'unreachable', from: routers[0], reason });
    await all[1].routes.delete({ destination: prefix, type: 'unreachable' });
  });

  test('prohibited, says the router that may not let it through', async () => {
    await all[1].routes.add({ destination: prefix, type: 'prohibit' });
    const [echo] = await collect(all[0].ping(away, { count: 1 }));
    expect(echo).toEqual({ sequence: 1, type: 'unreachable', from: routers[0], reason: 'prohibited' });
    await all[1].routes.delete({ destination: prefix, type: 'prohibit' });
  });

  test('lost, where a router drops it without a word', async () => {
    await all[1].routes.add({ destination: prefix, type: 'blackhole' });
    const run = all[0].ping(away, { count: 2, interval: 10, timeout: 100 });
    expect(await collect(run)).toEqual([
      { sequence: 1, type: 'lost' },
      { sequence: 2, type: 'lost' },
    ]);
    expect(await run).toEqual({ sent: 2, received: 0, lost: 2 });
    await all[1].routes.delete({ destination: prefix, type: 'blackhole' });
  });

  test('a packet too big for a link on the way', async () => {
    const links = await Promise.all([all[1].links.get('right'), all[2].links.get('left')]);
    await Promise.all(links.map((link) => link.set({ mtu: 1300 })));
    const echoes = await collect(all[0].ping(host, { count: 4, interval: 50, size: 1400 }));
    const tooBig = { type: 'unreachable', reason: 'too big', mtu: 1300 };
    expect(echoes[0]).toEqual({ sequence: 1, from: routers[0], ...tooBig });
    // By now either side has learned the MTU of the way, and sends fragments.
    expect(echoes).toContainEqual(expect.objectContaining({ sequence: 4, type: 'reply', bytes: 1408 }));

    const local = { ...tooBig, from: family === 'inet' ? '0.0.0.0' : '::' };
    const options = { count: 2, interval: 10, dontFragment: true };
    const run = all[0].ping(host, { ...options, size: 1400 });
    expect(await collect(run)).toEqual([
      { sequence: 1, ...local },
      { sequence: 2, ...local },
    ]);
    expect(await run).toEqual({ sent: 2, received: 0, lost: 2 });
    const headers = family === 'inet' ? 28 : 48;
    expect(await all[0].ping(host, { ...options, size: 1300 - headers })).toMatchObject({ received: 2 });
    expect(await all[0].ping(host, { ...options, size: 1301 - headers })).toMatchObject({ lost: 2 });
  });

  test('without fragments: a router says what is too big, then the kernel has learned it', async () => {
    const links = await Promise.all([all[1].links.get('right'), all[2].links.get('left')]);
    await Promise.all(links.map((link) => link.set({ mtu: 1290 })));
    const options = { count: 3, interval: 30, size: family === 'inet' ? 1270 : 1250, dontFragment: true };
    const [first, ...rest] = await collect(all[0].ping(host, options));
    const tooBig = { type: 'unreachable', reason: 'too big', mtu: 1290 };
    expect(first).toEqual({ sequence: 1, from: routers[0], ...tooBig });
    const from = family === 'inet' ? '0.0.0.0' : '::';
    expect(rest).toEqual([2, 3].map((sequence) => ({ sequence, from, ...tooBig })));
  });
});

describe('on one link', () => {
  let near: Netns;
  let far: Netns;

  beforeAll(async () => {
    ({ near, far } = await cable(scope));
  });

  test.each(['192.168.7.9', 'fd07::9'])(
    '%s, which nobody has: lost, or in time unreachable',
    async (host) => {
      expect(await collect(near.ping(host, { count: 1, timeout: 200 }))).toEqual([
        { sequence: 1, type: 'lost' },
      ]);
      const from = host.includes(':') ? NEAR.inet6 : NEAR.inet;
      const [echo] = await collect(near.ping(host, { count: 1, timeout: 20_000 }));
      expect(echo).toEqual({ sequence: 1, type: 'unreachable', from, reason: 'host' });
    },
  );

  test.each([
    ['unreachable', 'EHOSTUNREACH'],
    ['prohibit', 'EACCES'],
    ['blackhole', 'EINVAL'],
    ['throw', 'ENETUNREACH'],
  ])('a route of type %s of its own: %s', async (type, code) => {
    for (const [destination, host] of [
      ['10.44.0.0/24', '10.44.0.1'],
      ['fd44::/64', 'fd44::1'],
    ] as const) {
      await near.routes.add({ destination, type });
      const run = near.ping(host);
      const expected = {
        name: 'NsnetError',
        code,
        syscall: 'sendto',
        subject: expect.stringContaining(host),
      };
      await expect(run).rejects.toMatchObject({ ...expected, hint: expect.any(String) });
      await expect(collect(run)).rejects.toMatchObject(expected);
      await near.routes.delete({ destination, type });
    }
  });

  test('no route at all: who, where from, and what to look at', async () => {
    await using lost = await Netns.create({ name: `lost-${process.pid}` });
    await expect(lost.ping('10.55.0.1')).rejects.toThrow(
      `ENETUNREACH: network is unreachable, sendto (ping of 10.55.0.1 from netns '${lost.name}'). There is no route to it`,
    );
  });

  test('a way that goes away meanwhile, and comes back', async () => {
    await near.routes.add({ destination: '10.66.0.0/24', gateway: FAR.inet });
    await far.addresses.add({ device: 'lo', address: '10.66.0.1/32' });
    const echoes: Echo[] = [];
    for await (const echo of near.ping('10.66.0.1', { count: Number.POSITIVE_INFINITY, interval: 20 })) {
      if (echoes.push(echo) === 2) await near.routes.delete({ destination: '10.66.0.0/24' });
      if (echoes.length === 4) await near.routes.add({ destination: '10.66.0.0/24', gateway: FAR.inet });
      if (echoes.length > 4 && echo.type === 'reply') break;
    }
    expect(echoes.slice(0, 2)).toMatchObject([{ type: 'reply' }, { type: 'reply' }]);
    expect(echoes).toContainEqual({
      sequence: 4,
      type: 'unreachable',
      from: '0.0.0.0',
      reason: 'net',
    });
    expect(echoes.at(-1)).toMatchObject({ type: 'reply', from: '10.66.0.1' });
  });

  test.each(['inet', 'inet6'] as const)('%s: too big for the link, without fragments', async (family) => {
    const headers = family === 'inet' ? 28 : 48;
    const options = { count: 1, dontFragment: true };
    expect(await near.ping(FAR[family], { ...options, size: 1500 - headers })).toMatchObject({ received: 1 });
    for (const source of [undefined, NEAR[family]]) {
      const run = near.ping(FAR[family], { ...options, size: 1501 - headers, source });
      const from = family === 'inet' ? '0.0.0.0' : '::';
      expect(await collect(run)).toEqual([
        { sequence: 1, type: 'unreachable', from, reason: 'too big', mtu: 1500 },
      ]);
    }
    expect(await near.ping(FAR[family], { count: 1, size: 1501 - headers })).toMatchObject({ received: 1 });
  });

  test('a broadcast address is refused', async () => {
    await expect(near.ping('192.168.7.255')).rejects.toMatchObject({
      code: 'EACCES',
      hint: expect.stringContaining('broadcast'),
    });
  });

  test('a source that the namespace does not have', async () => {
    await expect(near.ping(FAR.inet, { source: '192.168.7.99' })).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
      syscall: 'bind',
      hint: expect.stringContaining('192.168.7.99'),
    });
  });
});
