// Connections to a reserved port of one namespace that are served in another.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Netns, Scope } from 'nsnet';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Reservation } from '../../lib/networks/reservation.js';
import { cable, FAR, NEAR, sockets } from '../sockets/cable.js';
import { failure, heard, nothingLeft, saying } from '../sockets/streams.js';
import { scaled } from '../support/scale.js';
import { echoing, endOf, heardOf, relayTo, reserveIn } from './support.js';

const scope = new Scope();
/** Where the port is, and the container, which is reached from there by a cable. */
let host: Netns;
let container: Netns;
let before: number;
let reservation: Reservation;

beforeAll(async () => {
  ({ near: host, far: container } = await cable(scope));
});
afterAll(() => scope[Symbol.asyncDispose]());
beforeEach(async () => {
  before = sockets();
  reservation = await reserveIn(host, { address: '0.0.0.0', port: 8080 });
});
afterEach(async () => {
  await reservation.close();
  await nothingLeft(before);
});

const dial = (options: object = {}): Promise<Socket> =>
  host.connect({ host: '127.0.0.1', port: 8080, allowHalfOpen: true, ...options });
const target = { address: FAR.inet, port: 80 };

test('what is said comes through, both ways, and the target sees this namespace', async () => {
  const seen: (string | undefined)[] = [];
  const server = echoing().on('connection', ({ remoteAddress }) => seen.push(remoteAddress));
  await using listener = await container.listen(server, { port: 80 });
  const relay = await relayTo(reservation, host, target);
  expect(`${relay}`).toBe(`TcpRelay { 0.0.0.0:8080/tcp in an unnamed netns to ${FAR.inet} port 80 }`);
  const socket = await dial();
  socket.end('hello');
  expect(await heard(socket)).toBe('hello');
  expect(seen.map((address) => address?.replace('::ffff:', ''))).toEqual([NEAR.inet]);
  expect(listener.port).toBe(80);
});

test('megabytes, unchanged, on several connections at once', async () => {
  await using _ = await container.listen(echoing(), { port: 80 });
  await relayTo(reservation, host, target);
  const bytes = randomBytes(scaled(8_000_000, 500_000));
  const digest = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');
  const all = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const socket = await dial();
      socket.end(bytes);
      return digest(await buffer(socket));
    }),
  );
  expect(all).toEqual(Array(4).fill(digest(bytes)));
});

test.each([
  ['::1', FAR.inet],
  ['127.0.0.1', FAR.inet6],
])('from %s to %s: the families may differ', async (address, to) => {
  await reservation.close();
  await using _ = await container.listen(saying('here'), { port: 80 });
  reservation = await reserveIn(host, { address, port: 8080 });
  await relayTo(reservation, host, { address: to, port: 80 });
  expect(await heard(await dial({ host: address }))).toBe('here');
});

test('connections that came before the relay are served by it', async () => {
  const early = await dial();
  await using _ = await container.listen(saying('late'), { port: 80 });
  await relayTo(reservation, host, target);
  expect(await heard(early)).toBe('late');
});

describe('half-closed connections', () => {
  test('the client has said all: the server answers for as long as it likes', async () => {
    const server = createServer({ allowHalfOpen: true }, async (socket) => {
      const said = await heardOf(socket);
      socket.write('you said ');
      await sleep(100);
      socket.end(said);
    });
    await using _ = await container.listen(server, { port: 80 });
    await relayTo(reservation, host, target);
    const socket = await dial();
    socket.end('this');
    expect(await heard(socket)).toBe('you said this');
  });

  test('the server has said all: the client goes on', async () => {
    let resolve: (text: string) => void = () => {};
    const said = new Promise<string>((done) => {
      resolve = done;
    });
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.end('bye');
      heardOf(socket).then(resolve);
    });
    await using _ = await container.listen(server, { port: 80 });
    await relayTo(reservation, host, target);
    const socket = await dial();
    expect(await heardOf(socket)).toBe('bye');
    socket.write('still ');
    await sleep(50);
    socket.end('here');
    expect(await said).toBe('still here');
  });
});

describe('what breaks one side resets the other', () => {
  test('nobody listens', async () => {
    await relayTo(reservation, host, target);
    expect(await endOf(dial())).toBe('ECONNRESET');
  });

  test('nobody answers', async () => {
    await relayTo(reservation, host, { address: '192.168.7.77', port: 80 }, { connectTimeout: 50 });
    expect(await endOf(dial())).toBe('ECONNRESET');
  });

  test('there is no way', async () => {
    await relayTo(reservation, host, { address: '198.51.100.7', port: 80 });
    expect(await endOf(dial())).toBe('ECONNRESET');
  });

  test('the server resets', async () => {
    const server = createServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
    await using _ = await container.listen(server, { port: 80 });
    await relayTo(reservation, host, target);
    const socket = await dial();
    socket.write('x');
    expect(await endOf(socket)).toBe('ECONNRESET');
  });

  test('the client resets', async () => {
    const server = createServer();
    await using _ = await container.listen(server, { port: 80 });
    await relayTo(reservation, host, target);
    const arrived = once(server, 'connection');
    const socket = await dial();
    const [accepted] = (await arrived) as [Socket];
    const end = endOf(accepted);
    socket.resetAndDestroy();
    expect(await end).toBe('ECONNRESET');
  });

  test('the client resets while the target is being connected to', async () => {
    await relayTo(reservation, host, { address: '192.168.7.78', port: 80 }, { connectTimeout: 300 });
    const socket = await dial();
    socket.resetAndDestroy();
    await sleep(400);
    await nothingLeft(before + 3);
  });
});

test('a reader that does not read stops the writer: nothing piles up', async () => {
  const server = createServer({ pauseOnConnect: true });
  await using _ = await container.listen(server, { port: 80 });
  await relayTo(reservation, host, target);
  const arrived = once(server, 'connection');
  const socket = await dial();
  const [accepted] = (await arrived) as [Socket];
  const piece = Buffer.alloc(1 << 20, 'x');
  const memory = process.memoryUsage.rss();
  let sent = 0;
  // More than all buffers of the kernel's on the way.
  while (sent < 256 && (socket.write(piece) || (await Promise.race([once(socket, 'drain'), sleep(500)]))))
    sent++;
  expect(sent).toBeLessThan(200);
  expect(process.memoryUsage.rss() - memory).toBeLessThan(100e6);
  const read = buffer(accepted);
  socket.end();
  expect((await read).length).toBe((sent + 1) * piece.length);
  accepted.destroy();
});

describe('who is served', () => {
  test('those that are accepted, by their address; others are reset', async () => {
    await using _ = await container.listen(saying('welcome'), { port: 80 });
    const asked: string[] = [];
    await relayTo(reservation, host, target, {
      accepts: (address) => {
        asked.push(address);
        return address === '127.0.0.1';
      },
    });
    expect(await heard(await dial())).toBe('welcome');
    expect(await endOf(container.connect({ host: NEAR.inet, port: 8080 }))).toBe('ECONNRESET');
    expect(asked).toEqual(['127.0.0.1', FAR.inet]);
  });

  test('so many at a time', async () => {
    await using _ = await container.listen(echoing(), { port: 80 });
    await relayTo(reservation, host, target, { most: 2 });
    const two = await Promise.all([dial(), dial()]);
    for (const socket of two) {
      socket.write('x');
      await once(socket, 'data');
    }
    expect(await endOf(dial())).toBe('ECONNRESET');
    const gone = two.map((socket) => endOf(socket.end()));
    await Promise.all(gone);
    await sleep(20);
    const again = await dial();
    again.end('again');
    expect(await heard(again)).toBe('again');
  });

  test('500 in a row, 50 at a time', async () => {
    await using _ = await container.listen(echoing(), { port: 80 });
    await relayTo(reservation, host, target);
    for (let i = 0; i < scaled(10, 1); i++) {
      const words = await Promise.all(
        Array.from({ length: 50 }, async (_, j) => {
          const socket = await dial();
          socket.end(`${i} ${j}`);
          return heard(socket);
        }),
      );
      expect(words).toEqual(words.map((_, j) => `${i} ${j}`));
    }
  });
});

describe('its end', () => {
  test('ends its connections, and the port stays reserved; it is relayed anew elsewhere', async () => {
    await using first = await container.listen(echoing(), { port: 80 });
    await using second = await container.listen(saying('second'), { port: 81 });
    expect([first.port, second.port]).toEqual([80, 81]);
    const relay = await relayTo(reservation, host, target);
    const socket = await dial();
    socket.write('x');
    await once(socket, 'data');
    expect(await failure(relayTo(reservation, host, target))).toMatchObject({
      code: 'EBUSY',
      subject: '0.0.0.0:8080/tcp in an unnamed netns',
    });
    const end = endOf(socket);
    await relay.close();
    await relay.close();
    expect(['end', 'ECONNRESET']).toContain(await end);
    expect(await failure(reserveIn(host, { port: 8080 }))).toMatchObject({ code: 'EADDRINUSE' });
    await relayTo(reservation, host, { ...target, port: 81 });
    expect(await heard(await dial())).toBe('second');
    socket.destroy();
  });

  test('in the middle of connecting, and of megabytes', async () => {
    await using _ = await container.listen(echoing(), { port: 80 });
    const relay = await relayTo(reservation, host, target);
    const socket = await dial();
    socket.on('error', () => {}).resume();
    socket.write(Buffer.alloc(10_000_000));
    await once(socket, 'data');
    const dialling = Array.from({ length: 10 }, () => dial());
    for (const one of await Promise.all(dialling)) one.on('error', () => {}).resume();
    await relay.close();
    await reservation.close();
    socket.destroy();
    expect(await failure(dial())).toMatchObject({ code: 'ECONNREFUSED' });
    for (const one of await Promise.all(dialling)) one.destroy();
  });

  test('that of the namespace it is in, and of the one it connects from', async () => {
    const other = await Netns.create();
    const own = await reserveIn(other);
    await using _ = await other.listen(saying('inside'), { port: 80 });
    const relay = await relayTo(own, other, { address: '127.0.0.1', port: 80 });
    await relayTo(reservation, other, { address: '127.0.0.1', port: 80 });
    expect(await heard(await dial())).toBe('inside');
    await other.close();
    expect([own.closed, relay.closed]).toEqual([true, true]);
    expect(await endOf(dial())).toBe('ECONNRESET');
  });
});

test.each<[object, object, string]>([
  [{ address: 'web' }, {}, 'ERR_INVALID_ARG_VALUE'],
  [{ port: 0 }, {}, 'ERR_OUT_OF_RANGE'],
  [{}, { accepts: true }, 'ERR_INVALID_ARG_TYPE'],
  [{}, { most: 0 }, 'ERR_OUT_OF_RANGE'],
  [{}, { connectTimeout: -1 }, 'ERR_OUT_OF_RANGE'],
  [{}, { idle: Number.POSITIVE_INFINITY }, 'ERR_OUT_OF_RANGE'],
  [{}, { accept: () => true }, 'ERR_INVALID_ARG_VALUE'],
])('%j, %j is refused', async (to, options, code) => {
  expect(await failure(relayTo(reservation, host, { ...target, ...to }, options))).toMatchObject({ code });
  expect(await failure(relayTo(reservation, host, target, 1 as never))).toMatchObject({
    code: 'ERR_INVALID_ARG_TYPE',
  });
});

test('of a reservation that is closed', async () => {
  await reservation.close();
  expect(await failure(relayTo(reservation, host, target))).toMatchObject({ code: 'ERR_NSNET_CLOSED' });
});
