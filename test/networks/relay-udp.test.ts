// Datagrams to a reserved port of one namespace that are served in another.
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Netns, Scope } from 'nsnet';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Reservation } from '../../lib/networks/reservation.js';
import { cable, FAR, NEAR, sockets } from '../sockets/cable.js';
import { failure, nothingLeft } from '../sockets/streams.js';
import { scaled } from '../support/scale.js';
import { relayTo, reserveIn } from './support.js';

const scope = new Scope();
/** Where the port is, and the container, which is reached from there by a cable. */
let host: Netns;
let container: Netns;
let before: number;
let reservation: Reservation;
const open: Socket[] = [];

beforeAll(async () => {
  ({ near: host, far: container } = await cable(scope));
});
afterAll(() => scope[Symbol.asyncDispose]());
beforeEach(async () => {
  before = sockets();
  reservation = await reserveIn(host, { protocol: 'udp', address: '0.0.0.0', port: 5353 });
});
afterEach(async () => {
  await reservation.close();
  for (const socket of open.splice(0)) await socket[Symbol.asyncDispose]();
  await nothingLeft(before);
});

async function socketIn(netns: Netns, bind: { host?: string; port?: number } = {}): Promise<Socket> {
  const socket = await netns.datagram((bind.host ?? FAR.inet).includes(':') ? 'udp6' : 'udp4', { bind });
  open.push(socket);
  return socket;
}

/** Says back what it hears, and from whom. */
async function echo(bind: { host?: string; port?: number } = {}): Promise<Socket> {
  const socket = await socketIn(container, { port: 53, ...bind });
  socket.on('message', (bytes, { address, port }) => {
    socket.send(`${bytes} from ${address}`, port, address);
  });
  return socket;
}

/** What comes back, and from where. */
async function ask(socket: Socket, text: string, to = '127.0.0.1', port = 5353): Promise<string> {
  const answered = once(socket, 'message', { signal: AbortSignal.timeout(5000) });
  socket.send(text, port, to);
  const [bytes, { address, port: from }] = await answered;
  return `${bytes}, by ${address} ${from}`;
}

const target = { address: FAR.inet, port: 53 };

test('what is said comes through, both ways, and the target sees this namespace', async () => {
  await echo();
  const relay = await relayTo(reservation, host, target);
  expect(`${relay}`).toBe(`UdpRelay { 0.0.0.0:5353/udp in an unnamed netns to ${FAR.inet} port 53 }`);
  const client = await socketIn(host);
  expect(await ask(client, 'one')).toBe(`one from ${NEAR.inet}, by 127.0.0.1 5353`);
  expect(await ask(client, '')).toBe(` from ${NEAR.inet}, by 127.0.0.1 5353`);
});

test('the answer comes from the address that was asked', async () => {
  await echo();
  await relayTo(reservation, host, target);
  const client = await socketIn(host);
  for (const address of ['127.0.0.1', '127.0.0.77', NEAR.inet])
    expect(await ask(client, 'x', address)).toBe(`x from ${NEAR.inet}, by ${address} 5353`);
  // Other than the kernel would choose for the way back.
  await host.addresses.add({ device: 'lo', address: '203.0.113.5/32' });
  await container.routes.add({ destination: '203.0.113.5/32', gateway: NEAR.inet });
  const remote = await socketIn(container);
  expect(await ask(remote, 'x', '203.0.113.5')).toBe(`x from ${NEAR.inet}, by 203.0.113.5 5353`);
});

test.each([
  ['::', '::1', FAR.inet],
  ['::1', '::1', FAR.inet6],
  ['::', NEAR.inet6, FAR.inet6],
  ['127.0.0.1', '127.0.0.1', FAR.inet6],
])('at %s, asked at %s, to %s: the families may differ', async (address, asked, to) => {
  await reservation.close();
  await echo({ host: to });
  reservation = await reserveIn(host, { protocol: 'udp', address, port: 5353 });
  await relayTo(reservation, host, { address: to, port: 53 });
  const client = await socketIn(host, { host: asked });
  const seen = to.includes(':') ? NEAR.inet6 : NEAR.inet;
  expect(await ask(client, 'x', asked)).toBe(`x from ${seen}, by ${asked} 5353`);
});

test('an address of one link: the answer comes by it', async () => {
  const all = await host.addresses.list({ device: 'eth0', family: 'inet6' });
  const [own] = all.filter(({ scope }) => scope === 'link').map(({ address }) => address.split('/')[0]);
  await reservation.close();
  await echo();
  reservation = await reserveIn(host, { protocol: 'udp', address: '::', port: 5353 });
  await relayTo(reservation, host, target);
  const remote = await socketIn(container, { host: '::' });
  expect(await ask(remote, 'x', `${own}%eth0`)).toBe(`x from ${NEAR.inet}, by ${own}%eth0 5353`);
});

test('many clients at once: each gets what is its own', async () => {
  await echo();
  await relayTo(reservation, host, target);
  const clients = await Promise.all(Array.from({ length: scaled(100, 10) }, () => socketIn(host)));
  for (let i = 0; i < 3; i++) {
    const answers = await Promise.all(clients.map((client, j) => ask(client, `${i} ${j}`)));
    expect(answers).toEqual(clients.map((_, j) => `${i} ${j} from ${NEAR.inet}, by 127.0.0.1 5353`));
  }
});

test('the longest datagrams, and several of one client before there is a socket, in order', async () => {
  await echo();
  await relayTo(reservation, host, target);
  const client = await socketIn(host);
  const long = 'x'.repeat(60_000);
  expect(await ask(client, long)).toBe(`${long} from ${NEAR.inet}, by 127.0.0.1 5353`);
  const other = await socketIn(host);
  const heard: string[] = [];
  const all = new Promise<void>((resolve) => {
    other.on('message', (bytes) => heard.push(String(bytes)) === 20 && resolve());
  });
  for (let i = 0; i < 20; i++) other.send(`${i}`, 5353, '127.0.0.1');
  await all;
  expect(heard).toEqual(Array.from({ length: 20 }, (_, i) => `${i} from ${NEAR.inet}`));
});

test('that nobody listens is not told, and no datagram is lost once somebody does', async () => {
  await relayTo(reservation, host, target);
  const client = await socketIn(host);
  client.connect(5353, '127.0.0.1');
  await once(client, 'connect');
  const errors: unknown[] = [];
  client.on('error', (error) => errors.push(error));
  for (let i = 0; i < 5; i++) {
    client.send('anybody?');
    await sleep(10);
  }
  await echo();
  const answered = once(client, 'message');
  client.send('now');
  expect(String((await answered)[0])).toBe(`now from ${NEAR.inet}`);
  expect(errors).toEqual([]);
});

test('a target that cannot be reached: nothing comes, and nothing breaks', async () => {
  const unreachable = { address: '198.51.100.7', port: 53 };
  const relay = await relayTo(reservation, host, unreachable);
  const client = await socketIn(host);
  for (let i = 0; i < 5; i++) {
    client.send('x', 5353, '127.0.0.1');
    await sleep(10);
  }
  await relay.close();
  await echo();
  await relayTo(reservation, host, target);
  expect(await ask(client, 'x')).toContain('x from');
});

describe('who is served', () => {
  test('those that are accepted, by their address, asked once', async () => {
    await echo();
    const asked: string[] = [];
    await relayTo(reservation, host, target, {
      accepts: (address) => {
        asked.push(address);
        return address !== FAR.inet;
      },
    });
    const [client, stranger] = await Promise.all([socketIn(host), socketIn(container)]);
    let heard = 0;
    stranger.on('message', () => heard++);
    stranger.send('x', 5353, NEAR.inet);
    for (let i = 0; i < 3; i++) expect(await ask(client, 'x')).toContain('x from');
    expect(heard).toBe(0);
    expect(asked.sort()).toEqual(['127.0.0.1', FAR.inet]);
  });

  test('of too many the one that has been silent longest is forgotten', async () => {
    const server = await socketIn(container, { port: 53 });
    const ports: number[] = [];
    server.on('message', (bytes, { address, port }) => {
      ports.push(port);
      server.send(bytes, port, address);
    });
    await relayTo(reservation, host, target, { most: 2 });
    const [a, b, c] = (await Promise.all([1, 2, 3].map(() => socketIn(host)))) as [Socket, Socket, Socket];
    // c takes the place of b, which was silent longer than a.
    for (const client of [a, b, a, c, a, b]) await ask(client, 'x');
    expect(new Set([ports[0], ports[2], ports[4]]).size).toBe(1);
    expect(ports[5]).not.toBe(ports[1]);
    expect(new Set(ports).size).toBe(4);
  });

  test('who is silent for long is forgotten, who is not is kept', async () => {
    await echo();
    const none = sockets();
    await relayTo(reservation, host, target, { idle: 200 });
    const relay = sockets();
    expect(relay).toBe(none + 1);
    const [client, other] = await Promise.all([socketIn(host), socketIn(host)]);
    await ask(other, 'x');
    // Left are the two clients and one of the two flows; sockets that were made ahead are closed by then.
    for (let i = 0; i < 200 && sockets() !== relay + 3; i++) {
      await ask(client, 'x');
      await sleep(20);
    }
    expect(sockets()).toBe(relay + 3);
    for (let i = 0; i < 200 && sockets() > relay + 2; i++) await sleep(20);
    expect(sockets()).toBe(relay + 2);
    expect(await ask(other, 'again')).toContain('again');
  });
});

describe('a flood', () => {
  test('of one client leaves the others theirs', async () => {
    await echo();
    await relayTo(reservation, host, target);
    const [flood, client] = await Promise.all([socketIn(host), socketIn(host)]);
    let over = false;
    const flooding = (async () => {
      while (!over) {
        for (let i = 0; i < 200; i++) flood.send('flood', 5353, '127.0.0.1');
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (let i = 0; i < 20; i++) {
      // Some are lost, as everywhere with UDP.
      let answer: string | undefined;
      while (answer === undefined) answer = await Promise.race([ask(client, 'x'), sleep(200, undefined)]);
      expect(answer).toContain('x from');
    }
    over = true;
    await flooding;
  });
});

describe('its end', () => {
  test('ends all, and the port stays reserved', async () => {
    await echo();
    const relay = await relayTo(reservation, host, target);
    const client = await socketIn(host);
    await ask(client, 'x');
    expect(await failure(relayTo(reservation, host, target))).toMatchObject({ code: 'EBUSY' });
    client.send('never answered', 5353, '127.0.0.1');
    await relay.close();
    await relay.close();
    expect(await failure(reserveIn(host, { protocol: 'udp', port: 5353 }))).toMatchObject({
      code: 'EADDRINUSE',
    });
    await relayTo(reservation, host, target);
    expect(await ask(client, 'x')).toContain(' from');
  });

  test('while the first datagrams wait for their sockets', async () => {
    await echo();
    const relay = await relayTo(reservation, host, target);
    const clients = await Promise.all(Array.from({ length: 20 }, () => socketIn(host)));
    for (const client of clients) client.send('x', 5353, '127.0.0.1');
    await new Promise((resolve) => setImmediate(resolve));
    await relay.close();
  });

  test('that of the namespace it is in, and of the one it sends from', async () => {
    const other = await Netns.create();
    const own = await reserveIn(other, { protocol: 'udp' });
    const relay = await relayTo(own, other, { address: '127.0.0.1', port: 53 });
    const server = await socketIn(other, { port: 53 });
    server.on('message', (bytes, { address, port }) => server.send(bytes, port, address));
    await relayTo(reservation, other, { address: '127.0.0.1', port: 53 });
    const client = await socketIn(host);
    expect(await ask(client, 'inside')).toBe('inside, by 127.0.0.1 5353');
    await other.close();
    expect([own.closed, relay.closed]).toEqual([true, true]);
    client.send('lost', 5353, '127.0.0.1');
    await sleep(20);
  });
});
