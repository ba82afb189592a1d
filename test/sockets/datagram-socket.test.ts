// A dgram.Socket that is none of the runtime's: what it does is what node:dgram does.
import { Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Netns, Scope } from 'nsnet';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runIn } from '../netns/support/inside.js';
import { scaled } from '../support/scale.js';
import { node, run } from '../support/witness.js';
import { cable, FAR, sockets } from './cable.js';
// @ts-expect-error: a program
import { resultsOf } from './programs/datagram-uses.mjs';
import { linkLocal, nothingLeft } from './streams.js';

const program = (name: string) => fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url));
const scope = new Scope();
let near: Netns;
let far: Netns;
let before: number;

beforeAll(async () => {
  ({ near, far } = await cable(scope));
});

afterAll(() => scope[Symbol.asyncDispose]());
beforeEach(() => {
  before = sockets();
});

describe('as node:dgram itself inside the namespace', async () => {
  await using netns = await Netns.create();
  const plain = JSON.parse(await runIn(netns, ...(node as [string, ...string[]]), program('datagram-uses')));
  const own = await resultsOf((type: 'udp4' | 'udp6', host: string) =>
    netns.datagram(type, { bind: { host } }),
  );
  test.each(Object.keys(plain))('%s', (use) => {
    expect(plain[use]).not.toBe('it hangs');
    expect(own[use]).toEqual(plain[use]);
  });
});

const next = async (socket: Socket) => {
  const [bytes, from] = await once(socket, 'message', { signal: AbortSignal.timeout(10_000) });
  return [String(bytes), from];
};

test('is a dgram.Socket', async () => {
  await using socket = await near.datagram('udp4');
  expect(socket).toBeInstanceOf(Socket);
});

describe('link-local peers', () => {
  test('are named with the device of the socket’s own namespace', async () => {
    await using server = await far.datagram('udp6');
    await using client = await near.datagram('udp6');
    const [own, other] = await Promise.all([linkLocal(near), linkLocal(far)]);
    const { port } = server.address();
    const arrived = next(server);
    client.send('hello', port, `${other}%eth0`);
    const [, from] = await arrived;
    expect(from).toEqual({ address: `${own}%eth0`, family: 'IPv6', port: client.address().port, size: 5 });
    const back = next(client);
    server.send('back', from.port, from.address);
    expect((await back)[1].address).toBe(`${other}%eth0`);
  });

  test('whatever the process’s own namespace has', async () => {
    expect(await run(node[0] as string, [...node.slice(1), program('datagrams'), 'foreign'])).toBe(
      'hello true\n',
    );
  });
});

describe('much', () => {
  test('10,000 datagrams in order', async () => {
    const count = scaled(10_000, 1000);
    await using server = await far.datagram('udp4');
    await using client = await near.datagram('udp4');
    const heard: number[] = [];
    server.on('message', (bytes, from) => {
      heard.push(Number(bytes));
      server.send('', from.port, from.address);
    });
    const { port } = server.address();
    let sent = 0;
    const done = new Promise<void>((resolve) => {
      const more = () => {
        if (heard.length === count) resolve();
        if (sent < count) client.send(String(sent++), port, FAR.inet);
      };
      client.on('message', more);
      for (let i = 0; i < 50; i++) more();
    });
    await done;
    expect(heard).toEqual(Array.from({ length: count }, (_, i) => i));
  });

  test('what there is no room for waits, in order, and is counted', async () => {
    // While nobody knows where that is, what was sent stays charged to the socket.
    const nobody = '192.168.7.77';
    await using client = await near.datagram('udp4', { sendBufferSize: 4608 });
    const other = await near.datagram('udp4', { sendBufferSize: 4608 });
    await using server = await far.datagram('udp4', { recvBufferSize: 400_000 });
    const heard: number[] = [];
    server.on('message', (bytes) => heard.push(bytes[0] as number));
    const { port } = server.address();
    const told: (Error | null)[] = [];
    const canceled: unknown[] = [];
    const bytes = Buffer.alloc(1000);
    for (let i = 0; i < 50; i++) {
      bytes[0] = i;
      client.send(bytes, port, nobody, (error) => told.push(error));
      other.send(bytes, port + 1, nobody, (error) => canceled.push((error as { code?: string })?.code));
    }
    const waiting = client.getSendQueueCount();
    expect(waiting).toBeGreaterThan(10);
    expect(client.getSendQueueSize()).toBe(1000 * waiting);
    await new Promise<void>((resolve) => other.close(resolve));
    expect(canceled.filter((code) => code === 'ECANCELED').length).toBeGreaterThan(10);
    expect(canceled).toHaveLength(50);
    await far.addresses.add({ address: `${nobody}/24`, device: 'eth0' });
    for (let i = 0; heard.length < 50 && i < 1000; i++) await sleep(10);
    expect(heard).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(told).toEqual(Array(50).fill(null));
    expect([client.getSendQueueCount(), client.getSendQueueSize()]).toEqual([0, 0]);
  });

  test('a flood leaves others their turn', async () => {
    await using server = await near.datagram('udp4', { bind: { host: '127.0.0.1' } });
    await using client = await near.datagram('udp4');
    const { port } = server.address();
    let turns = 0;
    let most = 0;
    let inTurn = 0;
    let heard = 0;
    const turn = setInterval(() => {
      turns++;
      inTurn = 0;
    }, 0);
    // Each that is heard sends two: there is always more.
    server.on('message', () => {
      heard++;
      most = Math.max(most, ++inTurn);
      for (let i = 0; i < 2; i++) client.send('x', port, '127.0.0.1');
      const end = performance.now() + 0.1;
      while (performance.now() < end);
    });
    client.send('x', port, '127.0.0.1');
    await sleep(300);
    clearInterval(turn);
    server.removeAllListeners('message');
    expect(heard).toBeGreaterThan(100);
    expect(turns).toBeGreaterThan(10);
    expect(most).toBeLessThanOrEqual(2 * 32);
  });
});

describe('names', () => {
  test('resolve inside; many to one name keep their order', async () => {
    near.hosts.set('far.test', FAR.inet);
    await using server = await far.datagram('udp4');
    await using client = await near.datagram('udp4');
    const { port } = server.address();
    const heard: string[] = [];
    server.on('message', (bytes) => heard.push(String(bytes)));
    const bytes = Buffer.from('0');
    for (let i = 0; i < 5; i++) {
      bytes[0] = 48 + i;
      client.send(bytes, port, 'far.test');
    }
    for (let i = 0; heard.length < 5 && i < 500; i++) await sleep(10);
    expect(heard).toEqual(['0', '1', '2', '3', '4']);
  });

  test('that mean nothing: told to the callback, or else by an event', async () => {
    await using client = await near.datagram('udp4');
    const told = new Promise((resolve) => client.send('x', 5000, 'nobody.test', resolve));
    expect(await told).toMatchObject({ hostname: 'nobody.test' });
    const event = new Promise((resolve) => client.once('error', resolve));
    client.send('x', 5000, 'nobody.test');
    expect(await event).toMatchObject({ hostname: 'nobody.test' });
    const refused = new Promise((resolve) => client.connect(5000, 'nobody.test', resolve as () => void));
    expect(await refused).toMatchObject({ hostname: 'nobody.test' });
    expect(client.listenerCount('connect')).toBe(0);
  });

  test('whose answer comes after close(): the callback is told', async () => {
    const client = await near.datagram('udp4');
    const told = new Promise((resolve) => client.send('x', 5000, 'nobody.test', resolve));
    client.close();
    expect(await told).toMatchObject({ code: 'ECANCELED' });
  });
});

describe('the end', () => {
  test('nothing is left open, whatever it did', async () => {
    for (let i = 0; i < scaled(100, 10); i++) {
      const socket = await near.datagram('udp4', {
        multicast: { groups: [{ group: '239.1.1.1', device: 'lo' }] },
      });
      const done = new Promise<void>((resolve) => socket.once('close', resolve));
      if (i % 2) socket.send('x', 5000, 'localhost');
      if (i % 3) socket.unref();
      if (i % 5 === 0) socket.connect(5000, '127.0.0.1');
      socket.close();
      await done;
    }
    expect(sockets()).toBeLessThanOrEqual(before);
  });

  test('the port is free when it says so', async () => {
    for (let i = 0; i < 20; i++) {
      const socket = await near.datagram('udp4', { bind: { port: 5050 } });
      await new Promise<void>((resolve) => socket.close(resolve));
    }
  });

  test('closing the namespace closes it, in a flood as well', async () => {
    const netns = await Netns.create();
    const server = await netns.datagram('udp4', { bind: { host: '127.0.0.1' } });
    const client = await netns.datagram('udp4');
    const { port } = server.address();
    server.on('message', (bytes, from) => server.send(bytes, from.port, from.address));
    client.on('message', () => client.send('x', port, '127.0.0.1'));
    for (let i = 0; i < 20; i++) client.send('x', port, '127.0.0.1');
    await once(client, 'message');
    let closed = 0;
    for (const one of [server, client]) one.on('close', () => closed++);
    for (const one of [server, client]) one.on('error', () => closed--);
    client.on('message', () => {
      client.removeAllListeners('message');
      void netns.close();
    });
    for (let i = 0; closed < 2 && i < 500; i++) await sleep(10);
    expect(closed).toBe(2);
    await nothingLeft(before);
  });

  test('of a worker that is terminated', async () => {
    for (let i = 0; i < scaled(4, 1); i++) {
      const worker = new Worker(program('datagram-worker'));
      expect(await once(worker, 'message')).toEqual(['begun']);
      await sleep(i * 5);
      await worker.terminate();
    }
    await nothingLeft(before);
  });

  test.each([
    ['unref', 'unref\n'],
    ['ref', 'closed\n'],
    ['closed', 'closed\n'],
    ['thrown', 'thrown at 1\nthrown at 2\nthrown at 3\n'],
  ])('%s: the program ends by itself', async (story, output) => {
    expect(await run(node[0] as string, [...node.slice(1), program('datagrams'), story])).toBe(output);
  });

  test('bound: it does not', async () => {
    const running = run('timeout', ['1', ...node, program('datagrams'), 'bound']);
    await expect(running).rejects.toThrow('exit code 124');
  });
});
