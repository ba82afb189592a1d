// Runs in a namespace that plays the host, in which decoys have the addresses, ports and names that servers have inside
// another. Prints for each story who has answered, as JSON, and how often the decoys were reached.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get, createServer as httpServer } from 'node:http';
import { connect as http2Connect, createServer as http2Server } from 'node:http2';
import { createServer as httpsServer, get as secureGet } from 'node:https';
import { createServer, connect as plainConnect } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as tlsConnect } from 'node:tls';
import { Netns } from 'nsnet';
import { agent } from 'nsnet/undici';
// Under its plain name Bun has a module of its own, which would reach a decoy.
import { request } from 'undici/index.js';
import { WebSocket, WebSocketServer } from 'ws';

const V4 = '192.168.7.2';
const V6 = 'fd07::2';
const PORT = { tcp: 4001, http: 4002, https: 4003, http2: 4004, udp: 4005, closed: 4006 };
const ABSTRACT = '\0decoy';

const file = (name) => readFileSync(new URL(`../../fixtures/tls/${name}.pem`, import.meta.url));
const tls = { key: file('key'), cert: file('cert') };
const ca = { ca: tls.cert };

let hits = 0;

/** Every server, of which each says the word. */
function servers(word, reached = () => {}) {
  const http = httpServer((_, res) => res.end(word));
  new WebSocketServer({ server: http }).on('connection', (socket) => socket.send(word));
  const http2 = http2Server();
  http2.on('stream', (stream) => stream.respond() ?? stream.end(word));
  const say = (socket) => socket.on('error', () => {}).end(word);
  const all = [
    [createServer(say), { port: PORT.tcp }],
    [http, { port: PORT.http }],
    [httpsServer(tls, (_, res) => res.end(word)), { port: PORT.https }],
    [http2, { port: PORT.http2 }],
    [createServer(say), { path: ABSTRACT }],
  ];
  for (const [server] of all) server.on('connection', reached);
  return all;
}

const echo = (word, socket, reached = () => {}) =>
  socket.on('message', (_, { port, address }) => {
    reached();
    socket.send(word, port, address);
  });

const hit = () => hits++;
for (const [server, where] of [...servers('DECOY', hit), [createServer(hit), { port: PORT.closed }]]) {
  server.listen(where);
  await once(server, 'listening');
}
for (const [type, address] of [
  ['udp4', '0.0.0.0'],
  ['udp6', '::'],
]) {
  const socket = createSocket({ type, ipv6Only: type === 'udp6' });
  socket.bind(PORT.udp, address);
  await once(socket, 'listening');
  echo('DECOY', socket, hit);
}

async function inside() {
  const netns = await Netns.create();
  await netns.addresses.add({ device: 'lo', address: `${V4}/32` });
  await netns.addresses.add({ device: 'lo', address: `${V6}/128`, dad: false });
  netns.hosts.set('web.test', [V6, V4]);
  netns.hosts.set('four.test', V4);
  for (const [server, where] of servers('inside')) await netns.listen(server, where);
  const bind = { port: PORT.udp };
  echo('inside', await netns.datagram('udp4', { bind }));
  echo('inside', await netns.datagram('udp6', { bind, ipv6Only: true }));
  return netns;
}

const netns = await inside();
const HOSTS = [V4, V6, 'localhost', 'web.test', 'four.test', '127.0.0.1', '::1'];
const bracketed = (host) => (host.includes(':') ? `[${host}]` : host);

const answerOf = async (req) => text((await once(req, 'response'))[0]);

async function asked(socket, port, host) {
  const answer = once(socket, 'message', { signal: AbortSignal.timeout(5000) });
  socket.send('who?', port, host);
  return String((await answer)[0]);
}

const WAYS = {
  connect: async (host) => text(await netns.connect({ host, port: PORT.tcp })),
  httpAgent: (host, agent = netns.httpAgent()) => answerOf(get({ host, port: PORT.http, agent })),
  httpsAgent: (host, agent = netns.httpsAgent({ ...ca, servername: 'web.test' })) =>
    answerOf(secureGet({ host, port: PORT.https, agent })),
  fetch: async (host) => (await netns.fetch(`http://${bracketed(host)}:${PORT.http}/`)).text(),
  async undici(host, dispatcher = agent(netns)) {
    return (await request(`http://${bracketed(host)}:${PORT.http}/`, { dispatcher })).body.text();
  },
  async tls(host) {
    const socket = await netns.connect({ host, port: PORT.https });
    const secure = tlsConnect({ socket, servername: 'web.test', ...ca });
    secure.write('GET / HTTP/1.0\r\n\r\n');
    return (await text(secure)).split('\r\n\r\n')[1];
  },
  async http2(host) {
    const socket = await netns.connect({ host, port: PORT.http2 });
    const session = http2Connect('http://web.test', { createConnection: () => socket });
    const said = await text(session.request({}));
    session.destroy();
    return said;
  },
  async websocket(host) {
    const socket = new WebSocket(`ws://${bracketed(host)}:${PORT.http}`, { agent: netns.httpAgent() });
    const [said] = await once(socket, 'message');
    socket.terminate();
    return String(said);
  },
  async datagram(host) {
    const socket = await netns.datagram(host.includes(':') ? 'udp6' : 'udp4');
    const said = await asked(socket, PORT.udp, host);
    socket.close();
    return said;
  },
  async connectedDatagram(host) {
    const socket = await netns.datagram(host.includes(':') ? 'udp6' : 'udp4');
    socket.connect(PORT.udp, host);
    await once(socket, 'connect');
    const said = await asked(socket);
    socket.close();
    return said;
  },
};

const outcome = (promise) =>
  promise.then(
    (said) => said,
    (error) => error.cause?.code ?? error.code ?? error.name,
  );

const stories = {
  async everyWay() {
    const said = {};
    for (const [name, way] of Object.entries(WAYS)) {
      said[name] = {};
      for (const host of HOSTS) said[name][host] = await outcome(way(host));
    }
    return said;
  },

  async unix() {
    return text(await netns.connect({ path: ABSTRACT }));
  },

  async keepAlive() {
    const http = netns.httpAgent({ keepAlive: true });
    const https = netns.httpsAgent({ keepAlive: true, ...ca, servername: 'web.test' });
    const undici = agent(netns);
    const said = [];
    for (let i = 0; i < 3; i++) {
      said.push(await WAYS.httpAgent('localhost', http));
      said.push(await WAYS.httpsAgent('web.test', https));
      said.push(await WAYS.undici('localhost', undici));
    }
    return said;
  },

  /** Nobody listens at that port inside. */
  async refused() {
    const host = 'localhost';
    const port = PORT.closed;
    return [
      await outcome(netns.connect({ host, port })),
      await outcome(answerOf(get({ host, port, agent: netns.httpAgent() }))),
      await outcome(netns.fetch(`http://localhost:${port}/`)),
    ];
  },

  /** One that this machine knows, and the namespace does not. */
  async unknownName() {
    return [
      await outcome(netns.connect({ host: process.argv[3], port: PORT.tcp })),
      await outcome(netns.fetch(`http://${process.argv[3]}:${PORT.http}/`)),
    ];
  },

  async firstFails() {
    netns.hosts.set('slow.test', ['192.0.2.1', V4]);
    return [await WAYS.connect('slow.test'), await WAYS.fetch('slow.test')];
  },

  /** A server inside is not reached from where the decoy is. */
  async fromOutside() {
    return [
      await text(plainConnect(PORT.tcp, V4)),
      await text(plainConnect(PORT.tcp, 'localhost')),
      await text(plainConnect(ABSTRACT)),
    ];
  },

  async closed() {
    const http = netns.httpAgent({ keepAlive: true });
    const https = netns.httpsAgent({ keepAlive: true, ...ca, servername: 'web.test' });
    const undici = agent(netns);
    const socket = await netns.datagram('udp4');
    const { fetch } = netns;
    await WAYS.httpAgent('localhost', http);
    await WAYS.httpsAgent('web.test', https);
    await WAYS.undici('localhost', undici);
    await (await fetch(`http://localhost:${PORT.http}/`)).text();
    await netns.close();
    const sending = async () => socket.send('who?', PORT.udp, '127.0.0.1');
    return {
      connect: await outcome(WAYS.connect('localhost')),
      connectUnix: await outcome(netns.connect({ path: ABSTRACT })),
      listen: await outcome(netns.listen(createServer())),
      datagram: await outcome(netns.datagram('udp4')),
      httpAgent: await outcome((async () => netns.httpAgent())()),
      httpAgentBefore: await outcome(WAYS.httpAgent('localhost', http)),
      httpsAgentBefore: await outcome(WAYS.httpsAgent('web.test', https)),
      fetch: await outcome(fetch(`http://localhost:${PORT.http}/`)),
      undiciBefore: await outcome(WAYS.undici('localhost', undici)),
      socketBefore: await outcome(sending()),
    };
  },

  /** Leaves the namespace, as a mistake in the library would. */
  async leak() {
    const socket = createSocket('udp4');
    return [
      await text(plainConnect(PORT.tcp, 'localhost')),
      await answerOf(get({ host: V4, port: PORT.http })),
      await (await fetch(`http://[${V6}]:${PORT.http}/`)).text(),
      await asked(socket, PORT.udp, '127.0.0.1'),
    ];
  },
};

const told = {};
for (const name of process.argv[2].split(',')) {
  hits = 0;
  const said = await stories[name]();
  told[name] = { said, hits };
}
process.stdout.write(JSON.stringify(told), () => process.exit());
