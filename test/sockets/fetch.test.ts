// netns.fetch(), and the Agent of nsnet/undici.
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Netns, Scope } from 'nsnet';
import { agent } from 'nsnet/undici';
import { request, WebSocket } from 'undici';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { scaled } from '../support/scale.js';
import { node, run } from '../support/witness.js';
import { cable, FAR, NEAR, sockets } from './cable.js';
import { CA, failure, nothingLeft, TLS } from './streams.js';

const scope = new Scope();
let near: Netns;
let far: Netns;
let before: number;

const pages: Record<string, (req: IncomingMessage, res: ServerResponse) => unknown> = {
  '/': (req, res) => res.end(`${req.method} ${req.headers.host}`),
  '/echo': (req, res) => req.pipe(res.setHeader('x-type', req.headers['content-type'] ?? 'none')),
  '/headers': (req, res) => res.end(JSON.stringify(req.headers)),
  '/port': (req, res) => res.end(String(req.socket.remotePort)),
  '/away': (_, res) => res.writeHead(302, { location: 'http://other.test/' }).end(),
  '/never': () => {},
};

beforeAll(async () => {
  ({ near, far } = await cable(scope));
  near.hosts.set('web.test', FAR.inet);
  near.hosts.set('wrong.test', FAR.inet);
  near.hosts.set('other.test', [FAR.inet6, FAR.inet]);
  const serve = (req: IncomingMessage, res: ServerResponse) => pages[req.url ?? '/']?.(req, res);
  await far.listen(createServer(serve), { port: 80 });
  await far.listen(createHttps(TLS, serve), { port: 443 });
  // Loads undici, whose own sockets are none of these.
  await (await near.fetch('http://web.test/')).text();
});

afterAll(() => scope[Symbol.asyncDispose]());
beforeEach(() => {
  before = sockets();
});

describe('fetch', () => {
  test('by name and by address, and of the URL class', async () => {
    for (const url of ['http://web.test/', `http://${FAR.inet}/`, `http://[${FAR.inet6}]/`]) {
      const host = new URL(url).host;
      expect(await (await near.fetch(url)).text()).toBe(`GET ${host}`);
      expect(await (await near.fetch(new URL(url), { method: 'PUT' })).text()).toBe(`PUT ${host}`);
    }
  });

  test('a Request of this runtime, and what init changes of it', async () => {
    const given = new Request('http://web.test/headers', { headers: { 'x-a': '1', 'x-b': '2' } });
    expect(await (await near.fetch(given)).json()).toMatchObject({
      'x-a': '1',
      'x-b': '2',
      host: 'web.test',
    });
    const changed = await near.fetch(given, { headers: { 'x-c': '3' } });
    const headers = await changed.json();
    expect(headers).toMatchObject({ 'x-c': '3' });
    expect(headers).not.toHaveProperty('x-a');

    const posted = new Request('http://web.test/echo', { method: 'POST', body: 'of a request' });
    expect(await (await near.fetch(posted)).text()).toBe('of a request');
    expect(posted.bodyUsed).toBe(true);
    await expect(near.fetch(posted)).rejects.toThrow(TypeError);
  });

  test('Headers, URLSearchParams, Blob, bytes and FormData', async () => {
    const post = async (body: RequestInit['body'], headers?: Headers) => {
      const res = await near.fetch('http://web.test/echo', { method: 'POST', body, headers });
      return [res.headers.get('x-type'), await res.text()];
    };
    expect(await post('x', new Headers({ 'content-type': 'a/b' }))).toEqual(['a/b', 'x']);
    expect(await post(new URLSearchParams({ a: '1 2' }))).toEqual([
      'application/x-www-form-urlencoded;charset=UTF-8',
      'a=1+2',
    ]);
    expect(await post(new Blob(['blob'], { type: 'c/d' }))).toEqual(['c/d', 'blob']);
    expect(await post(new Uint8Array([65, 66]))).toEqual(['none', 'AB']);
    const form = new FormData();
    form.append('field', 'value');
    form.append('file', new File(['content'], 'name.txt', { type: 'text/plain' }));
    const [type, body] = await post(form);
    expect(type).toMatch(/^multipart\/form-data; boundary=/);
    expect(body).toContain('name="field"\r\n\r\nvalue');
    expect(body).toContain('name="file"; filename="name.txt"\r\nContent-Type: text/plain\r\n\r\ncontent');
  });

  test('streams both ways', async () => {
    const chunks = scaled(64, 4);
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        if (sent++ === chunks) controller.close();
        else controller.enqueue(new Uint8Array(1 << 16).fill(sent));
      },
    });
    const options = { method: 'POST', body, duplex: 'half' as const };
    const res = await near.fetch('http://web.test/echo', options);
    expect((await buffer(res.body as unknown as AsyncIterable<Uint8Array>)).length).toBe(chunks << 16);
  });

  test('a redirect to another host stays inside', async () => {
    const res = await near.fetch('http://web.test/away');
    expect([await res.text(), res.redirected, res.url]).toEqual([
      'GET other.test',
      true,
      'http://other.test/',
    ]);
  });

  test('connections are used again', async () => {
    const ports = new Set<string>();
    const dispatcher = agent(near);
    for (let i = 0; i < 5; i++)
      ports.add(await (await near.fetch('http://web.test/port', { dispatcher })).text());
    expect(ports.size).toBeLessThanOrEqual(2);
    await dispatcher.close();
  });

  test('https, with a name that is resolved inside; a wrong one is refused', async () => {
    const dispatcher = agent(near, { connect: CA });
    const options = { dispatcher };
    expect(await (await near.fetch('https://web.test/', options)).text()).toBe('GET web.test');
    expect(await (await near.fetch(`https://${FAR.inet}/`, options)).text()).toBe(`GET ${FAR.inet}`);
    const error = await failure(near.fetch('https://wrong.test/', options));
    expect(error).toMatchObject({ cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } });
    expect(await failure(near.fetch('https://web.test/'))).toMatchObject({
      cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    });
    await dispatcher.destroy();
  });

  test('aborted: before, while it connects, while it waits for an answer', async () => {
    const aborted = (url: string, signal: AbortSignal) => failure(near.fetch(url, { signal }));
    expect(await aborted('http://web.test/', AbortSignal.abort())).toMatchObject({ name: 'AbortError' });
    for (const url of ['http://192.168.7.96/', 'http://web.test/never']) {
      const error = await aborted(url, AbortSignal.timeout(50));
      expect(error.name).toBe('TimeoutError');
    }
  });

  test.each([
    ['nobody listens', `http://${FAR.inet}:9999/`, { code: 'ECONNREFUSED', address: FAR.inet, port: 9999 }],
    ['no route', 'http://192.0.2.1/', { code: 'ENETUNREACH' }],
    ['no such name', 'http://nobody.test/', { hostname: 'nobody.test' }],
  ])('%s: the cause says it, and names the namespace', async (_, url, cause) => {
    const error = await failure(near.fetch(url));
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ message: 'fetch failed', cause });
    expect((error.cause as Error).message).toContain('in an unnamed netns');
  });

  test('a dispatcher of another namespace, or of none, is refused', async () => {
    const other = agent(far);
    for (const dispatcher of [other, {}, null])
      expect(
        await failure(near.fetch('http://web.test/', { dispatcher: dispatcher as object })),
      ).toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
      });
    await other.destroy();
  });

  test('what has taken the place of the global fetch is not used', async () => {
    const mock = vi.fn();
    vi.stubGlobal('fetch', mock);
    try {
      expect(await (await near.fetch('http://web.test/')).text()).toBe('GET web.test');
    } finally {
      vi.unstubAllGlobals();
    }
    expect(mock).not.toHaveBeenCalled();
  });

  test('bad input rejects, as of the global fetch', async () => {
    await expect(near.fetch('not a URL')).rejects.toThrow(TypeError);
    await expect(near.fetch('http://web.test/', { method: 'GET', body: 'x' })).rejects.toThrow(TypeError);
    await expect((near.fetch as () => Promise<Response>)()).rejects.toThrow(TypeError);
    expect(await (await near.fetch('http://web.test/', null as unknown as undefined)).text()).toBe(
      'GET web.test',
    );
  });
});

describe('an agent', () => {
  afterEach(() => nothingLeft(before));

  test('of undici’s own request()', async () => {
    const dispatcher = agent(near);
    const { statusCode, body } = await request('http://web.test/', { dispatcher });
    expect([statusCode, await body.text()]).toEqual([200, 'GET web.test']);
    await dispatcher.close();
    expect(dispatcher.destroyed).toBe(true);
  });

  test('of a WebSocket', async () => {
    const server = createServer();
    const wss = new WebSocketServer({ server });
    wss.on('connection', (socket) => socket.on('message', (data) => socket.send(`heard ${data}`)));
    const listener = await far.listen(server);
    const dispatcher = agent(near);
    const socket = new WebSocket(`ws://web.test:${listener.port}`, { dispatcher });
    socket.addEventListener('open', () => socket.send('a word'));
    const data = await new Promise((resolve) =>
      socket.addEventListener('message', (event) => resolve(event.data)),
    );
    expect(data).toBe('heard a word');
    await dispatcher.destroy();
    await listener.close();
  });

  test('its options: connectTimeout, localAddress, a socket’s path', async () => {
    const hurried = agent(near, { connectTimeout: 50 });
    const began = performance.now();
    const error = await failure(request('http://192.168.7.95/', { dispatcher: hurried }));
    expect(error).toMatchObject({ code: 'ETIMEDOUT' });
    expect(performance.now() - began).toBeLessThan(5000);
    await hurried.destroy();

    const path = '\0undici';
    const listener = await near.listen(
      createServer((_, res) => res.end('by path')),
      { path },
    );
    const local = agent(near, { connect: { socketPath: path } });
    expect(await (await request('http://anything/', { dispatcher: local })).body.text()).toBe('by path');
    await local.destroy();
    await listener.close();

    const bound = agent(near, { localAddress: NEAR.inet });
    expect(await (await request('http://web.test/', { dispatcher: bound })).body.text()).toBe('GET web.test');
    await bound.destroy();
  });

  test('HTTP/2, where it is allowed', async () => {
    const { createSecureServer } = await import('node:http2');
    const server = createSecureServer({ ...TLS, allowHTTP1: true }, (req, res) => res.end(req.httpVersion));
    const listener = await far.listen(server);
    const url = `https://web.test:${listener.port}/`;
    for (const [allowH2, version] of [
      [true, '2.0'],
      [false, '1.1'],
    ] as const) {
      const dispatcher = agent(near, { allowH2, connect: CA });
      expect(await (await request(url, { dispatcher })).body.text()).toBe(version);
      await dispatcher.destroy();
    }
    await listener.close();
  });

  test('TLS options that are not taken: an error, and no socket', async () => {
    const dispatcher = agent(near, { connect: { ...CA, minVersion: 'nonsense' as never } });
    expect(await failure(request('https://web.test/', { dispatcher }))).toMatchObject({
      code: 'ERR_TLS_INVALID_PROTOCOL_VERSION',
    });
    await dispatcher.destroy();
  });

  test('a server that hangs up', async () => {
    const listener = await far.listen(createTcp((socket) => socket.on('error', () => {}).destroy()));
    const dispatcher = agent(near);
    const error = await failure(request(`http://web.test:${listener.port}/`, { dispatcher }));
    expect(error.code).toMatch(/UND_ERR_SOCKET|ECONNRESET/);
    await dispatcher.destroy();
    await listener.close();
  });

  test('bad options', () => {
    expect(() => agent({} as Netns)).toThrow(TypeError);
    expect(() => agent(near, 5 as never)).toThrow(TypeError);
    expect(() => agent(near, { connect: (() => {}) as never })).toThrow(TypeError);
    expect(() => agent(near, { factory: () => {} } as never)).toThrow('factory');
  });

  test('close() of the namespace ends it, and what it waits for', async () => {
    const inner = new Scope();
    const { near: netns, far: other } = await cable(inner);
    const listener = await other.listen(createServer(() => {}));
    const dispatcher = agent(netns);
    const waiting = failure(netns.fetch(`http://${FAR.inet}:${listener.port}/`));
    const own = failure(request(`http://${FAR.inet}:${listener.port}/`, { dispatcher }));
    const connecting = failure(netns.fetch('http://192.168.7.94/'));
    await sleep(100);
    await netns.close();
    expect(await waiting).toBeInstanceOf(TypeError);
    expect(await own).toBeInstanceOf(Error);
    expect(await connecting).toBeInstanceOf(TypeError);
    expect(dispatcher.destroyed).toBe(true);
    expect(await failure(netns.fetch(`http://${FAR.inet}/`))).toMatchObject({ code: 'ERR_NSNET_CLOSED' });
    expect(() => agent(netns)).toThrow('used after it was closed');
    await inner[Symbol.asyncDispose]();
  });
});

test('without undici it is said what is missing; everything else works', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'nsnet-undici-'));
  const root = new URL('../..', import.meta.url).pathname;
  try {
    const installed = join(directory, 'node_modules', 'nsnet');
    await mkdir(installed, { recursive: true });
    for (const name of ['package.json', 'dist'])
      await cp(join(root, name), join(installed, name), { recursive: true });
    await symlink(join(root, 'build'), join(installed, 'build'));
    for (const name of ['bindings', 'file-uri-to-path', 'dns-packet', '@leichtgewicht'])
      await symlink(join(root, 'node_modules', name), join(directory, 'node_modules', name));
    await writeFile(
      join(directory, 'program.mjs'),
      `import { Netns } from 'nsnet';
       const netns = await Netns.create();
       for (let i = 0; i < 2; i++)
         await netns.fetch('http://localhost/').catch(({ code, hint }) => console.log(code, hint));
       const error = await netns.connect({ port: 9 }).catch((error) => error);
       console.log(error.code);
       await netns.close();`,
    );
    const said = 'ERR_NSNET_UNSUPPORTED npm install undici@7\n';
    expect(await run(node[0] as string, [...node.slice(1), join(directory, 'program.mjs')])).toBe(
      `${said}${said}ECONNREFUSED\n`,
    );
  } finally {
    await rm(directory, { recursive: true });
  }
});
