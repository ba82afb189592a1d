// Ports of endpoints that the host passes on.
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { type Netns, Network, Scope } from 'nsnet';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { failure, heard } from '../sockets/streams.js';
import { containers, expectSeen, hostOnLan, LAN, Peer, type Seen, seen } from './hosts.js';

const scope = new Scope();
let host: Netns;
let lan: Netns;
let one: Netns;
let two: Netns;
let network: Network;
let before: Seen;

/** TCP servers say who they are and who asks, to whoever connects; UDP ones to whoever sends. */
async function serve(netns: Netns, word: string, port: number): Promise<void> {
  for (const host of ['0.0.0.0', '::']) {
    const server = createServer((socket) =>
      socket.on('error', () => {}).end(`${word} ${plain(socket.remoteAddress)}`),
    );
    await scope.use(netns.listen(server, { host, port, ipv6Only: host === '::' } as never));
    const udp = await netns.datagram(host === '::' ? 'udp6' : 'udp4', {
      bind: { host, port },
      ipv6Only: true,
    } as never);
    udp.on('message', (_, { address, port }) => udp.send(`${word} ${plain(address)}`, port, address));
    sockets.push(udp);
  }
}

const sockets: Socket[] = [];
const plain = (address = '') => address.replace(/^::ffff:/, '');

beforeAll(async () => {
  ({ host, lan } = await hostOnLan(scope));
  [one, two] = (await containers(scope, 2)) as [Netns, Netns];
  const subnets = { subnet: '10.1.0.0/24', subnet6: 'fd01::/64' };
  network = await scope.use(Network.create({ netns: host, name: 'mynet', ...subnets }));
  await Promise.all([serve(one, 'one', 80), serve(one, 'one81', 81), serve(two, 'two', 80)]);
});
afterAll(async () => {
  for (const socket of sockets) socket.close();
  await scope[Symbol.asyncDispose]();
});
beforeEach(async () => {
  before = await seen(host);
});
afterEach(() => expectSeen(host, before));

const tcp = async (from: Netns, address: string, port: number): Promise<string> => {
  try {
    return await heard(await from.connect({ host: address, port, timeout: 2000 } as never));
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
};

async function udp(from: Netns, address: string, port: number): Promise<string> {
  const socket = await from.datagram(address.includes(':') ? 'udp6' : 'udp4');
  try {
    socket.on('error', () => {});
    const answered = once(socket, 'message', { signal: AbortSignal.timeout(1500) });
    socket.send('?', port, address);
    return String((await answered)[0]);
  } catch {
    return 'no answer';
  } finally {
    socket.close();
  }
}

describe.each([
  ['TCP', tcp, '8080:80'],
  ['UDP', udp, '8080:80/udp'],
] as const)('%s', (_, ask, spec) => {
  test('on all addresses: from the LAN with its own address, from the host, by loopback', async () => {
    await using endpoint = await network.connect(one, { publish: [spec] });
    expect(endpoint.published).toMatchObject([{ hostPort: 8080, containerPort: 80 }]);
    expect(await ask(lan, LAN.host.inet, 8080)).toBe(`one ${LAN.machine.inet}`);
    expect(await ask(lan, LAN.host.inet6, 8080)).toBe(`one ${LAN.machine.inet6}`);
    for (const address of [LAN.host.inet, LAN.host.inet6, '127.0.0.1', '::1', '10.1.0.1', 'fd01::1'])
      expect(await ask(host, address, 8080), address).toMatch(/^one /);
    // From itself, and from a sibling.
    await using other = await network.connect(two);
    for (const from of [one, two])
      for (const address of [LAN.host.inet, LAN.host.inet6, '10.1.0.1'])
        expect(await ask(from, address, 8080), `${other.name} ${address}`).toMatch(/^one /);
    await endpoint.close();
    expect(await ask(lan, LAN.host.inet, 8080)).not.toMatch(/one/);
    expect(await ask(host, '127.0.0.1', 8080)).not.toMatch(/one/);
  });

  test('on one address only', async () => {
    const own = (address: string) => `${address.includes(':') ? `[${address}]` : address}:${spec}`;
    {
      await using endpoint = await network.connect(one, { publish: [own('127.0.0.1')] });
      expect(await ask(host, '127.0.0.1', 8080), endpoint.name).toMatch(/^one /);
      for (const address of ['::1', LAN.host.inet])
        expect(await ask(host, address, 8080), address).not.toMatch(/one/);
      expect(await ask(lan, LAN.host.inet, 8080)).not.toMatch(/one/);
    }
    await using four = await network.connect(one, { publish: [own(LAN.host.inet)] });
    await using six = await network.connect(two, { publish: [own(LAN.host.inet6)] });
    expect(await ask(lan, LAN.host.inet, 8080), four.name).toMatch(/^one /);
    expect(await ask(lan, LAN.host.inet6, 8080), six.name).toMatch(/^two /);
    expect(await ask(host, '127.0.0.1', 8080)).not.toMatch(/one|two/);
  });

  test('goes to another container after the first has gone, at once', async () => {
    const socket = await lan.datagram('udp4', { bind: { host: LAN.machine.inet, port: 5555 } });
    const say = async () => {
      if (ask === tcp) return ask(lan, LAN.host.inet, 8080);
      const answered = once(socket, 'message', { signal: AbortSignal.timeout(1500) });
      socket.send('?', 8080, LAN.host.inet);
      return String((await answered.catch(() => ['no answer']))[0]);
    };
    const first = await network.connect(one, { publish: [spec] });
    expect(await say()).toMatch(/^one/);
    await first.close();
    expect(await say()).not.toMatch(/one/);
    await using second = await network.connect(two, { publish: [spec] });
    expect(await say(), second.name).toMatch(/^two/);
    socket.close();
  });

  test('a port that is taken, by whomever', async () => {
    const taken = { code: 'EADDRINUSE', subject: expect.stringContaining('8080'), hint: expect.any(String) };
    await using there = await network.connect(one, { publish: [spec] });
    expect(await failure(network.connect(two, { publish: [spec] }))).toMatchObject(taken);
    await using peer = await Peer.start(host);
    await peer.do('open', 'mynet');
    expect(await failure(peer.do('connect', 'mynet', null, { publish: [spec] }))).toMatchObject(taken);
    expect(there.closed).toBe(false);
    await there.close();
    const { published } = await peer.do('connect', 'mynet', null, { publish: [spec] });
    expect(published).toMatchObject([{ hostPort: 8080 }]);
    expect(await failure(network.connect(two, { publish: [spec] }))).toMatchObject(taken);
    await peer.kill();
    await Network.gc({ netns: host });
    await using again = await network.connect(two, { publish: [spec] });
    expect(await ask(lan, LAN.host.inet, 8080), again.name).toMatch(/^two/);
  });
});

test('ranges, and a free port', async () => {
  await using endpoint = await network.connect(one, {
    publish: ['8000-8001:80-81', '80', '9000-9003:81/udp'],
  });
  const [a, b, free, ranged] = endpoint.published;
  expect([a?.hostPort, b?.hostPort, ranged?.hostPort]).toEqual([8000, 8001, 9000]);
  expect(free?.hostPort).toBeGreaterThan(1023);
  expect(await tcp(lan, LAN.host.inet, 8000)).toMatch(/^one /);
  expect(await tcp(lan, LAN.host.inet, 8001)).toMatch(/^one81 /);
  expect(await tcp(lan, LAN.host.inet6, free?.hostPort as number)).toMatch(/^one /);
  expect(await udp(lan, LAN.host.inet, 9000)).toMatch(/^one81 /);
  await using next = await network.connect(two, { publish: ['9000-9003:80/udp'] });
  expect(next.published[0]?.hostPort).toBe(9001);
  expect(await udp(lan, LAN.host.inet, 9001)).toMatch(/^two /);
});

test('of a network without IPv6: also who comes by IPv6', async () => {
  await using four = await Network.create({ netns: host, name: 'four', subnet: '10.4.0.0/24' });
  await using endpoint = await four.connect(one, { publish: ['8080:80'] });
  expect(await tcp(lan, LAN.host.inet6, 8080)).toBe('one 10.4.0.1');
  expect(await tcp(host, '::1', 8080), endpoint.name).toBe('one 10.4.0.1');
});

test('without inter-container communication a published port is reached from the same network', async () => {
  await using apart = await Network.create({ netns: host, name: 'apart', subnet: '10.4.0.0/24', icc: false });
  await using web = await apart.connect(one, { publish: ['8080:80'] });
  await using other = await apart.connect(two);
  expect((await two.ping(web.address, { count: 1, timeout: 300 })).received, other.name).toBe(0);
  expect(await tcp(two, LAN.host.inet, 8080)).toMatch(/^one /);
  expect(await tcp(lan, LAN.host.inet, 8080)).toMatch(/^one /);
});

test('routed: published ports on the own addresses, and others not', async () => {
  await using routed = await Network.create({
    netns: host,
    name: 'routed',
    subnet: '10.4.0.0/24',
    gatewayMode: 'routed',
  });
  await using web = await routed.connect(one, { publish: ['80'] });
  const device = (await lan.links.list()).find(({ name }) => name === 'eth0');
  const route = { destination: '10.4.0.0/24', gateway: LAN.host.inet, device };
  await lan.routes.add(route);
  expect(await tcp(lan, web.address, 80)).toMatch(/^one 192/);
  expect(await tcp(lan, web.address, 81)).not.toMatch(/one/);
  await web.close();
  expect(await routed.inspect()).toMatchObject({ endpoints: [] });
  // Ports of the host play no part: these are one of the container's.
  const publish = ['8080:80', '8081:80', '80', '53/udp'];
  await using again = await routed.connect(one, { publish });
  expect(again.published).toEqual([
    { containerPort: 80, protocol: 'tcp' },
    { containerPort: 53, protocol: 'udp' },
  ]);
  expect(await tcp(lan, again.address, 80)).toMatch(/^one 192/);
  await lan.routes.delete(route);
});
