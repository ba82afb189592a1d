// What is connected to networks: devices, addresses, routes, names, and how it is taken off again.
import { type Endpoint, Netns, Network, type NsnetError, Scope } from 'nsnet';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ipIn, shellIn } from '../netns/support/inside.js';
import { failure } from '../sockets/streams.js';
import { scaled } from '../support/scale.js';
import { containers, expectSeen, hostOnLan, LAN, type Seen, seen } from './hosts.js';

const scope = new Scope();
let host: Netns;
let one: Netns;
let two: Netns;
let network: Network;
let before: Seen;
let bare: Seen;

beforeAll(async () => {
  ({ host } = await hostOnLan(scope));
  [one, two] = (await containers(scope, 2)) as [Netns, Netns];
  const subnets = { subnet: '10.1.0.0/16', subnet6: 'fd00:1::/64' };
  network = await scope.use(Network.create({ netns: host, name: 'mynet', ...subnets }));
});
afterAll(() => scope[Symbol.asyncDispose]());
beforeEach(async () => {
  [before, bare] = await Promise.all([seen(host), seen(one)]);
});
afterEach(async () => {
  await expectSeen(host, before, 'the host');
  await expectSeen(one, bare, 'the container');
});

describe('connect', () => {
  test('gives a device with addresses, default routes and a name', async () => {
    const endpoint = await network.connect(one, { name: 'web', aliases: ['www', 'http', 'www'] });
    expect(endpoint).toMatchObject({
      network: 'mynet',
      name: 'web',
      aliases: ['www', 'http'],
      address: '10.1.0.2',
      address6: 'fd00:1::2',
      gateway: '10.1.0.1',
      gateway6: 'fd00:1::1',
      published: [],
      owned: true,
      closed: false,
      resolvConf: 'nameserver 127.0.0.11\n',
      hosts: '10.1.0.2\tweb www http\nfd00:1::2\tweb www http\n',
    });
    expect(endpoint.netns.id).toBe(one.id);
    expect(endpoint.link.name).toBe('eth0');
    expect(String(endpoint)).toBe("Endpoint { network: 'mynet', name: 'web', 10.1.0.2, fd00:1::2 }");
    const [eth0] = await ipIn(one, 'address', 'show', 'dev', 'eth0');
    expect(eth0).toMatchObject({ mtu: 1500, address: '02:42:0a:01:00:02', operstate: 'UP' });
    expect(eth0?.addr_info).toMatchObject([
      { local: '10.1.0.2', prefixlen: 16 },
      { local: 'fd00:1::2', prefixlen: 64 },
      { scope: 'link' },
    ]);
    // Usable at once.
    expect(eth0?.addr_info[1]).not.toHaveProperty('tentative');
    const routes = [...(await ipIn(one, 'route')), ...(await ipIn(one, '-6', 'route'))];
    const defaults = routes.filter(({ dst }) => dst === 'default');
    expect(defaults.map(({ gateway, dev }) => [gateway, dev])).toEqual([
      ['10.1.0.1', 'eth0'],
      ['fd00:1::1', 'eth0'],
    ]);
    const [outer] = await ipIn(host, 'link', 'show', 'dev', endpoint.hostLink.name);
    expect(outer).toMatchObject({
      master: network.bridge.name,
      altnames: expect.arrayContaining([
        'nsnet:mynet:a:10.1.0.2',
        'nsnet:mynet:a:fd00:1::2',
        'nsnet:mynet:n:web',
        expect.stringMatching(/^nsnet:mynet:l:www:/),
        expect.stringMatching(/^nsnet:mynet:l:http:/),
      ]),
    });
    for (const address of ['10.1.0.1', 'fd00:1::1', LAN.host.inet])
      expect((await one.ping(address, { count: 1 })).received, address).toBe(1);
    await endpoint.close();
    await endpoint.close();
    expect(endpoint.closed).toBe(true);
  });

  test('reaches the LAN as the host, and others of the network as itself', async () => {
    await using a = await network.connect(one, { name: 'a' });
    await using b = await network.connect(two, { name: 'b' });
    for (const to of [b.address, b.address6, LAN.machine.inet, LAN.machine.inet6] as string[])
      expect((await one.ping(to, { count: 1 })).received, to).toBe(1);
    expect(a.address).not.toBe(b.address);
  });

  test('the addresses and the MAC that are asked for', async () => {
    const asked = { address: '10.1.200.7', address6: 'fd00:1:0::C0DE', mac: '02:00:00:AB:CD:EF' };
    await using endpoint = await network.connect(one, asked);
    expect(endpoint).toMatchObject({ address: '10.1.200.7', address6: 'fd00:1::c0de' });
    expect(endpoint.name).toMatch(/^[0-9a-f]{12}$/);
    const [eth0] = await ipIn(one, 'address', 'show', 'dev', 'eth0');
    expect(eth0?.address).toBe('02:00:00:ab:cd:ef');
    const { endpoints } = await network.inspect();
    expect(endpoints).toMatchObject([{ address: '10.1.200.7', address6: 'fd00:1::c0de' }]);
  });

  test('a name once, an alias as often as one likes', async () => {
    await using first = await network.connect(one, { name: 'web', aliases: ['all'] });
    expect(await failure(network.connect(two, { name: 'web' }))).toMatchObject({
      code: 'EEXIST',
      subject: "endpoint 'web' of network 'mynet' in an unnamed netns",
      hint: expect.stringContaining('name'),
    });
    expect(await two.links.list()).toHaveLength(1);
    await using second = await network.connect(two, { name: 'web2', aliases: ['all', 'web'] });
    expect((await network.inspect()).endpoints.map(({ name, aliases }) => [name, aliases])).toEqual([
      [first.name, ['all']],
      [second.name, ['all', 'web']],
    ]);
  });

  test('of several at once for one name, one gets it', async () => {
    const tries = await Promise.allSettled(
      [one, two, one, two].map((target) => network.connect(target, { name: 'web' })),
    );
    const made = tries.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(made).toHaveLength(1);
    for (const each of tries)
      if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'EEXIST' });
    await made[0]?.close();
    expect(await two.links.list()).toHaveLength(1);
  });

  test('two networks in one container: eth0, eth1, and one default route', async () => {
    await using other = await Network.create({ netns: host, name: 'other', subnet: '10.2.0.0/24' });
    const [a, b] = await Promise.all([network.connect(one), other.connect(one)]);
    expect([a.link.name, b.link.name].sort()).toEqual(['eth0', 'eth1']);
    const defaults = (await ipIn(one, 'route')).filter(({ dst }) => dst === 'default');
    expect(defaults).toHaveLength(1);
    expect([a.gateway, b.gateway].filter(Boolean)).toEqual([defaults[0]?.gateway]);
    for (const to of ['10.1.0.1', '10.2.0.1']) expect((await one.ping(to, { count: 1 })).received).toBe(1);
    await Promise.all([a.close(), b.close()]);
  });

  test('a default route that is there is left alone', async () => {
    await shellIn(one, 'ip link add e type veth peer f; ip link set e up; ip addr add 10.77.0.2/24 dev e');
    await shellIn(one, 'ip route add default via 10.77.0.1');
    const endpoint = await network.connect(one);
    expect(endpoint.gateway).toBeUndefined();
    expect(endpoint.gateway6).toBe('fd00:1::1');
    const [first, ...more] = (await ipIn(one, 'route')).filter(({ dst }) => dst === 'default');
    expect(first?.gateway).toBe('10.77.0.1');
    expect(more).toEqual([]);
    await endpoint.close();
    await shellIn(one, 'ip link del e');
  });

  test('the same container twice on one network', async () => {
    await using a = await network.connect(one, { name: 'a' });
    await using b = await network.connect(one, { name: 'b' });
    expect([a.link.name, b.link.name]).toEqual(['eth0', 'eth1']);
    expect(b.address).toBe('10.1.0.3');
  });

  test('by the pid of a process, and by a Process', async () => {
    const process = await one.spawn('sleep', ['1000']);
    try {
      const [byPid, byProcess] = [
        await network.connect(process.pid, { name: 'pid' }),
        await network.connect(process, { name: 'process' }),
      ];
      expect([byPid.link.name, byProcess.link.name]).toEqual(['eth0', 'eth1']);
      expect(byPid.netns.id).toBe(one.id);
      expect((await one.ping('10.1.0.1', { count: 1 })).received).toBe(1);
      await byPid.close();
      expect(byPid.netns.closed).toBe(true);
      await byProcess.close();
    } finally {
      await process.close();
    }
  });

  test('a process that is no more', async () => {
    const process = await one.spawn('true');
    await process.exited;
    expect(await failure(network.connect(process.pid))).toMatchObject({ code: 'ESRCH' });
    await process.close();
  });
});

describe('disconnect', () => {
  test('by name, whoever connected it', async () => {
    const own = await network.connect(one, { name: 'own' });
    await using opened = await Network.open('mynet', { netns: host });
    const others = await opened.connect(one, { name: 'others' });
    await network.disconnect('own');
    expect(own.closed).toBe(true);
    await network.disconnect('others');
    expect(others.closed).toBe(false);
    expect((await network.inspect()).endpoints).toEqual([]);
    await others.close();
    expect(await failure(network.disconnect('own'))).toMatchObject({
      code: 'ENOENT',
      subject: "endpoint 'own' of network 'mynet' in an unnamed netns",
    });
  });

  test('what somebody has removed already', async () => {
    const byHand = await network.connect(one, { publish: ['8080:80', '8080:80/udp'] });
    await shellIn(one, 'ip link del eth0');
    await byHand.close();
    const outside = await network.connect(one);
    await shellIn(host, `ip link del ${outside.hostLink.name}`);
    await outside.close();
  });

  test('a container that was closed', async () => {
    const gone = await Netns.create();
    const endpoint = await network.connect(gone, { name: 'gone', publish: ['8080:80'] });
    await gone.close();
    await endpoint.close();
    expect((await network.inspect()).endpoints).toEqual([]);
  });

  test('a container that vanishes takes its lease and its name along', async () => {
    const gone = await Netns.create();
    const endpoint = await network.connect(gone, { name: 'gone' });
    const { address } = endpoint;
    expect((await network.inspect()).endpoints).toHaveLength(1);
    await gone.close();
    // The kernel takes a moment.
    for (let i = 0; i < 200 && (await network.inspect()).endpoints.length > 0; i++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    await using again = await network.connect(one, { name: 'gone', address });
    await endpoint.close();
    expect(again.closed).toBe(false);
    expect((await network.inspect()).endpoints).toHaveLength(1);
  });
});

test('100 at once', async () => {
  const count = scaled(100, 10);
  const targets = await Promise.all(Array.from({ length: count }, () => Netns.create()));
  const endpoints = await Promise.all(targets.map((target, i) => network.connect(target, { name: `c${i}` })));
  expect(new Set(endpoints.map(({ address }) => address)).size).toBe(count);
  expect(new Set(endpoints.map(({ address6 }) => address6)).size).toBe(count);
  expect((await network.inspect()).endpoints).toHaveLength(count);
  const last = endpoints.at(-1)?.address as string;
  expect((await (targets[0] as Netns).ping(last, { count: 1 })).received).toBe(1);
  await Promise.all(endpoints.map((endpoint) => endpoint.close()));
  await Promise.all(targets.map((target) => target.close()));
});

test('closed at once, some of them gone already, or given to another group: all go, and no others', async () => {
  const targets = await Promise.all(Array.from({ length: 8 }, () => Netns.create()));
  const endpoints = await Promise.all(
    targets.map((target, i) =>
      network.connect(target, { publish: [`${8080 + i}:80`, `${8080 + i}:80/udp`] }),
    ),
  );
  const [stays, removed, regrouped, ...others] = endpoints as [Endpoint, Endpoint, Endpoint, ...Endpoint[]];
  await shellIn(host, `ip link del ${removed.hostLink.name}`);
  const regroup = shellIn(
    host,
    `for i in $(seq 200); do ip link set ${regrouped.hostLink.name} group 5 2>&1; done || true`,
  );
  await Promise.all([removed, regrouped, ...others].map((endpoint) => endpoint.close()));
  await regroup;
  const left = (await network.inspect()).endpoints.map(({ address }) => address);
  expect(left).toEqual([stays.address]);
  expect((await stays.netns.ping('10.1.0.1', { count: 1 })).received).toBe(1);
  await stays.close();
  await Promise.all(targets.map((target) => target.close()));
});

test('more devices than there are names for', async () => {
  const target = await Netns.create();
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, () => network.connect(target, { resolver: false })),
  );
  const made = results.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const names = made.map(({ link }) => link.name);
  expect(new Set(names).size).toBe(made.length);
  for (const each of results)
    if (each.status === 'rejected') expect((each.reason as NsnetError).code).toBe('EEXIST');
  expect(made.length).toBeGreaterThanOrEqual(16);
  await Promise.all(made.map((endpoint) => endpoint.close()));
  await target.close();
});
