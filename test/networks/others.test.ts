// What others do to a network of ours meanwhile: another process, another object, an administrator.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Changes, Netns, Network, Scope } from 'nsnet';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { failure } from '../sockets/streams.js';
import { scaled } from '../support/scale.js';
import { containers, hostOnLan, LAN, Peer } from './hosts.js';

const scope = new Scope();
let host: Netns;
let lan: Netns;
let some: Netns[];

beforeAll(async () => {
  ({ host, lan } = await hostOnLan(scope));
  some = await containers(scope, 3);
});
afterEach(() => Peer.endAll());
afterAll(() => scope[Symbol.asyncDispose]());

const container = (i: number) => some[i] as Netns;
const create = (options = {}) => Network.create({ netns: host, name: 'mynet', ...options });
const open = (options = {}) => Network.open('mynet', { netns: host, ...options });

/** What the LAN hears at a port of the host. */
async function heard(port: number): Promise<string | undefined> {
  try {
    const signal = AbortSignal.timeout(700);
    let text = '';
    for await (const piece of await lan.connect({ host: LAN.host.inet, port, signal })) text += piece;
    return text;
  } catch {
    return undefined;
  }
}

const rulesOf = (network: string) => host.nftables.list({ family: 'inet', table: `nsnet-${network}` });

describe('published ports lead to nobody else', () => {
  const saying = (text: string) => createServer((socket) => socket.on('error', () => {}).end(text));

  const holding = () => createServer((socket) => socket.on('error', () => {}));

  test('when another process takes the container off and connects the next', async () => {
    await using network = await create();
    const web = await network.connect(container(0), { name: 'web', publish: ['8888:80'] });
    await using peer = await Peer.start(host, [container(1)]);
    await peer.do('open', 'mynet');
    await peer.do('disconnect', 'mynet', 'web');
    await using _ = await container(1).listen(saying('secret'), { port: 80, host: '0.0.0.0' });
    const hint = /^Ports that are published still lead to this address/;
    const again = failure(peer.do('connect', 'mynet', 0, { address: web.address }));
    expect(await again).toMatchObject({ code: 'EADDRINUSE', hint: expect.stringMatching(hint) });
    const next = await peer.do('connect', 'mynet', 0, { name: 'secret' });
    expect(next.address).not.toBe(web.address);
    expect(await heard(8888)).toBeUndefined();
    await peer.do('closeEndpoint', 'secret');
    await web.close();
    expect(await peer.do('connect', 'mynet', 0, { name: 'web' })).toMatchObject({ address: web.address });
    await peer.do('close', 'mynet');
  });

  test('when the container vanishes', async () => {
    await using network = await create();
    const gone = await Netns.create();
    const web = await network.connect(gone, { publish: ['8888:80'] });
    const device = web.hostLink.name;
    await gone.close();
    await expect.poll(() => failure(host.links.get(device))).toMatchObject({ code: 'ENODEV' });
    await using _ = await container(1).listen(saying('secret'), { port: 80, host: '0.0.0.0' });
    const next = await network.connect(container(1));
    expect(next.address).not.toBe(web.address);
    expect(await heard(8888)).toBeUndefined();
    await next.close();
    await web.close();
    await using again = await network.connect(container(1));
    expect(again.address).toBe(web.address);
  });

  /** A connection of the LAN's that nobody has ended, as the host remembers it. */
  async function heldFrom(localPort: number): Promise<void> {
    const { inet: address } = LAN.host;
    const socket = await lan.connect({
      host: address,
      port: 8888,
      localAddress: LAN.machine.inet,
      localPort,
    });
    const [link] = (await lan.links.list({ up: true })).filter(({ name }) => name !== 'lo');
    await link?.down();
    await once(socket.resetAndDestroy(), 'close');
    await link?.up();
  }

  async function again(localPort: number): Promise<string | undefined> {
    const { inet: address } = LAN.host;
    const from = { localAddress: LAN.machine.inet, localPort };
    const signal = AbortSignal.timeout(2000);
    return lan.connect({ host: address, port: 8888, ...from, signal }).then(
      (socket) => `${socket.destroy() && 'connected'}`,
      ({ code }) => code,
    );
  }

  test('by connections that are remembered', async () => {
    await using network = await create();
    const web = await network.connect(container(0), { publish: ['8888:80'] });
    await using _web = await container(0).listen(holding(), { port: 80, host: '0.0.0.0' });
    await heldFrom(40_001);
    await web.close();
    await using next = await network.connect(container(1), { address: web.address });
    await using _secret = await container(1).listen(saying('secret'), { port: 80, host: '0.0.0.0' });
    expect(await again(40_001), next.address).toBe('ECONNREFUSED');
  });

  test('by connections that are remembered of one whose process was killed', async () => {
    await using network = await create();
    await using peer = await Peer.start(host, [container(0)]);
    await peer.do('open', 'mynet');
    const web = await peer.do('connect', 'mynet', 0, { publish: ['8888:80'] });
    await using _web = await container(0).listen(holding(), { port: 80, host: '0.0.0.0' });
    await heldFrom(40_002);
    await peer.kill();
    await Network.gc({ netns: host });
    await using next = await network.connect(container(1), { address: web.address });
    await using _secret = await container(1).listen(saying('secret'), { port: 80, host: '0.0.0.0' });
    expect(await again(40_002), next.address).toBe('ECONNREFUSED');
  });

  test('an endpoint that could not be made holds no address', async () => {
    await using network = await create();
    await using _ = await host.listen(createServer(), { port: 8888, host: '0.0.0.0' });
    const publish = ['8888:80'];
    expect(await failure(network.connect(container(0), { publish }))).toMatchObject({ code: 'EADDRINUSE' });
    await using endpoint = await network.connect(container(0));
    expect(endpoint.address).toBe('172.17.0.2');
  });
});

describe('a network that somebody has removed, and another one of its name', () => {
  test('is not removed by the object of the first, nor are its rules replaced', async () => {
    const first = await create();
    const other = await open();
    await other.remove({ force: true });
    const second = await create({ internal: true });
    const before = await rulesOf('mynet');
    // Whoever looks after rules looks now.
    await host.nftables.apply(
      new Changes().addElements({ family: 'inet', table: 'nsnet-mynet', name: 'opened', type: 'ifname' }, [
        'nowhere',
      ]),
    );
    await sleep(300);
    expect((await rulesOf('mynet')).rules).toEqual(before.rules);
    const works = [
      () => first.inspect(),
      () => first.repair(),
      () => first.connect(container(0), { resolver: false }),
    ];
    for (const work of works) expect((await failure(work())).code).toMatch(/^(ENOENT|ENODEV)$/);
    await first.close();
    await other.close();
    expect((await rulesOf('mynet')).rules).toEqual(before.rules);
    expect(await second.inspect()).toMatchObject({ internal: true, endpoints: [] });
    await second.close();
    expect((await rulesOf('mynet')).tables).toEqual([]);
  });

  test('has its rules, at whatever moment the first one goes', async () => {
    await using peer = await Peer.start(host);
    let met = 0;
    const rounds = scaled(40, 10);
    for (let i = 0; i < rounds; i++) {
      await peer.do('create', { name: 'mynet', repair: false });
      const closing = peer.do('close', 'mynet');
      let network: Network | undefined;
      while (!network) network = await create({ repair: false }).catch(taken);
      met++;
      await closing;
      expect((await rulesOf('mynet')).rules.length).toBeGreaterThan(5);
      await network.close();
    }
    expect(met).toBe(rounds);
    expect((await rulesOf('mynet')).tables).toEqual([]);
  }, 60_000);

  function taken(error: NodeJS.ErrnoException): undefined {
    if (error.code !== 'EEXIST') throw error;
  }
});

describe('EBUSY', () => {
  test.each(['remove', 'close'] as const)('of %s() changes nothing', async (how) => {
    const network = await create();
    const web = await network.connect(container(0), { name: 'web', publish: ['8888:80'] });
    const other = await open({ repair: false });
    const stranger = await other.connect(container(1), { name: 'stranger' });
    expect(await failure(network[how]())).toMatchObject({
      code: 'EBUSY',
      hint: expect.stringMatching(/^Connected to it: stranger\./),
    });
    expect((await network.inspect()).endpoints.map(({ name }) => name)).toEqual(['web', 'stranger']);
    expect(web.closed).toBe(false);
    // And it is looked after as before.
    await host.nftables.apply(new Changes().deleteTable({ family: 'inet', name: 'nsnet-mynet' }));
    await expect.poll(async () => (await rulesOf('mynet')).tables.length).toBe(1);
    await stranger.close();
    await other.close();
    await network.close();
    expect(await Network.list({ netns: host })).toEqual([]);
  });
});

test('an endpoint is taken off though its resolver cannot go on', async () => {
  await using one = await create({ name: 'one' });
  await using two = await create({ name: 'two' });
  const inner = container(2);
  await using again = await Netns.open({ fd: inner.fd });
  const first = await one.connect(inner, { publish: ['8888:80'] });
  const second = await two.connect(again);
  // Nobody would be heard at 127.0.0.11 now, where it moves to the other object of the namespace.
  await (await inner.links.get('lo')).down();
  expect(await failure(first.close())).toMatchObject({ code: 'EADDRNOTAVAIL' });
  expect((await one.inspect()).endpoints).toEqual([]);
  expect(await failure(host.connect({ host: '127.0.0.1', port: 8888 }))).toMatchObject({
    code: 'ECONNREFUSED',
  });
  await second.close();
});
