// Names of endpoints, as containers ask for them.
import { Netns, Network, Scope } from 'nsnet';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { a, answer, TestServer } from '../names/nameserver.js';
import { ipIn } from '../netns/support/inside.js';
import { failure } from '../sockets/streams.js';
import { containers, expectSeen, hostOnLan, LAN, Peer, type Seen, seen } from './hosts.js';

const scope = new Scope();
let host: Netns;
let lan: Netns;
let one: Netns;
let two: Netns;
let three: Netns;
let before: Seen;

beforeAll(async () => {
  ({ host, lan } = await hostOnLan(scope));
  [one, two, three] = (await containers(scope, 3)) as [Netns, Netns, Netns];
});
afterAll(() => scope[Symbol.asyncDispose]());
beforeEach(async () => {
  before = await seen(host);
});
afterEach(() => expectSeen(host, before));

/** Addresses by dig, from inside; the status where there is none. */
async function dig(netns: Netns, name: string, type = 'A'): Promise<string[] | string> {
  const args = ['@127.0.0.11', '+tries=1', '+time=3', '+noall', '+comments', '+answer', name, type];
  const { stdout } = await netns.run('dig', args, { reject: false });
  const status = /status: (\w+)/.exec(stdout)?.[1] ?? 'no answer';
  const lines = stdout.split('\n').filter((line) => line !== '' && !line.startsWith(';'));
  return status === 'NOERROR' ? lines.map((line) => line.split(/\s+/).at(-1) ?? '').sort() : status;
}

/** By getaddrinfo() of a program that is started inside. */
async function getent(netns: Netns, name: string): Promise<string[]> {
  netns.nameservers = ['127.0.0.11'];
  const { stdout } = await netns.run('getent', ['ahosts', name], { reject: false });
  return [...new Set(stdout.split('\n').flatMap((line) => line.split(' ')[0] || []))].sort();
}

test('by name, alias and name.network, whatever the case, and back', async () => {
  const subnets = { subnet: '10.6.0.0/24', subnet6: 'fd06::/64' };
  await using network = await Network.create({ netns: host, name: 'mynet', ...subnets });
  await using web = await network.connect(one, { name: 'web', aliases: ['all', 'www'] });
  await using db = await network.connect(two, { name: 'db', aliases: ['all'] });
  for (const name of ['web', 'WWW', 'web.mynet', 'www.MyNet', 'web.'])
    expect(await dig(two, name), name).toEqual([web.address]);
  expect(await dig(two, 'web', 'AAAA')).toEqual([web.address6]);
  expect(await dig(one, 'all')).toEqual([web.address, db.address].sort());
  expect(await dig(one, 'web', 'MX')).toEqual([]);
  expect(await dig(one, '2.0.6.10.in-addr.arpa', 'PTR')).toEqual(['web.mynet.']);
  for (const name of ['db', 'db.mynet', 'all'])
    expect(await getent(one, name), name).toEqual(
      (name === 'all' ? [web, db] : [db]).flatMap(({ address, address6 }) => [address, address6]).sort(),
    );
  expect(await dig(one, 'nobody')).not.toBeInstanceOf(Array);
});

test('an object of the namespace asks it without being told, and no more when it is gone', async () => {
  await using network = await Network.create({ netns: host, name: 'mynet', subnet: '10.6.0.0/24' });
  await using back = await Network.create({ netns: host, name: 'back', subnet: '10.7.0.0/24' });
  await using web = await network.connect(one, { name: 'web' });
  expect(await one.resolve('web')).toEqual([web.address]);
  await using own = await Netns.create();
  const first = await network.connect(own);
  const second = await back.connect(own);
  expect(await own.resolve('web')).toEqual([web.address]);
  await first.close();
  expect(own.nameservers).toEqual(['127.0.0.11']);
  await second.close();
  expect(own.nameservers).toEqual([]);

  own.nameservers = ['192.0.2.53'];
  await (await network.connect(own)).close();
  expect(own.nameservers).toEqual(['192.0.2.53']);
  own.nameservers = [];
  await using third = await network.connect(own, { resolver: false });
  expect([own.nameservers, third.resolvConf]).toEqual([[], undefined]);
  const fourth = await back.connect(own);
  own.nameservers = ['192.0.2.54'];
  await fourth.close();
  expect(own.nameservers).toEqual(['192.0.2.54']);
});

test('the name follows to another address, and is gone with the endpoint', async () => {
  await using network = await Network.create({ netns: host, name: 'mynet', subnet: '10.6.0.0/24' });
  await using asking = await network.connect(one, { name: 'asking' });
  let web = await network.connect(two, { name: 'web', address: '10.6.0.50' });
  expect(await dig(one, 'web')).toEqual(['10.6.0.50']);
  await web.close();
  expect(await dig(one, 'web')).not.toBeInstanceOf(Array);
  web = await network.connect(two, { name: 'web', address: '10.6.0.60' });
  expect(await dig(one, 'web')).toEqual(['10.6.0.60']);
  await network.disconnect('web');
  await using peer = await Peer.start(host);
  await peer.do('open', 'mynet');
  await peer.do('connect', 'mynet', null, { name: 'web', address: '10.6.0.70' });
  expect(await dig(one, 'web')).toEqual(['10.6.0.70']);
  await peer.kill();
  await Network.gc({ netns: host });
  expect(await dig(one, 'web')).not.toBeInstanceOf(Array);
  expect(asking.closed).toBe(false);
});

test('networks do not see one another, but who is in both sees both', async () => {
  await using a = await Network.create({ netns: host, name: 'a', subnet: '10.6.1.0/24' });
  await using b = await Network.create({ netns: host, name: 'b', subnet: '10.6.2.0/24' });
  await using first = await a.connect(one, { name: 'first' });
  await using second = await b.connect(two, { name: 'second' });
  await using inA = await a.connect(three, { name: 'both' });
  expect(await dig(one, 'second')).not.toBeInstanceOf(Array);
  expect(await dig(one, 'second.b')).not.toBeInstanceOf(Array);
  expect(await dig(three, 'second')).not.toBeInstanceOf(Array);
  const inB = await b.connect(three, { name: 'both' });
  expect(await dig(three, 'second')).toEqual([second.address]);
  expect(await dig(three, 'first')).toEqual([first.address]);
  expect(await dig(one, 'both')).toEqual([inA.address]);
  expect(await dig(two, 'both')).toEqual([inB.address]);
  expect(await dig(three, 'both.b')).toEqual([inB.address]);
  await inB.close();
  expect(await dig(three, 'second')).not.toBeInstanceOf(Array);
  expect(await dig(three, 'first')).toEqual([first.address]);
});

describe('what it does not know', () => {
  let upstream: TestServer;

  beforeAll(async () => {
    const respond = TestServer.open(lan, LAN.machine.inet, (question) =>
      answer(question, [a(question.name, '192.0.2.99')]),
    );
    upstream = await scope.use(respond);
    host.nameservers = [LAN.machine.inet];
  });
  afterAll(() => {
    host.nameservers = [];
  });

  test('goes from the host to its nameservers', async () => {
    await using network = await Network.create({ netns: host, name: 'mynet' });
    await using endpoint = await network.connect(one, { name: 'web' });
    expect(await dig(one, 'example.test')).toEqual(['192.0.2.99']);
    expect(upstream.questions()).toEqual(['A example.test']);
    expect(await dig(one, 'web')).toEqual([endpoint.address]);
    expect(upstream.questions()).toEqual([]);
  });

  test('goes nowhere from an internal network', async () => {
    await using network = await Network.create({ netns: host, name: 'mynet', internal: true });
    await using endpoint = await network.connect(one, { name: 'web' });
    expect(await dig(one, 'example.test')).not.toBeInstanceOf(Array);
    expect(await dig(one, 'web')).toEqual([endpoint.address]);
    expect(upstream.questions()).toEqual([]);
  });

  test.each([true, false])('of two networks, the internal one first: %s', async (first) => {
    await using internal = await Network.create({ netns: host, name: 'internal', internal: true });
    await using open = await Network.create({ netns: host, name: 'open' });
    const order = first ? [internal, open] : [open, internal];
    const endpoints = [];
    for (const network of order) endpoints.push(await network.connect(one));
    expect(await dig(one, 'example.test')).toEqual(['192.0.2.99']);
    await endpoints[first ? 1 : 0]?.close();
    expect(await dig(one, 'other.test')).not.toBeInstanceOf(Array);
    expect(upstream.questions()).toEqual(['A example.test']);
  });
});

describe('one resolver in a container', () => {
  test('goes on for as long as it has an endpoint, also by other objects of the namespace', async () => {
    await using network = await Network.create({ netns: host, name: 'mynet' });
    await using other = await Network.create({ netns: host, name: 'other' });
    const process = await one.spawn('sleep', ['1000']);
    try {
      const first = await network.connect(process.pid, { name: 'first' });
      const second = await other.connect(process.pid, { name: 'second' });
      expect(await dig(one, 'first')).toEqual([first.address]);
      expect(await dig(one, 'second')).toEqual([second.address]);
      await first.close();
      expect(await dig(one, 'second')).toEqual([second.address]);
      expect(await dig(one, 'first')).not.toBeInstanceOf(Array);
      await second.close();
      expect(await ipIn(one, 'link')).toHaveLength(1);
      await using again = await network.connect(one, { name: 'again' });
      expect(await dig(one, 'again')).toEqual([again.address]);
    } finally {
      await process.close();
    }
  });

  test('of an endpoint that was let be, in a namespace that is gone, none is taken for another one', async () => {
    await using network = await Network.create({ netns: host, name: 'mynet' });
    const gone = await Netns.create();
    const endpoint = await network.connect(gone);
    await gone.close();
    // The numbers of namespaces are given again.
    for (let i = 0; i < 20; i++) {
      const next = await Netns.create();
      await using again = await network.connect(next, { name: `again${i}` });
      expect(again.closed).toBe(false);
      expect(await dig(next, `again${i}`)).toEqual([again.address]);
      await again.close();
      await next.close();
    }
    await endpoint.close();
  });

  test('connecting that is aborted does not fail what is connected beside it', async () => {
    await using network = await Network.create({ netns: host, name: 'mynet' });
    for (let i = 0; i < 20; i++) {
      const controller = new AbortController();
      const aborted = network.connect(one, { name: 'aborted', signal: controller.signal });
      const kept = network.connect(one, { name: 'kept' });
      setTimeout(() => controller.abort(), i / 2);
      await Promise.allSettled([aborted]);
      const endpoint = await kept;
      expect(await dig(one, 'kept')).toEqual([endpoint.address]);
      await endpoint.close();
      await (await aborted.catch(() => undefined))?.close();
    }
  });

  test('where another nameserver is, it says so, and can be done without', async () => {
    await using network = await Network.create({ netns: host, name: 'mynet' });
    const there = await one.datagram('udp4', { bind: { host: '127.0.0.11', port: 53 } });
    expect(await failure(network.connect(one))).toMatchObject({
      code: 'EADDRINUSE',
      hint: expect.stringContaining('resolver: false'),
    });
    expect(await one.links.list()).toHaveLength(1);
    await using endpoint = await network.connect(one, { resolver: false });
    expect(endpoint.resolvConf).toBeUndefined();
    await new Promise<void>((resolve) => there.close(resolve));
  });
});
