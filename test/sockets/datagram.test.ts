// netns.datagram(): UDP sockets inside a namespace.
import type { RemoteInfo, Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DatagramOptions, Netns, Scope } from 'nsnet';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { scaled } from '../support/scale.js';
import { cable, FAR, NEAR, sockets } from './cable.js';
import { failure, linkLocal, nothingLeft } from './streams.js';

const scope = new Scope();
let near: Netns;
let far: Netns;
let before: number;
const open: Socket[] = [];

beforeAll(async () => {
  ({ near, far } = await cable(scope));
});

afterAll(() => scope[Symbol.asyncDispose]());
beforeEach(() => {
  before = sockets();
});
afterEach(async () => {
  for (const socket of open.splice(0)) if (running(socket)) socket.close();
  await nothingLeft(before);
});

function running(socket: Socket): boolean {
  try {
    return socket.address() !== undefined;
  } catch {
    return false;
  }
}

async function udp(netns: Netns, type: 'udp4' | 'udp6', options?: DatagramOptions): Promise<Socket> {
  const socket = await netns.datagram(type, options);
  open.push(socket);
  return socket;
}

const heard = async (socket: Socket): Promise<[string, RemoteInfo]> => {
  const [data, from] = (await once(socket, 'message', { signal: AbortSignal.timeout(5000) })) as [
    Buffer,
    RemoteInfo,
  ];
  return [String(data), from];
};

describe('unicast', () => {
  test.each([
    ['udp4', FAR.inet, NEAR.inet],
    ['udp6', FAR.inet6, NEAR.inet6],
  ] as const)('%s', async (type, address, from) => {
    const server = await udp(far, type, { bind: { port: 5000 } });
    expect(server.address()).toMatchObject({ address: type === 'udp4' ? '0.0.0.0' : '::', port: 5000 });
    const client = await udp(near, type);
    const { port } = client.address();
    expect(port).toBeGreaterThan(0);
    const arrived = heard(server);
    client.send('hello', 5000, address);
    const [data, info] = await arrived;
    expect([data, info.address, info.port]).toEqual(['hello', from, port]);
    const back = heard(client);
    server.send('and back', info.port, info.address);
    expect((await back)[0]).toBe('and back');
  });

  test('connected: to a name, and refused where nobody listens', async () => {
    near.hosts.set('far.test', [FAR.inet6, FAR.inet]);
    const server = await udp(far, 'udp4', { bind: { host: FAR.inet, port: 5001 } });
    const client = await udp(near, 'udp4');
    client.connect(5001, 'far.test');
    await once(client, 'connect');
    expect(client.remoteAddress()).toMatchObject({ address: FAR.inet, port: 5001 });
    const arrived = heard(server);
    client.send('connected');
    expect((await arrived)[0]).toBe('connected');
    server.close();
    const refused = once(client, 'error').catch((error) => error);
    client.send('again', () => {});
    await sleep(30);
    client.send('again', (error) => error && client.emit('error', error));
    expect(await Promise.race([refused, sleep(3000, ['none'])])).toMatchObject([{ code: 'ECONNREFUSED' }]);
  });

  test('localhost and names of netns.hosts are the namespace’s own', async () => {
    near.hosts.set('own.test', '127.0.0.1');
    const server = await udp(near, 'udp4', { bind: { host: 'localhost', port: 5002 } });
    expect(server.address().address).toBe('127.0.0.1');
    const client = await udp(near, 'udp4');
    for (const host of ['localhost', 'own.test', undefined]) {
      const arrived = heard(server);
      client.send('x', 5002, host);
      expect((await arrived)[0]).toBe('x');
    }
  });

  test('an unknown name is an error of send()', async () => {
    const client = await udp(near, 'udp4');
    const error = await new Promise((resolve) => client.send('x', 5000, 'nobody.test', resolve));
    expect(error).toMatchObject({ hostname: 'nobody.test' });
  });

  test('to a link-local address, with its device or over a socket of that', async () => {
    const [address, own] = await Promise.all([linkLocal(far), linkLocal(near)]);
    const scoped = `${address}%eth0`;
    const server = await udp(far, 'udp6', { bind: { host: scoped, port: 5003 } });
    expect(server.address()).toEqual({ address: scoped, family: 'IPv6', port: 5003 });
    const bound = await udp(near, 'udp6', { device: 'eth0' });
    const unbound = await udp(near, 'udp6');
    for (const [client, host] of [
      [bound, scoped],
      [bound, address],
      [unbound, scoped],
      [unbound, `${address}%${(await near.links.get('eth0')).index}`],
    ] as const) {
      const arrived = heard(server);
      client.send('scoped', 5003, host);
      const [data, from] = await arrived;
      expect([data, from.address]).toEqual(['scoped', `${own}%eth0`]);
      const back = heard(client);
      server.send('back', from.port, from.address);
      expect((await back)[1].address).toBe(scoped);
    }
    unbound.connect(5003, scoped);
    await once(unbound, 'connect');
    expect(unbound.remoteAddress()).toEqual({ address: scoped, family: 'IPv6', port: 5003 });
    const plain = await udp(near, 'udp6');
    for (const [host, code] of [
      [FAR.inet, 'EINVAL'],
      [`${address}%eth9`, 'ENODEV'],
    ]) {
      const error = await new Promise((resolve) => plain.send('x', 5003, host, resolve));
      expect(error).toMatchObject({
        code,
        syscall: 'send',
        address: host,
        port: 5003,
        hint: expect.any(String),
      });
    }
  });

  test('of one device alone', async () => {
    const bound = await udp(far, 'udp4', { device: 'lo', bind: { port: 5004 } });
    const client = await udp(near, 'udp4');
    let count = 0;
    bound.on('message', () => count++);
    client.send('from elsewhere', 5004, FAR.inet);
    await sleep(50);
    expect(count).toBe(0);
    const own = await udp(far, 'udp4');
    const arrived = heard(bound);
    own.send('from here', 5004, '127.0.0.1');
    expect((await arrived)[0]).toBe('from here');
  });

  test('broadcast', async () => {
    const server = await udp(far, 'udp4', { bind: { port: 5005 } });
    const client = await udp(near, 'udp4', { broadcast: true });
    const arrived = heard(server);
    client.send('all of you', 5005, '192.168.7.255');
    expect((await arrived)[0]).toBe('all of you');
    const plain = await udp(near, 'udp4');
    const error = await new Promise((resolve) => plain.send('x', 5005, '192.168.7.255', resolve));
    expect(error).toMatchObject({ code: 'EACCES' });
  });

  test('buffers, TTL, ipv6Only', async () => {
    const socket = await udp(far, 'udp6', {
      recvBufferSize: 40_000,
      sendBufferSize: 30_000,
      ttl: 7,
      ipv6Only: true,
      bind: { port: 5006 },
    });
    expect(socket.getRecvBufferSize()).toBe(80_000);
    expect(socket.getSendBufferSize()).toBe(60_000);
    const four = await udp(far, 'udp4', { bind: { port: 5006 } });
    expect(four.address().port).toBe(5006);
    expect(await failure(udp(far, 'udp4', { bind: { port: 5006 } }))).toMatchObject({ code: 'EADDRINUSE' });
  });

  test('many at once', async () => {
    const count = scaled(200, 10);
    const all = await Promise.all(Array.from({ length: count }, () => udp(near, 'udp4')));
    expect(new Set(all.map((socket) => socket.address().port)).size).toBe(count);
  });
});

describe('a port', () => {
  test('is one socket’s, but with reuseAddr or reusePort of both', async () => {
    const bind = { host: FAR.inet, port: 5010 };
    for (const option of ['reuseAddr', 'reusePort'] as const) {
      const first = await udp(far, 'udp4', { bind, [option]: true });
      const second = await udp(far, 'udp4', { bind, [option]: true });
      expect(await failure(udp(far, 'udp4', { bind }))).toMatchObject({
        code: 'EADDRINUSE',
        errno: -98,
        syscall: 'bind',
        address: FAR.inet,
        port: 5010,
        message: expect.stringContaining('in an unnamed netns'),
      });
      first.close();
      second.close();
    }
    await udp(far, 'udp4', { bind });
    for (const options of [{}, { reuseAddr: true }, { reusePort: true }])
      expect(await failure(udp(far, 'udp4', { bind, ...options }))).toMatchObject({ code: 'EADDRINUSE' });
  });

  test('many namespaces have the same', async () => {
    await udp(far, 'udp4', { bind: { port: 5011 } });
    await udp(near, 'udp4', { bind: { port: 5011 } });
  });
});

describe('the end', () => {
  test('close() of the namespace closes it; methods say so', async () => {
    const netns = await Netns.create();
    const socket = await netns.datagram('udp4');
    const ended = once(socket, 'close');
    await netns.close();
    await ended;
    const notRunning = { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' };
    expect(() => socket.close()).toThrow(expect.objectContaining(notRunning));
    expect(() => socket.addMembership('239.1.1.1')).toThrow(expect.objectContaining(notRunning));
    expect(() => socket.send('x', 1, '127.0.0.1')).toThrow(expect.objectContaining(notRunning));
    expect(await failure(netns.datagram('udp4'))).toMatchObject({ code: 'ERR_NSNET_CLOSED' });
  });

  test('close() ends its methods at once, with a callback or without', async () => {
    const socket = await near.datagram('udp4');
    const told = new Promise<void>((resolve) => socket.close(() => resolve()));
    expect(() => socket.setMulticastInterface('127.0.0.1')).toThrow('Not running');
    await told;
    expect(() => socket.close()).toThrow('Not running');
  });

  test('aborted: before, and at every moment', async () => {
    const abort = async (i: number) => {
      const controller = new AbortController();
      const made = near.datagram('udp4', { signal: controller.signal, bind: { host: 'localhost' } });
      const settled = made.then(
        (socket) => socket.close(),
        (error) => expect(error.name).toBe('AbortError'),
      );
      if (i < 8) for (let j = 0; j < i; j++) await undefined;
      else await sleep(0);
      controller.abort();
      await settled;
    };
    for (let i = 0; i < 12; i++) await abort(i);
    expect(await failure(near.datagram('udp4', { signal: AbortSignal.abort() }))).toMatchObject({
      name: 'AbortError',
    });
  });

  test('close() of the namespace at every moment of datagram()', async () => {
    for (let i = 0; i < scaled(15, 3); i++) {
      const netns = await Netns.create();
      const made = netns.datagram('udp6', { bind: { host: 'localhost' } }).catch((error) => error);
      for (let j = 0; j < i; j++) await undefined;
      await netns.close();
      const result = await made;
      if (result instanceof Error) expect(result).toMatchObject({ code: 'ERR_NSNET_CLOSED' });
      else expect(running(result)).toBe(false);
    }
  });
});

describe('bad input, with which nothing is opened', () => {
  test.each([
    ['no type', undefined, {}, 'ERR_INVALID_ARG_VALUE'],
    ['udp', 'udp', {}, 'ERR_INVALID_ARG_VALUE'],
    ['null', 'udp4', null, 'ERR_INVALID_ARG_TYPE'],
    ['a misspelt key', 'udp4', { port: 1 }, 'ERR_INVALID_ARG_VALUE'],
    ['bind as a port', 'udp4', { bind: 5 }, 'ERR_INVALID_ARG_TYPE'],
    ['a misspelt key of bind', 'udp4', { bind: { address: 'x' } }, 'ERR_INVALID_ARG_VALUE'],
    ['port 65536', 'udp4', { bind: { port: 65_536 } }, 'ERR_OUT_OF_RANGE'],
    ['a port as text', 'udp4', { bind: { port: '1' } }, 'ERR_INVALID_ARG_TYPE'],
    ['an empty host', 'udp4', { bind: { host: '' } }, 'ERR_INVALID_ARG_VALUE'],
    ['an address of the other family', 'udp4', { bind: { host: '::1' } }, 'ERR_INVALID_ARG_VALUE'],
    ['the same of IPv6', 'udp6', { bind: { host: '127.0.0.1' } }, 'ERR_INVALID_ARG_VALUE'],
    ['device 0', 'udp4', { device: 0 }, 'ERR_OUT_OF_RANGE'],
    ['device of a wrong type', 'udp4', { device: {} }, 'ERR_INVALID_ARG_TYPE'],
    ['reuseAddr 1', 'udp4', { reuseAddr: 1 }, 'ERR_INVALID_ARG_TYPE'],
    ['broadcast "yes"', 'udp4', { broadcast: 'yes' }, 'ERR_INVALID_ARG_TYPE'],
    ['ttl 0', 'udp4', { ttl: 0 }, 'ERR_OUT_OF_RANGE'],
    ['ttl 256', 'udp4', { ttl: 256 }, 'ERR_OUT_OF_RANGE'],
    ['recvBufferSize 0', 'udp4', { recvBufferSize: 0 }, 'ERR_OUT_OF_RANGE'],
    ['sendBufferSize as text', 'udp4', { sendBufferSize: '1K' }, 'ERR_INVALID_ARG_TYPE'],
    ['multicast true', 'udp4', { multicast: true }, 'ERR_INVALID_ARG_TYPE'],
    ['a misspelt key of multicast', 'udp4', { multicast: { group: 'x' } }, 'ERR_INVALID_ARG_VALUE'],
    ['groups as text', 'udp4', { multicast: { groups: '239.1.1.1' } }, 'ERR_INVALID_ARG_TYPE'],
    ['a group as text', 'udp4', { multicast: { groups: ['239.1.1.1'] } }, 'ERR_INVALID_ARG_TYPE'],
    ['no group', 'udp4', { multicast: { groups: [{}] } }, 'ERR_INVALID_ARG_TYPE'],
    [
      'no multicast address',
      'udp4',
      { multicast: { groups: [{ group: '10.0.0.1' }] } },
      'ERR_INVALID_ARG_VALUE',
    ],
    ['a group of IPv6', 'udp4', { multicast: { groups: [{ group: 'ff02::1' }] } }, 'ERR_INVALID_ARG_VALUE'],
    ['a group of IPv4', 'udp6', { multicast: { groups: [{ group: '239.1.1.1' }] } }, 'ERR_INVALID_ARG_VALUE'],
    [
      'a source of the other family',
      'udp4',
      { multicast: { groups: [{ group: '232.1.1.1', source: '::1' }] } },
      'ERR_INVALID_ARG_VALUE',
    ],
    ['multicast.ttl 256', 'udp4', { multicast: { ttl: 256 } }, 'ERR_OUT_OF_RANGE'],
    ['multicast.loopback 1', 'udp4', { multicast: { loopback: 1 } }, 'ERR_INVALID_ARG_TYPE'],
    ['a signal that is none', 'udp4', { signal: 1 }, 'ERR_INVALID_ARG_TYPE'],
  ])('%s', async (_, type, options, code) => {
    expect(await failure(near.datagram(type as 'udp4', options as DatagramOptions))).toMatchObject({ code });
    expect(sockets()).toBe(before);
  });

  test('a Link of another namespace, and one that is closed', async () => {
    const link = await far.links.get('eth0');
    expect(await failure(near.datagram('udp4', { device: link }))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    await link.close();
    expect(await failure(far.datagram('udp4', { device: link }))).toMatchObject({ code: 'ERR_NSNET_CLOSED' });
  });
});

describe('refused', () => {
  test.each([
    ['no such device', 'udp4', { device: 'eth9' }, { code: 'ENODEV' }],
    ['no such index', 'udp4', { device: 99 }, { code: 'ENODEV' }],
    [
      'no such device of a group',
      'udp4',
      { multicast: { groups: [{ group: '239.1.1.1', device: 'eth9' }] } },
      { code: 'ENODEV' },
    ],
    ['no such address', 'udp4', { bind: { host: '192.0.2.1' } }, { code: 'EADDRNOTAVAIL', syscall: 'bind' }],
    ['no such name', 'udp4', { bind: { host: 'nobody.test' } }, { hostname: 'nobody.test' }],
    ['no such device of an address', 'udp6', { bind: { host: 'fe80::1%eth9' } }, { code: 'ENODEV' }],
    [
      'the same group twice',
      'udp4',
      {
        multicast: {
          groups: [
            { group: '239.1.1.1', device: 'lo' },
            { group: '239.1.1.1', device: 'lo' },
          ],
        },
      },
      { code: 'EADDRINUSE', syscall: 'setsockopt', hint: expect.any(String) },
    ],
  ])('%s', async (_, type, options, error) => {
    const refused = await failure(near.datagram(type as 'udp4', options as DatagramOptions));
    expect(refused).toMatchObject(error);
    expect(refused.message).toContain('an unnamed netns');
  });
});
