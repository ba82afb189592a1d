// netns.connect(): a net.Socket from inside a namespace.
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectOptions, Netns, Scope } from 'nsnet';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { scaled } from '../support/scale.js';
import { cable, FAR, NEAR, sockets } from './cable.js';
import { failure, heard, linkLocal, nothingLeft, saying } from './streams.js';

const scope = new Scope();
let near: Netns;
let far: Netns;
let before: number;

beforeAll(async () => {
  ({ near, far } = await cable(scope));
  await far.listen(saying('far'), { port: 80 });
  await sleep(200);
});

afterAll(() => scope[Symbol.asyncDispose]());
beforeEach(() => {
  before = sockets();
});
afterEach(() => nothingLeft(before));

describe('a connection', () => {
  test.each([FAR.inet, FAR.inet6])('to %s', async (host) => {
    const socket = await near.connect({ host, port: 80 });
    expect(socket).toMatchObject({
      connecting: false,
      remoteAddress: host,
      remotePort: 80,
      localAddress: host === FAR.inet ? NEAR.inet : NEAR.inet6,
    });
    expect(await heard(socket)).toBe('far');
  });

  test('to a link-local address, by the name and by the index of its device', async () => {
    const link = await far.links.get('eth0');
    const address = await linkLocal(far);
    const host = address;
    expect(await heard(await near.connect({ host: `${host}%eth0`, port: 80 }))).toBe('far');
    const own = await near.links.get('eth0');
    expect(await heard(await near.connect({ host: `${host}%${own.index}`, port: 80 }))).toBe('far');
    expect(await failure(near.connect({ host: `${host}%eth9`, port: 80 }))).toMatchObject({ code: 'ENODEV' });
    expect(await failure(near.connect({ host, port: 80 }))).toMatchObject({
      code: 'EINVAL',
      hint: expect.stringContaining('%eth0'),
    });
    expect(link.name).toBe('eth0');
  });

  test('localhost is the namespace’s own, in either family', async () => {
    for (const host of ['127.0.0.1', '::1']) {
      const listener = await near.listen(saying(host), { host, port: 4000 });
      expect(await heard(await near.connect({ port: 4000 }))).toBe(host);
      expect(await heard(await near.connect({ host: 'LocalHost.', port: 4000 }))).toBe(host);
      await listener.close();
    }
    expect(await failure(near.connect({ port: 4000 }))).toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('is not connected again: that would be from the namespace of this process', async () => {
    near.hosts.set('far.test', FAR.inet);
    const listener = await far.listen(saying('unix'), { path: '\0again' });
    const refused = expect.objectContaining({ code: 'ERR_NSNET_UNSUPPORTED' });
    let accepted: Socket | undefined;
    const server = createServer((socket) => {
      accepted = socket.on('error', () => {});
      socket.end();
    });
    const other = await near.listen(server, { host: NEAR.inet });
    const ways: [Netns, ConnectOptions][] = [
      [near, { host: FAR.inet, port: 80 }],
      [near, { host: 'far.test', port: 80 }],
      [far, { path: '\0again' }],
      [far, { host: NEAR.inet, port: other.port }],
    ];
    for (const [netns, how] of ways) {
      const socket = await netns.connect(how);
      const again = () => socket.connect({ host: 'localhost', port: 1 });
      expect(again).toThrow(refused);
      await heard(socket);
      socket.destroy();
      expect(again).toThrow(refused);
      expect(socket.connecting).toBe(false);
    }
    accepted?.destroy();
    expect(() => accepted?.connect(1)).toThrow(refused);
    await Promise.all([listener.close(), other.close()]);
  });

  test('a name of netns.hosts, and one family of it alone', async () => {
    near.hosts.set('far.test', [FAR.inet6, FAR.inet]);
    for (const [family, address] of [
      [4, FAR.inet],
      [6, FAR.inet6],
    ] as const) {
      const socket = await near.connect({ host: 'far.test', port: 80, family });
      expect(socket.remoteAddress).toBe(address);
      socket.destroy();
    }
  });

  test('localAddress and localPort; the same port at once again', async () => {
    for (let i = 0; i < 3; i++) {
      const socket = await near.connect({
        host: FAR.inet,
        port: 80,
        localAddress: NEAR.inet,
        localPort: 5000 + i,
      });
      expect(socket).toMatchObject({ localAddress: NEAR.inet, localPort: 5000 + i });
      socket.destroy();
    }
    const server = createServer((socket) => socket.on('error', () => {}).resume());
    const listener = await far.listen(server, { port: 81 });
    near.hosts.set('both.test', [FAR.inet6, FAR.inet]);
    for (let i = 0; i < 2; i++) {
      const socket = await near.connect({ host: 'both.test', port: 81, localPort: 5010 });
      expect(socket.localPort).toBe(5010);
      socket.resetAndDestroy();
      await once(socket, 'close');
    }
    await listener.close();
  });

  test('allowHalfOpen', async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.end('first');
      socket.on('data', (data) => (received += data));
      socket.on('end', () => ended());
    });
    let received = '';
    let ended = () => {};
    const over = new Promise<void>((resolve) => {
      ended = resolve;
    });
    const listener = await far.listen(server);
    const socket = await near.connect({ host: FAR.inet, port: listener.port, allowHalfOpen: true });
    const [first] = await once(socket, 'data');
    expect(String(first)).toBe('first');
    await once(socket, 'end');
    socket.end('afterwards');
    await over;
    expect(received).toBe('afterwards');
    await listener.close();
  });

  test('much, both ways, with back-pressure', async () => {
    const listener = await far.listen(createServer((socket) => socket.pipe(socket)));
    const socket = await near.connect({
      host: FAR.inet,
      port: listener.port,
      noDelay: true,
      keepAlive: true,
    });
    const chunk = Buffer.alloc(1 << 16, 7);
    const count = scaled(200, 10);
    void (async () => {
      for (let i = 0; i < count; i++) if (!socket.write(chunk)) await once(socket, 'drain');
      socket.end();
    })();
    let bytes = 0;
    for await (const data of socket) bytes += data.length;
    expect(bytes).toBe(count * chunk.length);
    await listener.close();
  });

  test('a thousand at once', async () => {
    const count = scaled(1000, 30);
    const accepted: Socket[] = [];
    const listener = await far.listen(
      createServer((socket) => accepted.push(socket.on('error', () => {}))),
      { backlog: 4096 },
    );
    const made = await Promise.all(
      Array.from({ length: count }, () => near.connect({ host: FAR.inet, port: listener.port })),
    );
    expect(new Set(made.map(({ localPort }) => localPort)).size).toBe(count);
    while (accepted.length < count) await sleep(5);
    for (const socket of made) socket.destroy();
    await listener.close();
  });

  test('while the event loop is held up', async () => {
    const made = near.connect({ host: FAR.inet, port: 80 });
    const later = sleep(1).then(() => near.connect({ host: FAR.inet6, port: 80 }));
    const until = performance.now() + 500;
    while (performance.now() < until);
    expect(await heard(await made)).toBe('far');
    expect(await heard(await later)).toBe('far');
  });
});

describe('several addresses', () => {
  const SILENT = '192.168.7.77';

  beforeAll(async () => {
    // Somebody who is there and says nothing.
    await far.addresses.add({ device: 'eth0', address: `${SILENT}/24` });
    await far.routes.add({ destination: '192.168.7.78/32', device: 'lo' });
    // What is sent to them is lost on the far side, without an answer.
    await near.routes.add({ destination: '198.51.100.0/24', gateway: FAR.inet });
    await near.routes.add({ destination: '203.0.113.0/24', gateway: FAR.inet });
    await near.routes.add({ destination: 'fd99::/64', gateway: FAR.inet6 });
  });

  test('the first is silent: the second is taken, and the first given up', async () => {
    near.hosts.set('slow.test', ['198.51.100.1', FAR.inet]);
    const socket = await near.connect({ host: 'slow.test', port: 80 });
    expect(socket.remoteAddress).toBe(FAR.inet);
    expect(await heard(socket)).toBe('far');
  });

  test('the first refuses: the second at once', async () => {
    await far.addresses.add({ device: 'eth0', address: '192.168.7.3/24' });
    const listener = await far.listen(saying('second'), { host: FAR.inet, port: 90 });
    near.hosts.set('half.test', ['192.168.7.3', FAR.inet]);
    expect(await heard(await near.connect({ host: 'half.test', port: 90 }))).toBe('second');
    await listener.close();
  });

  test('all fail: the first error, with the others as its cause', async () => {
    near.hosts.set('none.test', [FAR.inet, FAR.inet6, '192.168.7.3']);
    const error = await failure(near.connect({ host: 'none.test', port: 91 }));
    expect(error).toMatchObject({ code: 'ECONNREFUSED', port: 91 });
    expect(error.cause).toBeInstanceOf(AggregateError);
    const { errors } = error.cause as AggregateError;
    const addresses = [error, ...errors].map(({ address }) => address).sort();
    expect(addresses).toEqual([FAR.inet, '192.168.7.3', FAR.inet6].sort());
  });

  test('all are silent: the time limit ends them all', async () => {
    near.hosts.set('void.test', ['198.51.100.1', 'fd99::1', '203.0.113.1']);
    expect(await failure(near.connect({ host: 'void.test', port: 80, timeout: 700 }))).toMatchObject({
      code: 'ETIMEDOUT',
      errno: -110,
      syscall: 'connect',
      address: 'void.test',
      port: 80,
      hint: expect.stringContaining('or the name was not resolved in time'),
    });
  });
});

describe('refused', () => {
  test.each([
    ['nobody listens', { host: FAR.inet, port: 9 }, 'ECONNREFUSED', -111],
    ['nobody listens, IPv6', { host: FAR.inet6, port: 9 }, 'ECONNREFUSED', -111],
    ['nobody is there', { host: '192.168.7.99', port: 80, timeout: 10_000 }, 'EHOSTUNREACH', -113],
    ['no route', { host: '192.0.2.1', port: 80 }, 'ENETUNREACH', -101],
    ['no route, IPv6', { host: 'fd55::1', port: 80 }, 'ENETUNREACH', -101],
    ['a broadcast address', { host: '192.168.7.255', port: 80 }, 'ENETUNREACH', -101],
  ])('%s', async (_, options, code, errno) => {
    const error = await failure(near.connect(options));
    expect(error).toMatchObject({
      name: 'NsnetError',
      code,
      errno,
      syscall: 'connect',
      address: options.host,
      port: options.port,
      hint: expect.any(String),
    });
    expect(error.message).toContain('an unnamed netns');
  });

  test('no such local address', async () => {
    const options = { host: FAR.inet, port: 80, localAddress: '192.0.2.9' };
    expect(await failure(near.connect(options))).toMatchObject({
      code: 'EADDRNOTAVAIL',
      syscall: 'bind',
      address: '192.0.2.9',
    });
  });

  test('a local port that is taken', async () => {
    const listener = await near.listen(saying(''), { port: 5020 });
    const options = { host: FAR.inet, port: 80, localPort: 5020 };
    expect(await failure(near.connect(options))).toMatchObject({
      code: 'EADDRINUSE',
      syscall: 'bind',
      port: 5020,
    });
    await listener.close();
  });

  test('a name that is not known', async () => {
    expect(await failure(near.connect({ host: 'nobody.test', port: 80 }))).toMatchObject({
      code: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/),
      hostname: 'nobody.test',
    });
  });
});

describe('given up', () => {
  const NOWHERE = { host: '192.168.7.98', port: 80 };

  test('the signal is aborted already', async () => {
    for (const target of [NOWHERE, { path: '\0nothing' }]) {
      const error = await failure(near.connect({ ...target, signal: AbortSignal.abort('why') }));
      expect(error).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: 'why' });
    }
  });

  test('at every moment, of which none leaves a socket', async () => {
    const rounds = scaled(40, 4);
    for (let i = 0; i < rounds; i++) {
      const controller = new AbortController();
      const target = i % 2 ? NOWHERE : { host: FAR.inet, port: 80 };
      const made = near.connect({ ...target, signal: controller.signal });
      const settled = made.then(
        (socket) => socket.destroy(),
        (error) => expect(error).toMatchObject({ name: 'AbortError' }),
      );
      if (i < 8) for (let j = 0; j < i * 3; j++) await undefined;
      else await sleep(i % 8);
      controller.abort();
      await settled;
    }
  });

  test('one signal for many, and no listener is left on it', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...given: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(signal, given);
    };
    signal.removeEventListener = (...given: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(signal, given);
    };
    await heard(await near.connect({ host: FAR.inet, port: 80, signal }));
    await failure(near.connect({ host: FAR.inet, port: 9, signal }));
    expect(listeners).toBe(0);
    const all = Array.from({ length: 8 }, () => failure(near.connect({ ...NOWHERE, signal })));
    await sleep(20);
    controller.abort();
    for (const error of await Promise.all(all)) expect(error.name).toBe('AbortError');
  });

  test('AbortSignal.timeout', async () => {
    const error = await failure(near.connect({ ...NOWHERE, signal: AbortSignal.timeout(30) }));
    expect(error).toMatchObject({ name: 'AbortError', cause: { name: 'TimeoutError' } });
  });

  test('timeout, with a signal that is not aborted', async () => {
    const { signal } = new AbortController();
    const error = await failure(near.connect({ ...NOWHERE, timeout: 30, signal }));
    expect(error).toMatchObject({ code: 'ETIMEDOUT', address: NOWHERE.host, port: 80, syscall: 'connect' });
  });

  test('close() of the namespace gives up what is under way, and ends what is open', async () => {
    for (let i = 0; i < scaled(12, 3); i++) {
      const netns = await Netns.create();
      const { port } = await netns.listen(createServer((socket) => socket.on('error', () => {})));
      const open = await netns.connect({ port });
      // A device that answers nobody: what is sent to its network waits for an answer.
      await netns.routes.add({ destination: '192.0.2.0/24', device: 'lo' });
      const pending = [
        failure(netns.connect({ host: '192.0.2.7', port: 9 })),
        failure(netns.connect({ host: '192.0.2.7', port: 9, timeout: 5000 })),
      ];
      await sleep(i);
      await netns.close();
      expect(open.destroyed).toBe(true);
      for (const error of await Promise.all(pending))
        expect(['ERR_NSNET_CLOSED', 'ECONNREFUSED']).toContain(error.code);
      expect(await failure(netns.connect({ port }))).toMatchObject({ code: 'ERR_NSNET_CLOSED' });
    }
  });

  test('close() while a host is silent', async () => {
    const inner = new Scope();
    const { near: netns } = await cable(inner);
    const pending = failure(netns.connect({ host: '192.168.7.98', port: 80 }));
    await sleep(50);
    await netns.close();
    expect(await pending).toMatchObject({ code: 'ERR_NSNET_CLOSED', subject: expect.any(String) });
    await inner[Symbol.asyncDispose]();
  });
});

describe('bad input, with which nothing is opened', () => {
  test.each([
    ['nothing', undefined, 'ERR_INVALID_ARG_TYPE'],
    ['null', null, 'ERR_INVALID_ARG_TYPE'],
    ['a number', 80, 'ERR_INVALID_ARG_TYPE'],
    ['no port', {}, 'ERR_INVALID_ARG_TYPE'],
    ['a port as text', { port: '80' }, 'ERR_INVALID_ARG_TYPE'],
    ['port 0', { port: 0 }, 'ERR_OUT_OF_RANGE'],
    ['port 65536', { port: 65_536 }, 'ERR_OUT_OF_RANGE'],
    ['port 1.5', { port: 1.5 }, 'ERR_OUT_OF_RANGE'],
    ['port NaN', { port: Number.NaN }, 'ERR_OUT_OF_RANGE'],
    ['a misspelt key', { port: 80, hostname: 'x' }, 'ERR_INVALID_ARG_VALUE'],
    ['host of a wrong type', { port: 80, host: 1 }, 'ERR_INVALID_ARG_TYPE'],
    ['an empty host', { port: 80, host: '' }, 'ERR_INVALID_ARG_VALUE'],
    ['NUL in host', { port: 80, host: 'a\0b' }, 'ERR_INVALID_ARG_VALUE'],
    ['family 5', { port: 80, family: 5 }, 'ERR_INVALID_ARG_VALUE'],
    ['localAddress a name', { port: 80, localAddress: 'localhost' }, 'ERR_INVALID_ARG_VALUE'],
    [
      'localAddress of the other family',
      { port: 80, host: '::1', localAddress: '127.0.0.1' },
      'ERR_INVALID_ARG_VALUE',
    ],
    [
      'localAddress against family',
      { port: 80, family: 6, localAddress: '127.0.0.1' },
      'ERR_INVALID_ARG_VALUE',
    ],
    ['localPort -1', { port: 80, localPort: -1 }, 'ERR_OUT_OF_RANGE'],
    ['timeout 0', { port: 80, timeout: 0 }, 'ERR_OUT_OF_RANGE'],
    ['timeout as text', { port: 80, timeout: '5' }, 'ERR_INVALID_ARG_TYPE'],
    ['allowHalfOpen 1', { port: 80, allowHalfOpen: 1 }, 'ERR_INVALID_ARG_TYPE'],
    ['keepAliveInitialDelay -1', { port: 80, keepAliveInitialDelay: -1 }, 'ERR_OUT_OF_RANGE'],
    ['a signal that is none', { port: 80, signal: {} }, 'ERR_INVALID_ARG_TYPE'],
    ['path with port', { path: '/x', port: 80 }, 'ERR_INVALID_ARG_VALUE'],
    ['path with host', { path: '/x', host: 'a' }, 'ERR_INVALID_ARG_VALUE'],
    ['an empty path', { path: '' }, 'ERR_INVALID_ARG_VALUE'],
    ['a path of a wrong type', { path: 7 }, 'ERR_INVALID_ARG_TYPE'],
    ['a path of 108 bytes', { path: `/${'a'.repeat(107)}` }, 'ERR_INVALID_ARG_VALUE'],
    ['NUL in a path', { path: '/a\0b' }, 'ERR_INVALID_ARG_VALUE'],
  ])('%s', async (_, options, code) => {
    expect(await failure(near.connect(options as ConnectOptions))).toMatchObject({ code });
    expect(sockets()).toBe(before);
  });
});

describe('sockets that are made ahead', () => {
  test('some are, for who asks again and again; none is left 200 ms later', async () => {
    const listener = await far.listen(createServer((socket) => socket.on('error', () => {}).resume()));
    const { port } = listener;
    let most = 0;
    const used = sockets();
    for (let i = 0; i < 50; i++) {
      const socket = await near.connect({ host: FAR.inet, port });
      socket.destroy();
      await sleep(1);
      most = Math.max(most, sockets());
    }
    expect(most).toBeGreaterThan(used);
    await listener.close();
    await sleep(200);
    expect(sockets()).toBeLessThanOrEqual(before);
  });

  test('after one connection there are none; close() ends them at once', async () => {
    const netns = await Netns.create();
    const listener = await netns.listen(createServer((socket) => socket.on('error', () => {}).resume()));
    const { port } = listener;
    for (let i = 0; i < 30; i++) (await netns.connect({ port })).destroy();
    await netns.close();
    await sleep(0);
    expect(sockets()).toBeLessThanOrEqual(before);
  });
});
