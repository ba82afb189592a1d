// A network whose bridge is in a namespace of its own: nothing of it is left by who is killed.
import { createServer } from 'node:net';
import { Changes, Netns, Network, Scope, Veth } from 'nsnet';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { failure } from '../sockets/streams.js';
import { containers, expectSeen, hostOnLan, LAN, Peer, type Seen, seen, tables } from './hosts.js';

const scope = new Scope();
let host: Netns;
let lan: Netns;
let web: Netns;
let client: Netns;
let before: Seen;

const answering = (name: string) =>
  createServer((socket) => {
    socket.on('error', () => {});
    socket.end(`${name} sees ${socket.remoteAddress?.replace('::ffff:', '')}`);
  });

beforeAll(async () => {
  ({ host, lan } = await hostOnLan(scope));
  [web, client] = (await containers(scope, 2)) as [Netns, Netns];
  scope.use(web.listen(answering('web'), { port: 80 }));
  scope.use(lan.listen(answering('lan'), { port: 80 }));
});
afterAll(() => scope[Symbol.asyncDispose]());
beforeEach(async () => {
  before = await seen(host);
});
afterEach(() => expectSeen(host, before));

const deleteTable = (name: string) => new Changes().deleteTable({ family: 'inet', name });

async function ask(from: Netns, to: string, port: number): Promise<string> {
  try {
    let text = '';
    const socket = await from.connect({ host: to, port, signal: AbortSignal.timeout(1500) });
    for await (const chunk of socket) text += chunk;
    return text;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

test('does what a bridge of the host does', async () => {
  const network = await Network.create({
    name: 'routed',
    netns: host,
    router: true,
    subnet: '172.30.0.0/24',
    subnet6: 'fd00:30::/64',
  });
  const endpoint = await network.connect(web, { name: 'web', publish: ['8888:80', '127.0.0.1:9999:80'] });
  await network.connect(client, { name: 'client' });
  client.nameservers = ['127.0.0.11'];
  expect({
    outside: await ask(lan, LAN.host.inet, 8888),
    outside6: await ask(lan, LAN.host.inet6, 8888),
    loopback: await ask(host, '127.0.0.1', 8888),
    onlyLoopback: await ask(host, '127.0.0.1', 9999),
    notOutside: await ask(lan, LAN.host.inet, 9999),
    hostItself: await ask(host, LAN.host.inet, 8888),
    sibling: await ask(client, endpoint.address, 80),
    hairpin: await ask(web, LAN.host.inet, 8888),
    way: await ask(client, LAN.machine.inet, 80),
    way6: await ask(client, LAN.machine.inet6, 80),
  }).toEqual({
    outside: `web sees ${LAN.machine.inet}`,
    outside6: `web sees ${LAN.machine.inet6}`,
    loopback: `web sees ${LAN.host.inet}`,
    onlyLoopback: `web sees ${LAN.host.inet}`,
    notOutside: 'ECONNREFUSED',
    hostItself: `web sees ${LAN.host.inet}`,
    sibling: expect.stringContaining('web sees 172.30.0.'),
    hairpin: `web sees ${LAN.host.inet}`,
    way: `lan sees ${LAN.host.inet}`,
    way6: `lan sees ${LAN.host.inet6}`,
  });
  expect(await ask(client, 'web', 80)).toMatch(/^web sees (172\.30\.0\.|fd00:30:)/);
  // Who knows the way to the subnet reaches what is published, and nothing else.
  await lan.routes.add({ destination: '172.30.0.0/24', gateway: LAN.host.inet });
  expect(await ask(lan, endpoint.address, 80)).toBe('ABORT_ERR');
  await lan.routes.delete({ destination: '172.30.0.0/24' });
  client.nameservers = [];
  await network.close();
});

test('has no bridge and no address in the host, and rules that belong to a socket', async () => {
  const network = await Network.create({
    name: 'routed',
    netns: host,
    router: true,
    subnet: '172.30.0.0/24',
  });
  expect(await host.links.list({ kind: 'bridge' })).toEqual([]);
  const { rules } = await host.nftables.list({ family: 'inet', table: 'nsnet-routed' });
  expect(rules.length).toBeGreaterThan(0);
  expect(await failure(host.nftables.apply(deleteTable('nsnet-routed')))).toMatchObject({ code: 'EPERM' });
  expect(await tables(host)).toEqual(['nsnet-routed', 'nsnet-routed/opened']);
  expect(await Network.list({ netns: host })).toMatchObject([{ name: 'routed', subnet: '172.30.0.0/24' }]);
  expect(await failure(Network.open('routed', { netns: host }))).toMatchObject({
    code: 'ERR_NSNET_UNSUPPORTED',
  });
  expect(await failure(Network.create({ name: 'routed', netns: host }))).toMatchObject({ code: 'EEXIST' });
  await network.close();
});

test.each([
  ['internal', { internal: true }],
  ['isolated', { isolated: true }],
  ['without inter-container communication', { icc: false }],
])('%s', async (_, options) => {
  const network = await Network.create({
    name: 'routed',
    netns: host,
    router: true,
    subnet: '172.30.0.0/24',
    ...options,
  });
  const { address } = await network.connect(web);
  await network.connect(client);
  const closed = 'internal' in options || 'isolated' in options;
  const answers = {
    sibling: (await ask(client, address, 80)).startsWith('web sees'),
    out: (await ask(client, LAN.machine.inet, 80)).startsWith('lan sees'),
    host: (await ask(host, address, 80)).startsWith('web sees'),
  };
  expect(answers).toEqual({ sibling: !('icc' in options), out: !closed, host: !('isolated' in options) });
  await network.close();
});

test('two of them are apart', async () => {
  const one = await Network.create({ name: 'one', netns: host, router: true });
  const two = await Network.create({ name: 'two', netns: host, router: true });
  const { address } = await one.connect(web);
  await two.connect(client);
  expect(await ask(client, address, 80)).toBe('ABORT_ERR');
  await one.close();
  await two.close();
});

test('of one whose process is killed the host is no router for others, and gc() turns off what was turned on', async () => {
  await using other = await Netns.create();
  await Veth.create(
    { netns: host, name: 'eth9', up: true, addresses: ['198.51.100.1/24'] },
    { netns: other, name: 'eth0', up: true, addresses: ['198.51.100.2/24'] },
  );
  await other.routes.add({ destination: 'default', gateway: '198.51.100.1' });
  await using _ = await other.listen(
    createServer((socket) => socket.end('other')),
    { port: 80 },
  );
  await lan.routes.add({ destination: '198.51.100.0/24', gateway: LAN.host.inet });
  const own = await seen(host);
  const passes = () => ask(lan, '198.51.100.2', 80);
  expect(await passes()).toBe('ABORT_ERR');
  await using peer = await Peer.start(host);
  const options = { router: true, subnet: '172.30.0.0/24', subnet6: 'fd00:30::/64' };
  await peer.do('create', { name: 'routed', ...options });
  expect(await passes()).toBe('ABORT_ERR');
  await peer.kill();
  expect(await host.sysctl('net.ipv4.conf.eth9.forwarding')).toBe('1');
  expect(await passes()).toBe('ABORT_ERR');
  // One that is connected needs it still.
  const network = await Network.create({ netns: host, name: 'next' });
  await Network.gc({ netns: host });
  expect(await host.sysctl('net.ipv4.conf.eth9.forwarding')).toBe('1');
  await network.close();
  await expectSeen(host, own);
  expect(await Network.gc({ netns: host })).toEqual({ networks: [], endpoints: [], tables: [] });
  await lan.routes.delete({ destination: '198.51.100.0/24' });
  await (await host.links.get('eth9')).delete();
});
