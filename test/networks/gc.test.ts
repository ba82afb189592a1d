// What is left of processes that were killed, and who removes it.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Netns, Network, Scope } from 'nsnet';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { shellIn } from '../netns/support/inside.js';
import { scaled } from '../support/scale.js';
import { containers, expectSeen, hostOnLan, Peer, type Seen, seen, tables } from './hosts.js';

const scope = new Scope();
let host: Netns;
let one: Netns;
let two: Netns;
let before: Seen;
let bare: Seen;

beforeAll(async () => {
  ({ host } = await hostOnLan(scope));
  [one, two] = (await containers(scope, 2)) as [Netns, Netns];
});
afterAll(() => scope[Symbol.asyncDispose]());
beforeEach(async () => {
  [before, bare] = await Promise.all([seen(host), seen(one)]);
});
afterEach(async () => {
  await Peer.endAll();
  await expectSeen(host, before, 'the host');
  const { sysctls, ...rest } = bare;
  const { sysctls: later, ...now } = await seen(one);
  expect(now, 'the container').toEqual(rest);
});

const gc = () => Network.gc({ netns: host });
const NOTHING = { networks: [], endpoints: [], tables: [] };

describe('kill -9', () => {
  test('of a network with an endpoint: it is there until gc(), which tells what it has removed', async () => {
    const peer = await Peer.start(host, [one]);
    await peer.do('create', { name: 'mynet', subnet: '10.1.0.0/24', subnet6: 'fd01::/64' });
    const { device } = await peer.do('connect', 'mynet', 0, {
      name: 'web',
      publish: ['8080:80', '8080:80/udp'],
    });
    // Somebody is alive.
    expect(await gc()).toEqual(NOTHING);
    expect(await tables(host)).toHaveLength(2);
    await peer.kill();
    expect(await Network.list({ netns: host })).toMatchObject([{ name: 'mynet', endpoints: [{ device }] }]);
    // What was published is gone with the process.
    expect(await tables(host)).toEqual(['nsnet-mynet']);
    expect((await seen(host)).sockets).toEqual(before.sockets);
    expect(await gc()).toEqual({ networks: ['mynet'], endpoints: ['mynet/web'], tables: [] });
    expect(await gc()).toEqual(NOTHING);
  });

  test('what a living process has made, or is connected to, stays', async () => {
    const [dead, alive] = await Promise.all([Peer.start(host, [one]), Peer.start(host, [two])]);
    await dead.do('create', { name: 'of-dead' });
    await alive.do('create', { name: 'of-alive' });
    await dead.do('open', 'of-alive');
    await alive.do('open', 'of-dead');
    await dead.do('connect', 'of-alive', 0, { name: 'a' });
    await dead.do('connect', 'of-dead', 0, { name: 'b' });
    await alive.do('connect', 'of-dead', 0, { name: 'c' });
    await dead.kill();
    const collected = await gc();
    expect({ ...collected, endpoints: collected.endpoints.sort() }).toEqual({
      networks: [],
      endpoints: ['of-alive/a', 'of-dead/b'],
      tables: [],
    });
    expect(await Network.list({ netns: host })).toMatchObject([
      { name: 'of-alive', endpoints: [] },
      { name: 'of-dead', endpoints: [{ name: 'c' }] },
    ]);
    expect((await two.ping('172.17.0.1', { count: 1 })).received).toBe(1);
    await alive.do('closeEndpoint', 'c');
    expect(await gc()).toEqual({ networks: ['of-dead'], endpoints: [], tables: [] });
    await alive.do('close', 'of-alive');
    await alive.kill();
  });

  test('what was released stays', async () => {
    const peer = await Peer.start(host, [one]);
    await peer.do('create', { name: 'kept' });
    await peer.do('connect', 'kept', 0, { name: 'kept' });
    await peer.do('connect', 'kept', 0, { name: 'lost' });
    await peer.do('releaseEndpoint', 'kept');
    await peer.do('closeEndpoint', 'kept');
    await peer.do('release', 'kept');
    await peer.do('close', 'kept');
    await peer.kill();
    expect(await gc()).toEqual(NOTHING);
    expect(await Network.list({ netns: host })).toMatchObject([
      { name: 'kept', endpoints: [{ name: 'kept' }] },
    ]);
    const opened = await Network.open('kept', { netns: host });
    await opened.remove({ force: true });
    await opened.close();
  });

  test('what is not its own stays: bridges, veths and tables that are like them', async () => {
    await shellIn(
      host,
      `ip link add br0 type bridge; ip link add vn0 type veth peer name vn1
       ip link add vx1234567abcdef type veth peer name vethab
       nft add table inet nsnet-mine; nft add table ip nsnet-other; nft add table inet filter`,
    );
    const foreign = await seen(host);
    const peer = await Peer.start(host, [one]);
    await peer.do('create', { name: 'mynet' });
    await peer.kill();
    expect(await gc()).toEqual({ networks: ['mynet'], endpoints: [], tables: [] });
    await expectSeen(host, foreign);
    await shellIn(
      host,
      'ip link del br0; ip link del vn0; ip link del vethab; nft delete table inet nsnet-mine; nft delete table ip nsnet-other; nft delete table inet filter',
    );
  });

  test('a table whose network is gone', async () => {
    const peer = await Peer.start(host, [one]);
    const { device } = await peer.do('create', { name: 'mynet' });
    await peer.kill();
    await shellIn(host, `ip link del ${device}`);
    expect(await gc()).toEqual({ networks: [], endpoints: [], tables: ['nsnet-mynet'] });
  });

  test('by several at once', async () => {
    for (let i = 0; i < scaled(5, 1); i++) {
      const peer = await Peer.start(host, [one]);
      await Promise.all(['a', 'b', 'c'].map((name) => peer.do('create', { name })));
      await Promise.all(
        ['a', 'b', 'c'].flatMap((name) =>
          [0, 1, 2].map((j) => peer.do('connect', name, 0, { name: `${name}${j}`, resolver: false })),
        ),
      );
      const others = await Promise.all([Peer.start(host), Peer.start(host)]);
      await peer.kill();
      const all = await Promise.all([gc(), gc(), ...others.map((other) => other.do('gc'))]);
      expect(new Set(all.flatMap(({ networks }) => networks))).toEqual(new Set(['a', 'b', 'c']));
      expect(await Network.list({ netns: host })).toEqual([]);
      await Promise.all(others.map((other) => other.kill()));
      await expectSeen(host, before);
    }
  });

  test('at many moments', async () => {
    const used = new Set<string>();
    for (let i = 0; i < scaled(12, 6); i++) {
      const peer = await Peer.start(host, [one]);
      const subnets = { subnet: '10.1.0.0/24', subnet6: 'fd01::/64' };
      const looping = peer.do('loop', 0, subnets).catch(() => {});
      // Emulated processors are some ten times slower.
      await sleep((1 + Math.random() * 120) * (scaled(10, 1) < 10 ? 10 : 1));
      await peer.kill();
      await looping;
      // What the process had begun in another namespace may hold its sockets for a moment longer.
      const devices = (await host.links.list()).length;
      used.add(String(devices));
      for (let tries = 0; tries < 100; tries++) {
        await gc();
        if ((await host.links.list()).length === 2) break;
        await sleep(20);
      }
      await expectSeen(host, before, `round ${i}`);
      expect(await gc()).toEqual(NOTHING);
    }
    // It was killed with nothing, and with a network.
    expect(used.size).toBeGreaterThan(1);
  }, 240_000);
});

test('while others make and remove networks, it takes nothing from them', async () => {
  const peers = await Promise.all([Peer.start(host, [one]), Peer.start(host)]);
  const [maker, collector] = peers as [Peer, Peer];
  for (let i = 0; i < scaled(30, 3); i++) {
    const collecting = Promise.all([collector.do('gc'), gc()]);
    await maker.do('create', { name: `n${i}` });
    const endpoint = await maker.do('connect', `n${i}`, 0, { name: 'web', publish: ['80'] });
    const collected = await collecting;
    expect(collected).toEqual([NOTHING, NOTHING]);
    const { endpoints } = await maker.do('inspect', `n${i}`);
    expect(endpoints).toMatchObject([{ address: endpoint.address }]);
    const [, first, second] = await Promise.all([maker.do('close', `n${i}`), collector.do('gc'), gc()]);
    // Its table may be found without a bridge.
    expect([...first.networks, ...second.networks, ...first.endpoints, ...second.endpoints]).toEqual([]);
  }
  await Promise.all(peers.map((peer) => peer.kill()));
});
