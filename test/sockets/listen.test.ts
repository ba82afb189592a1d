// netns.listen(): servers inside a namespace, and their end.
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer, isIPv4, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type ListenOptions, Netns, Scope } from 'nsnet';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';
import { runInside } from '../support/witness.js';
import { cable, FAR, NEAR, sockets } from './cable.js';
import { failure, heard, linkLocal, nothingLeft, saying } from './streams.js';

const scope = new Scope();
let near: Netns;
let far: Netns;
let directory: string;
let before: number;

beforeAll(async () => {
  ({ near, far } = await cable(scope));
  directory = await mkdtemp(join(tmpdir(), 'nsnet-listen-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true });
  await scope[Symbol.asyncDispose]();
});
beforeEach(() => {
  before = sockets();
});
afterEach(() => nothingLeft(before));

describe('where', () => {
  test('by default all addresses, of both families, at a free port', async () => {
    const server = saying('here');
    const listening = once(server, 'listening');
    const listener = await far.listen(server);
    await listening;
    expect(listener.address).toBe('::');
    expect(listener.port).toBeGreaterThan(0);
    expect(server.address()).toEqual({ address: '::', family: 'IPv6', port: listener.port });
    expect(server.listening).toBe(true);
    for (const host of [FAR.inet, FAR.inet6])
      expect(await heard(await near.connect({ host, port: listener.port }))).toBe('here');
    expect(`${listener}`).toBe(`Listener { [::]:${listener.port} in an unnamed netns }`);
    expect(JSON.parse(JSON.stringify(listener))).toEqual({ address: '::', port: listener.port });
    await listener.close();
    expect(server.listening).toBe(false);
    expect(await failure(near.connect({ host: FAR.inet, port: listener.port }))).toMatchObject({
      code: 'ECONNREFUSED',
    });
  });

  test('one port in many namespaces at once', async () => {
    const inner = new Scope();
    const all = await Promise.all(Array.from({ length: scaled(20, 3) }, () => inner.use(Netns.create())));
    await Promise.all(all.map((netns, i) => netns.listen(saying(`number ${i}`), { port: 8080 })));
    const words = await Promise.all(
      all.map(async (netns) => heard(await netns.connect({ host: '127.0.0.1', port: 8080 }))),
    );
    expect(words).toEqual(all.map((_, i) => `number ${i}`));
    await inner[Symbol.asyncDispose]();
  });

  test('200 in one', async () => {
    const listeners = await Promise.all(
      Array.from({ length: scaled(200, 10) }, (_, i) => far.listen(saying(`${i}`))),
    );
    expect(new Set(listeners.map(({ port }) => port)).size).toBe(listeners.length);
    const last = listeners.length - 1;
    const { port } = listeners[last] as { port: number };
    expect(await heard(await near.connect({ host: FAR.inet, port }))).toBe(`${last}`);
    await Promise.all(listeners.map((listener) => listener.close()));
  });

  test('one address: an IPv4 and an IPv6 one, a scoped one, a name', async () => {
    const address = await linkLocal(far);
    const scoped = `${address}%eth0`;
    far.hosts.set('own.test', FAR.inet);
    for (const [host, shown, reached] of [
      [FAR.inet, FAR.inet, FAR.inet],
      [FAR.inet6, FAR.inet6, FAR.inet6],
      [scoped, scoped, scoped],
      ['own.test', FAR.inet, FAR.inet],
    ] as const) {
      const server = saying(host);
      const listener = await far.listen(server, { host, port: 8081 });
      expect(listener.address).toBe(shown);
      expect(server.address()).toEqual({
        address: shown,
        family: isIPv4(shown) ? 'IPv4' : 'IPv6',
        port: 8081,
      });
      expect(await heard(await near.connect({ host: reached, port: 8081 }))).toBe(host);
      const other = reached === FAR.inet ? FAR.inet6 : FAR.inet;
      expect(await failure(near.connect({ host: other, port: 8081 }))).toMatchObject({
        code: 'ECONNREFUSED',
      });
      await listener.close();
    }
  });

  test('a link-local peer is shown with the device of its own namespace', async () => {
    // The index that eth0 has is another device's, or none's, where this process is.
    const [host, peer] = [await linkLocal(far), await linkLocal(near)].map((address) => `${address}%eth0`);
    const server = saying('linked');
    for (const where of [{}, { host }]) {
      const listener = await far.listen(server, { ...where, port: 8086 });
      const accepted = once(server, 'connection');
      const socket = await near.connect({ host, port: 8086 });
      const [other] = (await accepted) as [Socket];
      expect(socket).toMatchObject({ remoteAddress: host, localAddress: peer, remotePort: 8086 });
      expect(other).toMatchObject({ remoteAddress: peer, localAddress: host, remotePort: socket.localPort });
      expect(other.address()).toEqual({ address: host, family: 'IPv6', port: 8086 });
      expect(await heard(socket)).toBe('linked');
      await listener.close();
    }
    expect(Object.hasOwn(server, 'address')).toBe(false);
  });

  test('localhost is the namespace’s own, not reached from others', async () => {
    const listener = await far.listen(saying('local'), { host: 'localhost', port: 8082 });
    expect(['127.0.0.1', '::1']).toContain(listener.address);
    expect(await heard(await far.connect({ port: 8082 }))).toBe('local');
    expect(await failure(near.connect({ host: FAR.inet, port: 8082 }))).toMatchObject({
      code: 'ECONNREFUSED',
    });
    await listener.close();
  });

  test('ipv6Only: IPv4 has the port for itself', async () => {
    const six = await far.listen(saying('six'), { port: 8083, ipv6Only: true });
    const four = await far.listen(saying('four'), { host: '0.0.0.0', port: 8083 });
    expect(await heard(await near.connect({ host: FAR.inet, port: 8083 }))).toBe('four');
    expect(await heard(await near.connect({ host: FAR.inet6, port: 8083 }))).toBe('six');
    await Promise.all([six.close(), four.close()]);
  });

  test('reusePort: two share it, and both are asked', async () => {
    let first = 0;
    let second = 0;
    const counting = (count: () => void) =>
      createServer((socket) => {
        count();
        socket.end();
      });
    const one = counting(() => first++);
    const two = counting(() => second++);
    const options = { host: FAR.inet, port: 8084, reusePort: true };
    const listeners = [await far.listen(one, options), await far.listen(two, options)];
    for (let i = 0; i < 64; i++) await heard(await near.connect({ host: FAR.inet, port: 8084 }));
    expect(first).toBeGreaterThan(0);
    expect(second).toBeGreaterThan(0);
    for (const listener of listeners) await listener.close();
  });

  test('backlog is what the kernel was told', async () => {
    const listener = await far.listen(saying(''), { port: 8085, backlog: 7 });
    // Rootless nobody but this process enters it.
    if (privileged) {
      const shown = await runInside({ netnsFd: far.fd }, 'ss', '-Htln', 'sport = :8085');
      expect(shown.trim().split(/\s+/)[2]).toBe('7');
    }
    await listener.close();
  });
});

describe('sockets of files and abstract names', () => {
  test('an abstract name belongs to the namespace', async () => {
    const path = '\0nsnet\0name';
    const listeners = [
      await far.listen(saying('far'), { path }),
      await near.listen(saying('near'), { path }),
    ];
    expect(await heard(await far.connect({ path }))).toBe('far');
    expect(await heard(await near.connect({ path }))).toBe('near');
    expect(listeners[0]).toMatchObject({ address: path, port: 0 });
    expect(`${listeners[0]}`).toBe('Listener { @nsnet@name in an unnamed netns }');
    await listeners[0]?.close();
    expect(await failure(far.connect({ path }))).toMatchObject({
      code: 'ECONNREFUSED',
      address: '@nsnet@name',
    });
    await listeners[1]?.close();
  });

  test('the longest: 107 bytes, of either', async () => {
    for (const path of [`\0${'x'.repeat(106)}`, join(directory, 'y'.repeat(106 - directory.length))]) {
      expect(Buffer.byteLength(path)).toBe(107);
      const listener = await far.listen(saying('long'), { path });
      expect(await heard(await far.connect({ path }))).toBe('long');
      await listener.close();
    }
  });

  test('the file is taken away by whatever ends the server', async () => {
    const path = join(directory, 'socket');
    const server = saying('file');
    const listener = await far.listen(server, { path });
    // A file is in reach from every network namespace.
    expect(await heard(await near.connect({ path }))).toBe('file');
    expect(await failure(near.listen(saying(''), { path }))).toMatchObject({
      code: 'EADDRINUSE',
      address: path,
      hint: expect.stringContaining('file'),
    });
    expect(existsSync(path)).toBe(true);
    await listener.close();
    expect(existsSync(path)).toBe(false);

    const again = await far.listen(server, { path });
    server.close();
    await again.close();
    expect(existsSync(path)).toBe(false);

    const netns = await Netns.create();
    await netns.listen(saying(''), { path });
    await netns.close();
    expect(existsSync(path)).toBe(false);
  });

  test('not one that another has put in its place', async () => {
    const path = join(directory, 'other');
    const listener = await far.listen(saying(''), { path });
    await rm(path);
    await writeFile(path, 'mine');
    await listener.close();
    expect(existsSync(path)).toBe(true);
    expect(await failure(far.connect({ path }))).toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('refused', async () => {
    expect(await failure(far.connect({ path: join(directory, 'none') }))).toMatchObject({
      code: 'ENOENT',
      syscall: 'connect',
      message: expect.stringContaining('in an unnamed netns'),
    });
    expect(await failure(far.listen(saying(''), { path: join(directory, 'none', 'none') }))).toMatchObject({
      code: 'ENOENT',
      syscall: 'bind',
    });
    expect(await failure(far.listen(saying(''), { path: '/proc/none' }))).toMatchObject({
      code: expect.stringMatching(/ENOENT|EPERM|EACCES/),
    });
  });

  test('a backlog that is full', async () => {
    const path = '\0full';
    const server = createServer();
    const listener = await far.listen(server, { path, backlog: 1 });
    // No turn of the event loop in which it could accept.
    const connecting = async () => (await far.connect({ path })).on('error', () => {});
    const results = await Promise.allSettled(Array.from({ length: 8 }, connecting));
    const refused = results.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]?.reason).toMatchObject({ code: 'EAGAIN', hint: expect.stringContaining('backlog') });
    await listener.close();
  });
});

describe('the end', () => {
  test('server.close() ends the Listener, once its connections are over', async () => {
    const server = createServer((socket) => socket.on('error', () => {}));
    const listener = await far.listen(server, { port: 8090 });
    const accepted = once(server, 'connection');
    const socket = await near.connect({ host: FAR.inet, port: 8090 });
    await accepted;
    server.close();
    expect(await failure(near.connect({ host: FAR.inet, port: 8090 }))).toMatchObject({
      code: 'ECONNREFUSED',
    });
    expect(socket.destroyed).toBe(false);
    expect(listener.closed).toBe(false);
    socket.destroy();
    await once(server, 'close');
    expect(listener.closed).toBe(true);
    await listener.close();
  });

  test('listener.close() ends the server and its connections; again is no error', async () => {
    const server = createServer((socket) => socket.on('error', () => {}));
    const told = once(server, 'close');
    const listener = await far.listen(server, { port: 8091 });
    const made = await Promise.all([1, 2, 3].map(() => near.connect({ host: FAR.inet, port: 8091 })));
    const ended = made.map((socket) => once(socket.on('error', () => {}).resume(), 'close'));
    await sleep(20);
    await Promise.all([listener.close(), listener.close()]);
    await listener.close();
    await told;
    await Promise.all(ended);
  });

  test('server.close() and then listener.close(), which ends what is still connected', async () => {
    const server = createServer((socket) => socket.on('error', () => {}));
    const listener = await far.listen(server, { port: 8092 });
    const socket = (await near.connect({ host: FAR.inet, port: 8092 })).on('error', () => {}).resume();
    await sleep(20);
    server.close();
    await listener.close();
    if (!socket.destroyed) await once(socket, 'close');
  });

  test('await using', async () => {
    const server = saying('');
    {
      await using listener = await far.listen(server);
      expect(listener.closed).toBe(false);
    }
    expect(server.listening).toBe(false);
  });

  test('release(): the namespace object no longer ends it', async () => {
    const netns = await Netns.create();
    const server = saying('still');
    const listener = (await netns.listen(server)).release();
    const other = await Netns.open({ fd: netns.fd });
    await netns.close();
    expect(server.listening).toBe(true);
    expect(await heard(await other.connect({ port: listener.port }))).toBe('still');
    server.close();
    await other.close();
  });

  test('close() of the namespace ends servers and their connections, idle or not', async () => {
    const netns = await Netns.create();
    const servers = [createServer((socket) => socket.on('error', () => {})), createHttpServer()];
    const made = await Promise.all(
      servers.map(async (server) => {
        const { port } = await netns.listen(server);
        return (await netns.connect({ port })).on('error', () => {}).resume();
      }),
    );
    await sleep(20);
    await netns.close();
    for (const server of servers) expect(server.listening).toBe(false);
    for (const socket of made) expect(socket.destroyed).toBe(true);
    expect(await failure(netns.listen(saying('')))).toMatchObject({ code: 'ERR_NSNET_CLOSED' });
  });

  test('close() of the namespace at every moment of listen()', async () => {
    for (let i = 0; i < scaled(20, 3); i++) {
      const netns = await Netns.create();
      const server = saying('');
      const listening = netns.listen(server, { path: join(directory, 'moment') }).catch((error) => error);
      for (let j = 0; j < i; j++) await undefined;
      if (i > 10) await sleep((i - 10) / 10);
      await netns.close();
      const result = await listening;
      if (result instanceof Error) expect(result).toMatchObject({ code: 'ERR_NSNET_CLOSED' });
      else expect(result.closed).toBe(true);
      expect(server.listening).toBe(false);
      expect(existsSync(join(directory, 'moment'))).toBe(false);
    }
  });

  test('closed by its user as soon as it listens, and before', async () => {
    for (let i = 0; i < 5; i++) {
      const server = saying('');
      server.once('listening', () => server.close());
      const listener = await far.listen(server);
      await listener.close();
    }
    const server = saying('');
    const { listen } = server;
    server.listen = ((...given: Parameters<typeof listen>) => {
      listen.apply(server, given);
      server.close();
      return server;
    }) as typeof listen;
    expect(await failure(far.listen(server))).toMatchObject({ code: 'ERR_SERVER_NOT_RUNNING' });
  });

  test('the same server again, and again, in other namespaces; no listener of events is left', async () => {
    const server = saying('again');
    const events = ['listening', 'connection', 'close', 'error'];
    const counts = events.map((event) => server.listenerCount(event));
    for (let i = 0; i < 15; i++) {
      const netns = i % 2 ? near : far;
      const listener = await netns.listen(server);
      expect(await heard(await netns.connect({ port: listener.port }))).toBe('again');
      await listener.close();
    }
    expect(events.map((event) => server.listenerCount(event))).toEqual(counts);
  });

  test('one that nobody holds goes on', async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const warnings: Error[] = [];
    const warned = (warning: Error) => warnings.push(warning);
    process.on('warning', warned);
    const netns = await Netns.create();
    const { port } = await netns.listen(saying('alone'));
    for (let i = 0; i < 5; i++) {
      gc();
      await sleep(5);
    }
    expect(await heard(await netns.connect({ port }))).toBe('alone');
    await netns.close();
    process.off('warning', warned);
    expect(warnings).toEqual([]);
  });
});

describe('refused', () => {
  test('it listens already, or is told to at the same time', async () => {
    const server = saying('');
    const listener = await far.listen(server);
    expect(await failure(far.listen(server))).toMatchObject({ code: 'ERR_SERVER_ALREADY_LISTEN' });
    expect(await failure(near.listen(server))).toMatchObject({ code: 'ERR_SERVER_ALREADY_LISTEN' });
    expect(server.listening).toBe(true);
    await listener.close();

    const twice = await Promise.allSettled([near.listen(server), far.listen(server)]);
    expect(twice.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const errors = server.listenerCount('error');
    expect(errors).toBe(0);
    for (const one of twice) {
      if (one.status === 'fulfilled') await one.value.close();
      else expect(one.reason).toMatchObject({ code: 'ERR_SERVER_ALREADY_LISTEN' });
    }
  });

  test.each([
    ['a port in use', { port: 8100 }, 'EADDRINUSE', -98],
    ['an address in use', { host: FAR.inet, port: 8100 }, 'EADDRINUSE', -98],
    ['an address of another', { host: NEAR.inet, port: 8101 }, 'EADDRNOTAVAIL', -99],
    ['an address of another, IPv6', { host: NEAR.inet6, port: 8101 }, 'EADDRNOTAVAIL', -99],
  ])('%s', async (_, options: ListenOptions, code, errno) => {
    const listener = await far.listen(saying(''), { port: 8100 });
    const server = saying('');
    const error = await failure(far.listen(server, options));
    expect(error).toMatchObject({
      name: 'NsnetError',
      code,
      errno,
      syscall: 'bind',
      address: options.host ?? '::',
      port: options.port,
      hint: expect.any(String),
    });
    expect(error.message).toContain('in an unnamed netns');
    expect(server.listening).toBe(false);
    await listener.close();
  });

  test('ports below 1024 are this namespace’s own: nobody is refused', async () => {
    const listener = await far.listen(saying('low'), { port: 1 });
    expect(await heard(await near.connect({ host: FAR.inet, port: 1 }))).toBe('low');
    await listener.close();
  });

  test('the signal is aborted already, and while a name is looked up', async () => {
    const aborted = AbortSignal.abort();
    expect(await failure(far.listen(saying(''), { signal: aborted }))).toMatchObject({ name: 'AbortError' });
    for (let i = 0; i < 10; i++) {
      const controller = new AbortController();
      const server = saying('');
      const listening = far
        .listen(server, { path: join(directory, 'aborted'), signal: controller.signal })
        .catch((error) => error);
      for (let j = 0; j < i * 3; j++) await undefined;
      if (i > 6) await sleep(0);
      controller.abort();
      const result = await listening;
      if (result instanceof Error) expect(result.name).toBe('AbortError');
      else await result.close();
      expect(server.listening).toBe(false);
      expect(existsSync(join(directory, 'aborted'))).toBe(false);
    }
  });

  test('what is no server', async () => {
    const app = Object.assign(() => {}, { listen: () => createServer().listen(), once: () => {} });
    for (const server of [
      undefined,
      null,
      {},
      app,
      { listen() {}, once() {} },
      80,
      'server',
      new EventTarget(),
    ])
      expect(await failure(far.listen(server as unknown as Server))).toMatchObject({
        code: 'ERR_INVALID_ARG_TYPE',
      });
  });

  test.each([
    ['null', null, 'ERR_INVALID_ARG_TYPE'],
    ['a port alone', 80, 'ERR_INVALID_ARG_TYPE'],
    ['a port as text', { port: '80' }, 'ERR_INVALID_ARG_TYPE'],
    ['port -1', { port: -1 }, 'ERR_OUT_OF_RANGE'],
    ['port 65536', { port: 65_536 }, 'ERR_OUT_OF_RANGE'],
    ['a misspelt key', { prot: 80 }, 'ERR_INVALID_ARG_VALUE'],
    ['an empty host', { host: '' }, 'ERR_INVALID_ARG_VALUE'],
    ['a host in brackets', { host: '[::1]' }, 'ERR_INVALID_ARG_VALUE'],
    ['host of a wrong type', { host: 7 }, 'ERR_INVALID_ARG_TYPE'],
    ['backlog 0', { backlog: 0 }, 'ERR_OUT_OF_RANGE'],
    ['backlog as text', { backlog: '5' }, 'ERR_INVALID_ARG_TYPE'],
    ['reusePort 1', { reusePort: 1 }, 'ERR_INVALID_ARG_TYPE'],
    ['ipv6Only "yes"', { ipv6Only: 'yes' }, 'ERR_INVALID_ARG_TYPE'],
    ['path and port', { path: '/x', port: 1 }, 'ERR_INVALID_ARG_VALUE'],
    ['path and reusePort', { path: '/x', reusePort: true }, 'ERR_INVALID_ARG_VALUE'],
    ['a path of 108 bytes', { path: `\0${'x'.repeat(107)}` }, 'ERR_INVALID_ARG_VALUE'],
    ['an empty path', { path: '' }, 'ERR_INVALID_ARG_VALUE'],
    ['a path of a wrong type', { path: {} }, 'ERR_INVALID_ARG_TYPE'],
    ['a signal that is none', { signal: 'stop' }, 'ERR_INVALID_ARG_TYPE'],
  ])('%s', async (_, options, code) => {
    const server = saying('');
    expect(await failure(far.listen(server, options as ListenOptions))).toMatchObject({ code });
    expect(server.listening).toBe(false);
    expect(sockets()).toBe(before);
  });
});
