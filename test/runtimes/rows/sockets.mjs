// Beside each server inside a namespace listens a decoy outside, on the same address and port: who is answered by it has
// been let out of the namespace.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createHttpServer, get as httpGet } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { createServer as createHttpsServer, get as httpsGet } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Netns, Scope } from 'nsnet';

const LOOPBACK = '127.0.0.1';
const GREETING = 'from inside';
const fixture = (name) => readFile(new URL(`../fixtures/${name}`, import.meta.url), 'utf8');

/** Two namespaces' worth of set-up: one with a server in it, and the decoy on its port out here. */
async function beside(server) {
  const scope = new Scope();
  const netns = await scope.use(Netns.create());
  const { port } = await scope.use(netns.listen(server, { host: LOOPBACK, port: 0 }));
  const decoy = createServer((socket) => socket.on('error', () => {}).end('HTTP/1.1 500 Decoy\r\n\r\n'));
  decoy.listen(port, LOOPBACK);
  // Taken already: then it is somebody else's decoy.
  await Promise.race([once(decoy, 'listening'), once(decoy, 'error').catch(() => {})]);
  const done = async () => {
    if (decoy.listening) await new Promise((resolve) => decoy.close(resolve));
    await scope[Symbol.asyncDispose]();
  };
  return { netns, port, done };
}

async function textOf(request) {
  const [response] = await once(request, 'response');
  let text = `${response.statusCode} `;
  for await (const chunk of response) text += chunk;
  return text;
}

export const rows = {
  '`listen()`, `connect()`: node:net': async () => {
    const server = createServer((socket) => socket.pipe(socket));
    const { netns, port, done } = await beside(server);
    const socket = await netns.connect({ host: LOOPBACK, port });
    assert.deepEqual([socket.remoteAddress, socket.remotePort], [LOOPBACK, port]);
    const sent = Buffer.alloc(4 << 20, 'x');
    let bytes = 0;
    socket.on('data', (chunk) => {
      bytes += chunk.length;
    });
    socket.end(sent);
    await once(socket, 'end');
    assert.equal(bytes, sent.length);
    await assert.rejects(netns.connect({ host: LOOPBACK, port: 1 }), { code: 'ECONNREFUSED' });
    await done();
  },
  '`listen()`, `connect()`: unix sockets': async () => {
    const scope = new Scope();
    const netns = await scope.use(Netns.create());
    const path = `\0nsnet-runtimes-${process.pid}`;
    await scope.use(
      netns.listen(
        createServer((socket) => socket.end(GREETING)),
        { path },
      ),
    );
    const socket = await netns.connect({ path });
    let text = '';
    for await (const chunk of socket) text += chunk;
    assert.equal(text, GREETING);
    await scope[Symbol.asyncDispose]();
  },
  'node:http: `listen()`, `httpAgent()`, keep-alive': async () => {
    const server = createHttpServer((_, response) => response.end(GREETING));
    const { netns, port, done } = await beside(server);
    const agent = netns.httpAgent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 3; i++)
      assert.equal(await textOf(httpGet({ host: LOOPBACK, port, agent })), `200 ${GREETING}`);
    agent.destroy();
    await done();
  },
  'node:https: `listen()`, `httpsAgent()`': async () => {
    const [key, cert] = await Promise.all([fixture('key.pem'), fixture('certificate.pem')]);
    const server = createHttpsServer({ key, cert }, (_, response) => response.end(GREETING));
    const { netns, port, done } = await beside(server);
    netns.hosts.set('inside.test', LOOPBACK);
    const agent = netns.httpsAgent({ ca: cert });
    assert.equal(await textOf(httpsGet({ host: 'inside.test', port, agent })), `200 ${GREETING}`);
    agent.destroy();
    await done();
  },
  'node:http2: `listen()`, over `connect()`': async () => {
    const server = createHttp2Server((_, response) => response.end(GREETING));
    const { netns, port, done } = await beside(server);
    const socket = await netns.connect({ host: LOOPBACK, port });
    const session = connectHttp2(`http://${LOOPBACK}:${port}`, { createConnection: () => socket });
    const request = session.request({ ':path': '/' });
    let text = '';
    for await (const chunk of request) text += chunk;
    assert.equal(text, GREETING);
    session.close();
    await once(session, 'close');
    await done();
  },
  '`fetch`, by name': async () => {
    const server = createHttpServer((_, response) => response.end(GREETING));
    const { netns, port, done } = await beside(server);
    netns.hosts.set('inside.test', LOOPBACK);
    for (const host of [LOOPBACK, 'inside.test', 'localhost']) {
      const response = await netns.fetch(`http://${host}:${port}/`);
      assert.equal(`${response.status} ${await response.text()}`, `200 ${GREETING}`);
    }
    await done();
  },
  '`datagram()`': async () => {
    const scope = new Scope();
    const netns = await scope.use(Netns.create());
    const [one, other] = await Promise.all([
      netns.datagram('udp4', { bind: { host: LOOPBACK } }),
      netns.datagram('udp4', { bind: { host: LOOPBACK } }),
    ]);
    const received = once(one, 'message');
    other.send(GREETING, one.address().port, LOOPBACK);
    assert.equal(String((await received)[0]), GREETING);
    for (const each of [one, other]) await new Promise((resolve) => each.close(resolve));
    await scope[Symbol.asyncDispose]();
  },
  '`datagram()`: multicast': async () => {
    const netns = await Netns.create();
    const group = '239.1.2.3';
    const one = await netns.datagram('udp4', { multicast: { groups: [{ group, device: 'lo' }] } });
    const other = await netns.datagram('udp4', { multicast: { device: 'lo' } });
    const received = once(one, 'message');
    other.send(GREETING, one.address().port, group);
    assert.equal(String((await received)[0]), GREETING);
    await netns.close();
  },
  '`raw()`, `packet()`': async () => {
    const netns = await Netns.create();
    const socket = await netns.raw({ family: 'inet', protocol: 253 });
    const packets = await netns.packet({ link: 'lo' });
    await socket.send(Buffer.from(GREETING), LOOPBACK);
    for await (const { bytes } of socket.messages()) {
      assert.equal(Buffer.from(bytes).subarray(20).toString(), GREETING);
      break;
    }
    for await (const { bytes } of packets.messages()) {
      assert.ok(Buffer.from(bytes).includes(GREETING));
      break;
    }
    await netns.close();
  },
  '`capture()`: a loop, a pcapng file': async () => {
    const netns = await Netns.create();
    const file = join(await mkdtemp(join(tmpdir(), 'nsnet-runtimes-')), 'lo.pcapng');
    const capture = netns.capture({ file, filter: 'icmp' });
    await capture.ready;
    const caught = (async () => {
      for await (const packet of capture) if (packet.icmp) return String(packet);
    })();
    await netns.ping(LOOPBACK, { count: 1 });
    assert.match(await caught, /echo request/);
    await capture.close();
    assert.equal((await readFile(file)).readUInt32LE(0), 0x0a0d0d0a);
    await rm(dirname(file), { recursive: true });
    await netns.close();
  },
  'names: `hosts`, `lookup`; `traceroute()`': async () => {
    const netns = await Netns.create();
    netns.hosts.set('web.test', LOOPBACK);
    assert.deepEqual(await promisify(netns.lookup)('web.test'), { address: LOOPBACK, family: 4 });
    const [hop] = await netns.traceroute('web.test', { queries: 1 });
    assert.equal(hop?.hop, 1);
    await netns.close();
  },
  '`nsnet/undici`': async () => {
    const { agent } = await import('nsnet/undici');
    const server = createHttpServer((_request, response) => response.end(GREETING));
    const { netns, port, done } = await beside(server);
    const { body } = await agent(netns).request({
      origin: `http://${LOOPBACK}:${port}`,
      path: '/',
      method: 'GET',
    });
    assert.equal(await body.text(), GREETING);
    await done();
  },
};
