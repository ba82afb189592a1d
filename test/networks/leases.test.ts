// Addresses of endpoints: which are given, and that no two ever have the same.
import { type Netns, Network, Scope } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failure } from '../sockets/streams.js';
import { scaled } from '../support/scale.js';
import { containers, hostOnLan, Peer } from './hosts.js';

const scope = new Scope();
let host: Netns;
let some: Netns[];

beforeAll(async () => {
  ({ host } = await hostOnLan(scope));
  some = await containers(scope, 6);
});
afterAll(() => scope[Symbol.asyncDispose]());

const one = () => some[0] as Netns;

test('the first that is free, from .2 on; again when it is free again', async () => {
  await using network = await Network.create({ netns: host, name: 'n', subnet: '10.5.0.0/24' });
  const made = [];
  for (const target of some.slice(0, 4)) made.push(await network.connect(target));
  expect(made.map(({ address }) => address)).toEqual(['10.5.0.2', '10.5.0.3', '10.5.0.4', '10.5.0.5']);
  await made[1]?.close();
  await made[2]?.close();
  await using again = await network.connect(some[4] as Netns);
  expect(again.address).toBe('10.5.0.3');
  await using explicit = await network.connect(some[5] as Netns, { address: '10.5.0.6' });
  expect(explicit.address).toBe('10.5.0.6');
  const next = [await network.connect(one()), await network.connect(one())];
  expect(next.map(({ address }) => address)).toEqual(['10.5.0.4', '10.5.0.7']);
});

test('one that is taken, by this process or another', async () => {
  await using network = await Network.create({
    netns: host,
    name: 'n',
    subnet: '10.5.0.0/24',
    subnet6: 'fd05::/64',
  });
  const endpoint = await network.connect(one(), { address: '10.5.0.9', address6: 'fd05::9' });
  await using peer = await Peer.start(host);
  await peer.do('open', 'n');
  const taken = { code: 'EADDRINUSE', hint: 'Another endpoint of the network has this address' };
  for (const options of [{ address: '10.5.0.9' }, { address6: 'fd05:0:0:0::9' }]) {
    expect(await failure(network.connect(one(), options))).toMatchObject(taken);
    expect(await failure(peer.do('connect', 'n', null, options))).toMatchObject(taken);
  }
  expect((await network.inspect()).endpoints).toHaveLength(1);
  await endpoint.close();
  const made = await peer.do('connect', 'n', null, { address: '10.5.0.9' });
  expect(made.address).toBe('10.5.0.9');
  await peer.do('close', 'n');
});

test('of several that want one address at once, one gets it', async () => {
  await using network = await Network.create({ netns: host, name: 'n', subnet: '10.5.0.0/24' });
  const tries = await Promise.allSettled(
    some.map((target) => network.connect(target, { address: '10.5.0.50' })),
  );
  expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect((await network.inspect()).endpoints).toHaveLength(1);
});

describe('what is left', () => {
  test.each([
    ['10.5.0.0/29', {}, 5],
    ['10.5.0.0/30', {}, 1],
    ['10.5.0.0/24', { range: '10.5.0.16/30' }, 4],
    ['10.5.0.0/24', { range: '10.5.0.0/30' }, 2],
    ['10.5.0.0/24', { range: '10.5.0.252/30' }, 3],
    ['10.5.0.0/29', { gateway: '10.5.0.6' }, 4],
    ['10.5.0.0/29', { isolated: true }, 5],
  ])('%s %j has room for %i', async (subnet, options, room) => {
    await using network = await Network.create({ netns: host, name: 'n', subnet, ...options });
    const made = [];
    for (let i = 0; i < room; i++) made.push(await network.connect(some[i] as Netns));
    const addresses = made.map(({ address }) => address);
    expect(new Set(addresses).size).toBe(room);
    expect(addresses).not.toContain(network.gateway);
    expect(addresses.some((each) => /\.(0|255)$/.test(each))).toBe(false);
    expect(await failure(network.connect(some[5] as Netns))).toMatchObject({
      code: 'EADDRNOTAVAIL',
      subject: "network 'n' in an unnamed netns",
      hint: expect.stringContaining('taken'),
    });
    expect(await (some[5] as Netns).links.list()).toHaveLength(1);
    await made.at(-1)?.close();
    await using last = await network.connect(some[5] as Netns);
    expect(last.address).toBe(addresses.at(-1));
  });

  test('an address outside of the range may be asked for', async () => {
    const subnets = { subnet: '10.5.0.0/24', range: '10.5.0.128/25' };
    await using network = await Network.create({ netns: host, name: 'n', ...subnets });
    await using within = await network.connect(one());
    await using without = await network.connect(one(), { address: '10.5.0.9' });
    expect([within.address, without.address]).toEqual(['10.5.0.128', '10.5.0.9']);
  });

  test('more at once than there is room for', async () => {
    await using network = await Network.create({ netns: host, name: 'n', subnet: '10.5.0.0/29' });
    const tries = await Promise.allSettled([...some, ...some].map((target) => network.connect(target)));
    const made = tries.flatMap((each) => (each.status === 'fulfilled' ? [each.value.address] : []));
    expect(new Set(made).size).toBe(5);
    expect(made).toHaveLength(5);
    for (const each of tries)
      if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'EADDRNOTAVAIL' });
  });
});

test('of IPv6 alone', async () => {
  await using network = await Network.create({ netns: host, name: 'n', subnet6: 'fd05::/120' });
  await using a = await network.connect(one());
  await using b = await network.connect(some[1] as Netns, { address6: 'fd05::ff' });
  expect([a.address, a.address6, b.address6]).toEqual(['', 'fd05::2', 'fd05::ff']);
  expect((await one().ping('fd05::ff', { count: 1 })).received).toBe(1);
});

test('processes that connect many at once never give one address twice', async () => {
  const [processes, each] = [3, scaled(50, 5)];
  await using network = await Network.create({
    netns: host,
    name: 'n',
    subnet: '10.5.0.0/22',
    subnet6: 'fd05::/64',
  });
  const peers = await Promise.all(Array.from({ length: processes }, () => Peer.start(host)));
  try {
    await Promise.all(peers.map((peer) => peer.do('open', 'n')));
    const all = await Promise.all(peers.map((peer) => peer.do('connectMany', 'n', each)));
    for (const family of ['address', 'address6'])
      expect(new Set(all.flat().map((one) => one[family])).size).toBe(processes * each);
    const { endpoints } = await network.inspect();
    expect(endpoints).toHaveLength(processes * each);
    expect(endpoints.map(({ address }) => address).sort()).toEqual(
      all
        .flat()
        .map((one) => one.address)
        .sort(),
    );
    // Without a hole.
    expect(endpoints.at(-1)?.address).toBe(`10.5.0.${processes * each + 1}`);
    await Promise.all(peers.map((peer) => peer.do('close', 'n')));
  } finally {
    await Promise.all(peers.map((peer) => peer[Symbol.asyncDispose]()));
  }
});
