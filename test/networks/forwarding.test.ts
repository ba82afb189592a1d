// What is turned on for networks in the host, and that it is turned off again.
import { type Netns, Network, Scope } from 'nsnet';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ipIn, runIn, shellIn } from '../netns/support/inside.js';
import { scaled } from '../support/scale.js';
import { containers, expectSeen, hostOnLan, Peer, type Seen, seen } from './hosts.js';

const scope = new Scope();
let host: Netns;
let lan: Netns;
let one: Netns;
let before: Seen;
let perDevice: boolean;

beforeAll(async () => {
  ({ host, lan } = await hostOnLan(scope));
  [one] = (await containers(scope, 1)) as [Netns];
  perDevice = (await seen(host)).sysctls.some((line) => line.includes('all/force_forwarding'));
});
afterAll(() => scope[Symbol.asyncDispose]());
beforeEach(async () => {
  before = await seen(host);
});
afterEach(() => expectSeen(host, before));

/** Those that are on, but for those of networks' devices. */
async function on(): Promise<string[]> {
  const { sysctls } = await seen(host);
  return sysctls.filter((line) => /forwarding:1$/.test(line) && !line.includes('/vn'));
}

const both = { subnet: '10.1.0.0/24', subnet6: 'fd01::/64' };
const ON4 = 'ipv4/conf/eth0/forwarding:1';
const create = (name: string, options: object = {}) => Network.create({ netns: host, name, ...options });

test('the uplink alone, of the families that there are', async () => {
  const four = await create('four');
  expect(await on()).toEqual([ON4]);
  await four.close();
  expect(await on()).toEqual([]);
  await using two = await create('both', both);
  expect(await on()).toContain(ON4);
  if (perDevice) expect(await on()).toEqual([ON4, 'ipv6/conf/eth0/force_forwarding:1']);
  const [device] = await ipIn(host, 'link', 'show', 'dev', 'eth0');
  expect(two.closed).toBe(false);
  expect(device?.altnames).toContain('nsnet:both:s:f4:eth0');
});

test('nothing for an internal network', async () => {
  await using internal = await create('internal', { ...both, internal: true });
  expect(await on(), internal.name).toEqual([]);
});

test('what was on stays on', async () => {
  await shellIn(host, 'sysctl -qw net.ipv4.conf.eth0.forwarding=1');
  const own = await seen(host);
  const network = await create('mynet');
  const [device] = await ipIn(host, 'link', 'show', 'dev', 'eth0');
  expect(device?.altnames ?? []).not.toContain('nsnet:mynet:s:f4:eth0');
  await network.close();
  await expectSeen(host, own);
  await shellIn(host, 'sysctl -qw net.ipv4.conf.eth0.forwarding=0');
});

test('a device that is renamed meanwhile forwards no longer, either', async () => {
  const network = await create('mynet');
  await shellIn(host, 'ip link set eth0 name eth7');
  await network.close();
  await shellIn(host, 'ip link set eth7 name eth0');
  expect(await on()).toEqual([]);
});

test('who makes the host a router meanwhile keeps it', async () => {
  const network = await create('mynet');
  await shellIn(host, 'sysctl -qw net.ipv4.ip_forward=1');
  const second = await create('second');
  await network.close();
  await second.close();
  expect(await on()).toContain(ON4);
  await shellIn(host, 'sysctl -qw net.ipv4.ip_forward=0');
});

test('a device that the router of others excepts is excepted again', async () => {
  await shellIn(host, 'sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.eth0.forwarding=0');
  const own = await seen(host);
  const [first, second] = [await create('first'), await create('second')];
  expect(await on()).toContain(ON4);
  await first.close();
  expect(await on()).toContain(ON4);
  await second.close();
  await expectSeen(host, own);
  await shellIn(host, 'sysctl -qw net.ipv4.ip_forward=0');
});

describe('several networks', () => {
  test('the last one turns it off, in whatever order they go', async () => {
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 0, 2],
    ]) {
      const all = [await create('a'), await create('b'), await create('c')];
      for (const i of order) {
        expect(await on()).toEqual([ON4]);
        await all[i]?.close();
      }
      expect(await on()).toEqual([]);
    }
  });

  test('at once, of several processes', async () => {
    const peers = await Promise.all([Peer.start(host), Peer.start(host)]);
    for (let i = 0; i < scaled(8, 2); i++) {
      await Promise.all([
        create('own'),
        ...peers.map((peer, j) => peer.do('create', { name: `p${j}` })),
      ]).then(async ([own]) => {
        expect(await on()).toEqual([ON4]);
        // One is made while the others go, and has what it needs.
        const [late] = await Promise.all([
          create('late'),
          own.close(),
          ...peers.map((peer, j) => peer.do('close', `p${j}`)),
        ]);
        expect(await on(), `round ${i}`).toEqual([ON4]);
        await late.close();
        expect(await on(), `round ${i}`).toEqual([]);
      });
    }
    await Promise.all(peers.map((peer) => peer.kill()));
  });
});

/** A router's advertisement with a lifetime and no prefix, by a raw socket. */
const ADVERTISE = `
import socket, struct, time
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
i = socket.if_nametoindex('eth0')
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, i)
s.sendto(struct.pack('!BBHBBHII', 134, 0, 0, 64, 0, 1800, 0, 0), ('ff02::1', 0, 0, i))
`;

test('the default route that a router has announced is kept', async () => {
  const announced = async () =>
    (await ipIn(host, '-6', 'route', 'show', 'default')).map(({ protocol, dev }) => [protocol, dev]);
  for (let i = 0; i < 50 && (await announced()).length === 0; i++)
    await runIn(lan, 'python3', '-c', ADVERTISE);
  expect(await announced()).toEqual([['ra', 'eth0']]);
  const network = await create('mynet', both);
  expect(await announced()).toEqual([['ra', 'eth0']]);
  await using endpoint = await network.connect(one);
  expect((await one.ping('fd00:a::20', { count: 1 })).received, endpoint.name).toBe(1);
  await network.close();
  expect(await announced()).toEqual([['ra', 'eth0']]);
  await shellIn(host, 'ip -6 route del default');
});
