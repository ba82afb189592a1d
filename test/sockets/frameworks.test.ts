// What is built on Node's servers, as its users write it.
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createHttps } from 'node:https';
import express from 'express';
import fastify from 'fastify';
import { Netns, Scope } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { cable, FAR, NEAR } from './cable.js';
import { CA, failure, TLS } from './streams.js';

const scope = new Scope();
let near: Netns;
let far: Netns;

beforeAll(async () => {
  ({ near, far } = await cable(scope));
  near.hosts.set('web.test', FAR.inet);
});

afterAll(() => scope[Symbol.asyncDispose]());

test('express', async () => {
  const app = express();
  app.use(express.json());
  app.post('/sum', (req, res) => {
    res.json({ sum: req.body.a + req.body.b, ip: req.ip });
  });
  const listener = await far.listen(createServer(app), { host: FAR.inet });
  const answer = await near.fetch(`http://web.test:${listener.port}/sum`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ a: 1, b: 2 }),
  });
  expect(await answer.json()).toEqual({ sum: 3, ip: NEAR.inet });
  await listener.close();
  // It would make a server of its own, and have that listen here.
  expect(await failure(far.listen(app as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
});

test('fastify; its close() ends the Listener', async () => {
  const app = fastify();
  app.get('/hello/:name', async (req) => ({ hello: (req.params as { name: string }).name, ip: req.ip }));
  await app.ready();
  const listener = await far.listen(app.server, { host: FAR.inet6 });
  const answer = await near.fetch(`http://[${FAR.inet6}]:${listener.port}/hello/world`);
  expect(await answer.json()).toEqual({ hello: 'world', ip: NEAR.inet6 });
  await app.close();
  expect(app.server.listening).toBe(false);
  await listener.close();
});

describe('ws', () => {
  test.each([
    ['ws', false],
    ['wss', true],
  ])('%s: a chat of three; close() of the namespace ends them', async (scheme, secure) => {
    const netns = await Netns.create();
    const server = secure ? createHttps(TLS) : createServer();
    const wss = new WebSocketServer({ server });
    wss.on('connection', (socket, req: IncomingMessage) =>
      socket.on('message', (data) => {
        for (const one of wss.clients) one.send(`${req.url}: ${data}`);
      }),
    );
    const listener = await netns.listen(server);
    const agent = secure ? netns.httpsAgent(CA) : netns.httpAgent();
    const people = ['/a', '/b', '/c'].map(
      (path) => new WebSocket(`${scheme}://localhost:${listener.port}${path}`, { agent }),
    );
    await Promise.all(people.map((one) => once(one, 'open')));
    const heard = people.map((one) => once(one, 'message'));
    people[1]?.send('hello');
    for (const [data] of await Promise.all(heard)) expect(String(data)).toBe('/b: hello');
    const ended = people.map((one) =>
      once(
        one.on('error', () => {}),
        'close',
      ),
    );
    await netns.close();
    await Promise.all(ended);
    agent.destroy();
  });
});
