// netns.httpAgent() and httpsAgent(), and servers of http, https, http2 and tls inside.
import { once } from 'node:events';
import {
  createServer,
  type Agent as HttpAgent,
  type IncomingMessage,
  type RequestOptions,
  request,
} from 'node:http';
import {
  connect as connectHttp2,
  createServer as createHttp2,
  createSecureServer as createSecureHttp2,
} from 'node:http2';
import { type AgentOptions, createServer as createHttps, request as requestHttps } from 'node:https';
import { createServer as createTcp } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, createServer as createTls } from 'node:tls';
import { type Netns, Scope } from 'nsnet';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { scaled } from '../support/scale.js';
import { cable, FAR, NEAR, sockets } from './cable.js';
import { CA, failure, heard, nothingLeft, TLS } from './streams.js';

const scope = new Scope();
let near: Netns;
let far: Netns;
let before: number;

beforeAll(async () => {
  ({ near, far } = await cable(scope));
  near.hosts.set('web.test', FAR.inet);
  near.hosts.set('wrong.test', FAR.inet);
  const tell = (req: IncomingMessage) => `${req.headers.host} from ${req.socket.remotePort}`;
  await far.listen(
    createServer((req, res) => res.end(tell(req))),
    { port: 80 },
  );
  await far.listen(
    createHttps(TLS, (req, res) => res.end(tell(req))),
    { port: 443 },
  );
});

afterAll(() => scope[Symbol.asyncDispose]());
beforeEach(() => {
  before = sockets();
});
afterEach(() => nothingLeft(before));

const answer = async (options: RequestOptions | string, agent: HttpAgent, secure = false) => {
  const given = typeof options === 'string' ? { host: options } : options;
  const req = (secure ? requestHttps : request)({ ...given, agent });
  req.end();
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  return text(res);
};

describe('http', () => {
  test('by address of either family, and by name', async () => {
    const agent = near.httpAgent();
    for (const host of [FAR.inet, FAR.inet6, 'web.test'])
      expect(await answer(host, agent)).toContain(`${host.includes(':') ? `[${host}]` : host} from`);
    agent.destroy();
  });

  test('localhost is the namespace’s own', async () => {
    const listener = await near.listen(
      createServer((_, res) => res.end('own')),
      { port: 80 },
    );
    const agent = near.httpAgent();
    expect(await answer('localhost', agent)).toBe('own');
    agent.destroy();
    await listener.close();
  });

  test('keepAlive: connections are used again', async () => {
    const agent = near.httpAgent({ keepAlive: true });
    const ports = new Set<string>();
    for (let i = 0; i < 5; i++) ports.add((await answer('web.test', agent)).split(' from ')[1] as string);
    expect(ports.size).toBe(1);
    agent.destroy();
  });

  test('maxSockets: the others wait', async () => {
    const agent = near.httpAgent({ keepAlive: true, maxSockets: 2 });
    const first = await Promise.all([answer('web.test', agent), answer('web.test', agent)]);
    const all = await Promise.all(Array.from({ length: 10 }, () => answer('web.test', agent)));
    const ports = new Set([...first, ...all].map((said) => said.split(' from ')[1]));
    expect(ports.size).toBeLessThanOrEqual(2);
    agent.destroy();
  });

  test('localAddress, localPort and an abstract socket', async () => {
    const agent = near.httpAgent();
    const options = { host: FAR.inet, localAddress: NEAR.inet, localPort: 5100 };
    expect(await answer(options, agent)).toBe(`${FAR.inet} from 5100`);
    const socketPath = '\0http';
    const listener = await near.listen(
      createServer(({ url }, res) => res.end(`path ${url}`)),
      { path: socketPath },
    );
    expect(await answer({ socketPath, path: '/x' }, agent)).toBe('path /x');
    await listener.close();
    agent.destroy();
  });

  test('a request with a body, of many at once', async () => {
    const listener = await far.listen(
      createServer(async (req, res) => {
        res.end(String((await text(req)).length));
      }),
    );
    const agent = near.httpAgent({ keepAlive: true });
    const count = scaled(100, 5);
    const answers = await Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const req = request({ host: FAR.inet, port: listener.port, method: 'POST', agent });
        req.end('x'.repeat(i * 100));
        const [res] = (await once(req, 'response')) as [IncomingMessage];
        return text(res);
      }),
    );
    expect(answers).toEqual(Array.from({ length: count }, (_, i) => String(i * 100)));
    agent.destroy();
    await listener.close();
  });

  test('refused: code, address, port, and the namespace named', async () => {
    const agent = near.httpAgent();
    const error = await failure(answer({ host: FAR.inet, port: 9 }, agent));
    expect(error).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect', address: FAR.inet, port: 9 });
    expect(error.message).toContain('in an unnamed netns');
    expect(await failure(answer('nobody.test', agent))).toMatchObject({ hostname: 'nobody.test' });
    agent.destroy();
  });

  describe('before there is a connection', () => {
    const NOWHERE = { host: '192.168.7.97' };
    const pending = (options: RequestOptions, agent: HttpAgent) => {
      const req = request({ ...NOWHERE, ...options, agent });
      const failed = once(req, 'error').then(([error]) => error);
      req.end();
      return { req, failed };
    };

    test('destroy() of the request', async () => {
      const agent = near.httpAgent();
      const { req, failed } = pending({}, agent);
      await sleep(20);
      const ended = new Promise((resolve) => req.once('close', resolve));
      req.destroy();
      expect(await failed).toMatchObject({ code: 'ECONNRESET', message: 'socket hang up' });
      await ended;
      const { req: other, failed: otherwise } = pending({}, agent);
      await sleep(20);
      other.destroy(new Error('mine'));
      expect(await otherwise).toMatchObject({ message: 'mine' });
    });

    test('its signal', async () => {
      const controller = new AbortController();
      const { failed } = pending({ signal: controller.signal }, near.httpAgent());
      await sleep(20);
      controller.abort();
      expect(await failed).toMatchObject({ name: 'AbortError' });
    });

    test('its timeout is told, and does not end it', async () => {
      const { req, failed } = pending({ timeout: 30 }, near.httpAgent());
      await once(req, 'timeout');
      expect(req.destroyed).toBe(false);
      req.destroy(new Error('too long'));
      expect(await failed).toMatchObject({ message: 'too long' });
    });

    test('destroy() of the agent', async () => {
      const agent = near.httpAgent();
      const { failed } = pending({}, agent);
      await sleep(20);
      agent.destroy();
      expect(await failed).toMatchObject({ code: 'ECONNRESET' });
    });

    test('close() of the namespace', async () => {
      const inner = new Scope();
      const { near: netns } = await cable(inner);
      const { failed } = pending({}, netns.httpAgent());
      await sleep(20);
      await netns.close();
      expect(await failed).toMatchObject({ code: 'ERR_NSNET_CLOSED' });
      await inner[Symbol.asyncDispose]();
    });
  });

  test('after close() of the namespace: nothing is reached, kept connections neither', async () => {
    const inner = new Scope();
    const { near: netns, far: other } = await cable(inner);
    const listener = await other.listen(createServer((_, res) => res.end('first')));
    const agent = netns.httpAgent({ keepAlive: true });
    const options = { host: FAR.inet, port: listener.port };
    expect(await answer(options, agent)).toBe('first');
    await netns.close();
    expect(await failure(answer(options, agent))).toMatchObject({ code: 'ERR_NSNET_CLOSED' });
    await inner[Symbol.asyncDispose]();
  });

  test('a proxy of its own is refused, and a call without a callback', () => {
    expect(() => near.httpAgent({ proxyEnv: { HTTP_PROXY: 'http://x' } } as object)).toThrow('proxyEnv');
    expect(() => near.httpsAgent({ proxyEnv: {} } as object)).toThrow('proxyEnv');
    expect(() => near.httpAgent().createConnection({ host: FAR.inet, port: 80 })).toThrow(TypeError);
  });
});

describe('https', () => {
  test('the name is resolved inside, and the certificate checked for it', async () => {
    const agent = near.httpsAgent({ keepAlive: true, ...CA });
    expect(await answer('web.test', agent, true)).toMatch('web.test from');
    expect(await answer(FAR.inet, agent, true)).toMatch(`${FAR.inet} from`);
    expect(await failure(answer('wrong.test', agent, true))).toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    expect(await failure(answer(FAR.inet6, agent, true))).toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    agent.destroy();
  });

  test('servername says which name it is', async () => {
    const agent = near.httpsAgent(CA);
    const options = { host: FAR.inet6, servername: 'web.test' };
    expect(await answer(options, agent, true)).toContain(FAR.inet6);
    agent.destroy();
  });

  test('a certificate that nobody vouches for is refused', async () => {
    const agent = near.httpsAgent();
    expect(await failure(answer('web.test', agent, true))).toMatchObject({
      code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    });
    agent.destroy();
  });

  test('options that TLS does not take: an error of the request, and no socket', async () => {
    const agent = near.httpsAgent({ ...CA, minVersion: 'nonsense' } as unknown as AgentOptions);
    expect(await failure(answer('web.test', agent, true))).toMatchObject({
      code: 'ERR_TLS_INVALID_PROTOCOL_VERSION',
    });
    agent.destroy();
  });

  test('connections and sessions are used again', async () => {
    const kept = near.httpsAgent({ keepAlive: true, ...CA });
    const ports = new Set<string>();
    for (let i = 0; i < 4; i++)
      ports.add((await answer('web.test', kept, true)).split(' from ')[1] as string);
    expect(ports.size).toBe(1);
    kept.destroy();
    const agent = near.httpsAgent(CA);
    for (let i = 0; i < 3; i++) await answer('web.test', agent, true);
    agent.destroy();
  });

  test('a server that speaks no TLS', async () => {
    const agent = near.httpsAgent(CA);
    const options = { host: 'web.test', port: 80 };
    expect(await failure(answer(options, agent, true))).toMatchObject({
      code: expect.stringMatching(/EPROTO|ERR_SSL/),
    });
    agent.destroy();
  });

  test('one that hangs up in the handshake', async () => {
    const listener = await far.listen(createTcp((socket) => socket.on('error', () => {}).destroy()));
    const agent = near.httpsAgent(CA);
    const options = { host: 'web.test', port: listener.port };
    expect(await failure(answer(options, agent, true))).toMatchObject({ code: 'ECONNRESET' });
    agent.destroy();
    await listener.close();
  });
});

describe('other servers', () => {
  test('tls', async () => {
    const server = createTls(TLS, (socket) => socket.on('error', () => {}).end(`hello ${socket.servername}`));
    const listener = await far.listen(server, { port: 8443 });
    const socket = await near.connect({ host: 'web.test', port: 8443 });
    const secure = connectTls({ socket, servername: 'web.test', ...CA });
    expect(await heard(secure)).toBe('hello web.test');
    await listener.close();
  });

  test.each([
    ['plain', false],
    ['secure', true],
  ])('http2, %s; listener.close() ends its sessions', async (_, secure) => {
    const server = secure ? createSecureHttp2(TLS) : createHttp2();
    server.on('stream', (stream, headers) => {
      stream.respond({ ':status': 200 });
      stream.end(`h2 ${headers[':path']}`);
    });
    server.on('session', (session) => session.on('error', () => {}));
    const listener = await far.listen(server, { port: 8444 });
    const socket = await near.connect({ host: 'web.test', port: 8444 });
    const createConnection = () =>
      secure ? connectTls({ socket, servername: 'web.test', ALPNProtocols: ['h2'], ...CA }) : socket;
    const session = connectHttp2(`http${secure ? 's' : ''}://web.test:8444`, { createConnection });
    session.on('error', () => {});
    const answers = await Promise.all(['/a', '/b'].map((path) => text(session.request({ ':path': path }))));
    expect(answers).toEqual(['h2 /a', 'h2 /b']);
    const ended = once(session, 'close');
    await listener.close();
    await ended;
  });
});
