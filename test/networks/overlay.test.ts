// One network over three hosts, each a namespace on a LAN: driver vxlan.
import { Bridge, Netns, Network, type NetworkOptions, Scope, Veth } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ipIn } from '../netns/support/inside.js';
import { failure } from '../sockets/streams.js';
import { containers, expectSeen, type Seen, seen } from './hosts.js';

const ADDRESSES = ['192.0.2.1', '192.0.2.2', '192.0.2.3'] as const;
const SUBNETS = { subnet: '10.9.0.0/16', subnet6: 'fd00:9::/64' };

let scope: Scope;
let hosts: Netns[];
let before: Seen[];

beforeEach(async () => {
  scope = new Scope();
  const lan = await scope.use(Netns.create());
  const bridge = await Bridge.create({ netns: lan, name: 'lan', up: true });
  hosts = await Promise.all(
    ADDRESSES.map(async (address, i) => {
      const host = await scope.use(Netns.create());
      const end = { netns: host, name: 'eth0', addresses: [`${address}/24`], up: true };
      await Veth.create(end, { netns: lan, name: `port${i}`, master: bridge, up: true });
      return host;
    }),
  );
  before = await Promise.all(hosts.map(seen));
});
afterEach(async () => {
  for (const [i, host] of hosts.entries()) await expectSeen(host, before[i] as Seen);
  await scope[Symbol.asyncDispose]();
});

type Overlay = Extract<NetworkOptions, { driver: 'vxlan' }>;

const create = (i: number, options: Partial<Overlay> = {}) =>
  Network.create({
    name: 'over',
    netns: hosts[i],
    driver: 'vxlan',
    id: 42,
    local: ADDRESSES[i] as string,
    peers: ADDRESSES.filter((_, other) => other !== i),
    ...SUBNETS,
    ...options,
  } as Overlay);

async function everybodyHearsEverybody(networks: readonly Network[]): Promise<void> {
  const targets = await containers(scope, networks.length);
  const endpoints = await Promise.all(networks.map((network, i) => network.connect(targets[i] as Netns)));
  for (const from of targets) {
    for (const { address, address6 } of endpoints) {
      for (const to of [address, address6].filter(Boolean) as string[]) {
        expect(await from.ping(to, { count: 1, timeout: 3000 }), to).toMatchObject({ received: 1 });
      }
    }
  }
}

describe('three hosts that know one another', () => {
  test('share the subnet without asking one another, and reach one another in both families', async () => {
    const networks = await Promise.all([0, 1, 2].map((i) => create(i)));
    expect(networks.map(({ gateway }) => gateway)).toEqual(['10.9.0.1', '10.9.64.1', '10.9.128.1']);
    await everybodyHearsEverybody(networks);
    for (const network of networks) await network.close();
  });

  test('flood by the list of peers, and have learned who is where', async () => {
    const networks = await Promise.all([0, 1].map((i) => create(i)));
    await everybodyHearsEverybody(networks);
    const entries = await hosts[0]!.fdb.list();
    const flooded = entries.filter(({ mac }) => mac === '00:00:00:00:00:00').map((one) => one.destination);
    expect(flooded.sort()).toEqual(['192.0.2.2', '192.0.2.3']);
    // The MAC address is made from the address that the other host has given out.
    const learned = entries.filter(({ mac, destination }) => mac === '02:42:0a:09:40:02' && destination);
    expect(learned.map((one) => one.destination)).toEqual(['192.0.2.2']);
    const [vxlan] = await ipIn(hosts[0] as Netns, 'link', 'show', 'type', 'vxlan');
    expect(vxlan).toMatchObject({
      mtu: 1450,
      linkinfo: { info_data: { id: 42, port: 4789, local: '192.0.2.1' } },
    });
    for (const network of networks) await network.close();
  });

  test('keep two networks apart by their number', async () => {
    const networks = [
      await create(0, { peers: ['192.0.2.2'] }),
      await create(1, { id: 43, peers: ['192.0.2.1'] }),
    ];
    const [a, b] = (await containers(scope, 2)) as [Netns, Netns];
    await networks[0]!.connect(a);
    const { address } = await networks[1]!.connect(b);
    expect(await a.ping(address, { count: 1, timeout: 700 })).toMatchObject({ received: 0 });
    for (const network of networks) await network.close();
  });

  test('are found by a multicast group instead', async () => {
    const group = { peers: undefined, group: '239.1.2.3', parent: 'eth0', subnet6: undefined };
    const networks = await Promise.all([
      create(0, { ...group, range: '10.9.1.0/24' }),
      create(1, { ...group, range: '10.9.2.0/24' }),
    ]);
    await everybodyHearsEverybody(networks);
    for (const network of networks) await network.close();
  });

  test('without inter-container communication nobody is reached on another host either', async () => {
    const networks = await Promise.all([0, 1].map((i) => create(i, { icc: false })));
    const [a, b] = (await containers(scope, 2)) as [Netns, Netns];
    await networks[0]!.connect(a);
    const { address } = await networks[1]!.connect(b);
    expect(await a.ping(address, { count: 1, timeout: 700 })).toMatchObject({ received: 0 });
    for (const network of networks) await network.close();
  });
});

test('another process sees the network, and removes it with its way to the others', async () => {
  const network = await create(0);
  const opened = await Network.open('over', { netns: hosts[0] });
  expect(await opened.inspect()).toMatchObject({
    name: 'over',
    driver: 'vxlan',
    mtu: 1450,
    range: '10.9.0.0/18',
  });
  await opened.remove();
  await opened.close();
  await network.close();
});

test.each<[string, Partial<Overlay>]>([
  ['no subnet', { subnet: undefined, subnet6: undefined }],
  ['a subnet that is too small', { subnet: '10.9.0.0/30', subnet6: undefined }],
  ['a group without a range', { group: '239.1.2.3', parent: 'eth0', peers: undefined }],
  ['a router', { router: true }],
])('%s is refused', async (_, options) => {
  expect(await failure(create(0, options))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
});

test('a number that is taken: EEXIST, and nothing stays', async () => {
  const network = await create(0);
  expect(
    await failure(create(0, { name: 'other', subnet: '10.10.0.0/16', subnet6: undefined })),
  ).toMatchObject({
    code: 'EEXIST',
  });
  await network.close();
});
