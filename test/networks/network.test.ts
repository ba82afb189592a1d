// Networks as such: made, opened by name, listed, removed, kept and let go of.
import { Netns, Network, Scope } from 'nsnet';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ipIn, shellIn } from '../netns/support/inside.js';
import { failure } from '../sockets/streams.js';
import { containers, expectSeen, hostOnLan, type Seen, seen, tables } from './hosts.js';

const scope = new Scope();
let host: Netns;
let one: Netns;
let two: Netns;
let before: Seen;

beforeAll(async () => {
  ({ host } = await hostOnLan(scope));
  [one, two] = (await containers(scope, 2)) as [Netns, Netns];
});
afterAll(() => scope[Symbol.asyncDispose]());
beforeEach(async () => {
  before = await seen(host);
});
afterEach(() => expectSeen(host, before));

const bridges = () => ipIn(host, 'link', 'show', 'type', 'bridge');

describe('create', () => {
  test('gives a bridge with the first subnet that is free, and its rules', async () => {
    const network = await Network.create({ netns: host, name: 'mynet' });
    expect(network).toMatchObject({
      name: 'mynet',
      driver: 'bridge',
      subnet: '172.17.0.0/16',
      gateway: '172.17.0.1',
      subnet6: undefined,
      gateway6: undefined,
      owned: true,
      closed: false,
      warnings: [],
    });
    const [bridge, ...more] = await bridges();
    expect(more).toEqual([]);
    expect(bridge).toMatchObject({
      ifname: network.bridge.name,
      mtu: 1500,
      altnames: expect.arrayContaining(['nsnet:mynet']),
    });
    expect(bridge?.flags).toContain('UP');
    const [address] = await ipIn(host, '-4', 'address', 'show', 'dev', network.bridge.name);
    expect(address?.addr_info).toMatchObject([{ local: '172.17.0.1', prefixlen: 16 }]);
    expect(await tables(host)).toEqual(['nsnet-mynet']);
    expect(String(network)).toBe("Network { name: 'mynet', 172.17.0.0/16, an unnamed netns }");
    expect(JSON.parse(JSON.stringify(network))).toEqual({
      name: 'mynet',
      driver: 'bridge',
      subnet: '172.17.0.0/16',
      gateway: '172.17.0.1',
    });
    // As a person reads it: what it is called and where it is, then how it behaves.
    const keys = Object.keys(await network.inspect());
    expect(keys.slice(0, 6)).toEqual(['name', 'driver', 'device', 'subnet', 'gateway', 'mtu']);
    await network.close();
    expect(network.closed).toBe(true);
    await network.close();
  });

  test('with all that can be said', async () => {
    const options = {
      name: 'A-_.9',
      subnet: '10.1.0.0/16',
      gateway: '10.1.255.254',
      range: '10.1.5.0/24',
      subnet6: 'fd00:1::/64',
      gateway6: 'fd00:1::ffff',
      mtu: 1400,
      bridge: 'br.mine',
      icc: false,
      masquerade: false,
      gatewayMode: 'nat-unprotected' as const,
    };
    await using network = await Network.create({ netns: host, ...options });
    const { bridge, ...said } = options;
    expect(await network.inspect()).toEqual({
      ...said,
      driver: 'bridge',
      device: bridge,
      internal: false,
      isolated: false,
      endpoints: [],
    });
    const [device] = await ipIn(host, 'address', 'show', 'dev', bridge);
    expect(device).toMatchObject({ mtu: 1400, ifname: bridge });
    const own = device?.addr_info.filter((each: { scope: string }) => each.scope === 'global');
    expect(own.map((each: { local: string }) => each.local)).toEqual(['10.1.255.254', 'fd00:1::ffff']);
  });

  test('of IPv6 alone, internal, isolated', async () => {
    await using six = await Network.create({ netns: host, name: 'six', subnet6: 'fd00:6::/64' });
    expect(six).toMatchObject({ subnet: undefined, gateway: undefined, gateway6: 'fd00:6::1' });
    await using internal = await Network.create({ netns: host, name: 'internal', internal: true });
    expect(internal).toMatchObject({ subnet: '172.17.0.0/16', gateway: '172.17.0.1' });
    await using isolated = await Network.create({ netns: host, name: 'isolated', isolated: true });
    expect(isolated).toMatchObject({ subnet: '172.18.0.0/16', gateway: undefined });
    expect(await isolated.inspect()).toMatchObject({ internal: true, isolated: true });
    const [device] = await ipIn(host, 'address', 'show', 'dev', isolated.bridge.name);
    expect(device?.addr_info).toEqual([]);
  });

  test('passes over subnets that anything there uses, and networks in use', async () => {
    await shellIn(host, 'ip route add 172.17.9.0/24 via 192.0.2.20; ip addr add 172.18.3.4/32 dev lo');
    const made = await Promise.all(
      Array.from({ length: 5 }, (_, i) => Network.create({ netns: host, name: `n${i}` })),
    );
    const subnets = made.map((network) => network.subnet).sort();
    expect(subnets).toEqual([19, 20, 21, 22, 23].map((i) => `172.${i}.0.0/16`));
    await Promise.all(made.map((network) => network.close()));
    await shellIn(host, 'ip route del 172.17.9.0/24; ip addr del 172.18.3.4/32 dev lo');
  });

  test('says when no subnet is left', async () => {
    const all = Array.from({ length: 31 }, (_, i) => i);
    const made = await Promise.all(
      all.map((i) => Network.create({ netns: host, name: `n${i}`, internal: true })),
    );
    expect(new Set(made.map(({ subnet }) => subnet)).size).toBe(31);
    expect(await failure(Network.create({ netns: host, name: 'over' }))).toMatchObject({
      code: 'EADDRNOTAVAIL',
      subject: "network 'over' in an unnamed netns",
      hint: expect.stringContaining('subnet'),
    });
    await Promise.all(made.map((network) => network.close()));
  });

  test('of two of one name, also at once, one is made', async () => {
    const tries = await Promise.allSettled(
      Array.from({ length: 8 }, () => Network.create({ netns: host, name: 'same' })),
    );
    const made = tries.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(made).toHaveLength(1);
    for (const each of tries) {
      if (each.status === 'rejected') {
        expect(each.reason).toMatchObject({
          name: 'NsnetError',
          code: 'EEXIST',
          subject: "network 'same' in an unnamed netns",
          hint: expect.stringContaining('Network.open()'),
        });
      }
    }
    expect(await failure(Network.create({ netns: host, name: 'same' }))).toMatchObject({ code: 'EEXIST' });
    expect(await bridges()).toHaveLength(1);
    await made[0]?.close();
  });

  test('of overlapping subnets, also at once, one is made, and it is said whose they are', async () => {
    await using network = await Network.create({ netns: host, name: 'a', subnet: '10.0.0.0/8' });
    expect(await failure(Network.create({ netns: host, name: 'b', subnet: '10.9.0.0/16' }))).toMatchObject({
      code: 'EEXIST',
      hint: expect.stringContaining("10.0.0.0/8 of network 'a'"),
    });
    expect(network.closed).toBe(false);
    const same = await Promise.allSettled(
      ['c', 'd', 'e'].map((name) => Network.create({ netns: host, name, subnet: '172.30.0.0/24' })),
    );
    const made = same.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(made).toHaveLength(1);
    await made[0]?.close();
  });

  test('says what error there is where the name of the device is taken', async () => {
    const error = await failure(Network.create({ netns: host, name: 'x', bridge: 'eth0' }));
    expect(error).toMatchObject({ code: 'EEXIST', subject: expect.stringContaining('eth0') });
  });

  test('needs the privilege', async () => {
    const plain = await Netns.create();
    try {
      await plain.run('true');
    } finally {
      await plain.close();
    }
    expect(await failure(Network.create({ netns: plain, name: 'x' }))).toMatchObject({
      code: 'ERR_NSNET_CLOSED',
    });
  });
});

describe('open and list', () => {
  test('open gives the same network, and does not own it', async () => {
    await using made = await Network.create({
      netns: host,
      name: 'shared',
      subnet: '10.3.0.0/24',
      subnet6: 'fd00:3::/64',
    });
    const opened = await Network.open('shared', { netns: host });
    expect(opened.owned).toBe(false);
    expect(opened.toJSON()).toEqual(made.toJSON());
    expect(await opened.inspect()).toEqual(await made.inspect());
    await using endpoint = await opened.connect(one, { name: 'web' });
    expect((await made.inspect()).endpoints).toEqual([
      {
        name: 'web',
        aliases: [],
        address: endpoint.address,
        address6: endpoint.address6,
        device: endpoint.hostLink.name,
      },
    ]);
    await opened.close();
    expect((await made.inspect()).endpoints).toEqual([]);
  });

  test('ENOENT says which there are', async () => {
    expect(await failure(Network.open('none', { netns: host }))).toMatchObject({
      code: 'ENOENT',
      subject: "network 'none' in an unnamed netns",
    });
    await using made = await Network.create({ netns: host, name: 'there' });
    expect(made.owned).toBe(true);
    expect(await failure(Network.open('none', { netns: host }))).toMatchObject({ hint: 'There are: there' });
  });

  test('list is plain data by name', async () => {
    expect(await Network.list({ netns: host })).toEqual([]);
    await using b = await Network.create({ netns: host, name: 'b' });
    await using a = await Network.create({ netns: host, name: 'a', internal: true });
    const list = await Network.list({ netns: host });
    expect(list).toEqual([await a.inspect(), await b.inspect()]);
    expect(structuredClone(list)).toEqual(list);
  });

  test('what is like a network, but is none, is not listed', async () => {
    await shellIn(
      host,
      `ip link add foreign type bridge; ip link property add dev foreign altname nsnet:foreign
       ip link add other type bridge; ip link property add dev other altname nsnet:other; ip link set other alias '{"s":"bad"}'
       nft add table inet nsnet-foreign`,
    );
    expect(await Network.list({ netns: host })).toEqual([]);
    expect(await failure(Network.open('foreign', { netns: host }))).toMatchObject({ code: 'ENOENT' });
    expect(await failure(Network.create({ netns: host, name: 'foreign' }))).toMatchObject({ code: 'EEXIST' });
    await shellIn(host, 'ip link del foreign; ip link del other');
    // Their rules were as they are.
    expect(await tables(host)).toEqual(['nsnet-foreign']);
    await shellIn(host, 'nft delete table inet nsnet-foreign');
  });
});

describe('remove, close and release', () => {
  test('remove whoever made it; again is no error', async () => {
    const made = await Network.create({ netns: host, name: 'x' });
    const opened = await Network.open('x', { netns: host });
    await opened.remove();
    await opened.remove();
    expect(await Network.list({ netns: host })).toEqual([]);
    expect(await failure(opened.inspect())).toMatchObject({ code: 'ERR_NSNET_CLOSED' });
    expect(await failure(made.inspect())).toMatchObject({ code: 'ENOENT' });
    await made.remove();
    await Promise.all([made.close(), opened.close()]);
  });

  test('EBUSY while others are connected, unless it is forced', async () => {
    const made = await Network.create({ netns: host, name: 'x' });
    const opened = await Network.open('x', { netns: host });
    const endpoint = await opened.connect(one, { name: 'web' });
    expect(await failure(made.remove())).toMatchObject({
      code: 'EBUSY',
      subject: "network 'x' in an unnamed netns",
      hint: expect.stringContaining('web'),
    });
    expect(await failure(made.close())).toMatchObject({ code: 'EBUSY' });
    // It is as it was.
    expect((await opened.inspect()).endpoints).toHaveLength(1);
    await made.remove({ force: true });
    expect(await one.links.list()).toHaveLength(1);
    await endpoint.close();
    await Promise.all([made.close(), opened.close()]);
  });

  test('remove takes off what this object has connected', async () => {
    const made = await Network.create({ netns: host, name: 'x' });
    const endpoints = await Promise.all([made.connect(one), made.connect(two)]);
    await made.remove();
    expect(endpoints.map(({ closed }) => closed)).toEqual([true, true]);
    await made.close();
  });

  test('remove and close wait for what is under way, which is not connected afterwards', async () => {
    for (const end of ['remove', 'close'] as const) {
      const made = await Network.create({ netns: host, name: 'x' });
      const connecting = Promise.allSettled([made.connect(one), made.connect(two)]);
      await made[end]();
      await connecting;
      expect(await one.links.list()).toHaveLength(1);
      expect(await failure(made.connect(one))).toMatchObject({ code: 'ERR_NSNET_CLOSED' });
      await made.close();
    }
  });

  test('a released one stays, as does what is connected and released', async () => {
    const made = await Network.create({ netns: host, name: 'x' });
    const endpoint = await made.connect(one, { name: 'web' });
    endpoint.release();
    await endpoint.close();
    expect(made.release().owned).toBe(false);
    await made.close();
    const [info] = await Network.list({ netns: host });
    expect(info).toMatchObject({ name: 'x', endpoints: [{ name: 'web' }] });
    expect(await Network.gc({ netns: host })).toEqual({ networks: [], endpoints: [], tables: [] });
    const opened = await Network.open('x', { netns: host });
    expect((await one.ping('172.17.0.1', { count: 1 })).received).toBe(1);
    await opened.disconnect('web');
    expect(await failure(opened.disconnect('web'))).toMatchObject({
      code: 'ENOENT',
      subject: "endpoint 'web' of network 'x' in an unnamed netns",
    });
    await opened.remove();
    await opened.close();
  });

  test('repair puts back what `nft flush ruleset` took', async () => {
    await using made = await Network.create({
      netns: host,
      name: 'x',
      subnet: '10.9.0.0/24',
      subnet6: 'fd00:9::/64',
      repair: false,
    });
    const whole = await seen(host);
    await shellIn(host, 'nft flush ruleset; sysctl -qw net.ipv4.conf.eth0.forwarding=0');
    expect(await tables(host)).toEqual([]);
    await made.repair();
    await expectSeen(host, whole);
    await made.repair();
    await expectSeen(host, whole);
  });

  test('a host that is closed takes it along', async () => {
    const other = await Netns.create();
    const network = await Network.create({ netns: other, name: 'x' });
    const endpoint = await network.connect(one, { publish: ['8080:80'] });
    await other.close();
    expect(await failure(network.inspect())).toMatchObject({ code: 'ERR_NSNET_CLOSED' });
    await endpoint.close();
    await network.close();
  });
});
