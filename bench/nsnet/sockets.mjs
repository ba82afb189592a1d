// A TCP stream and connections from namespace b to namespace a, over one veth pair (scenarios.mjs makes them).
// exec: server and client started by `ip netns exec`; nsnet: two processes that are in no namespace of the two; one: both in
// one process; capture: as nsnet, and a third that catches all packets.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { Netns } from 'nsnet';
import { report, timed } from './common.mjs';

const HOST = '10.9.0.1';
const SINK = 9000;
const GREETER = 9001;
const STREAM = 1 << 30;
const CHUNK = Buffer.alloc(64 << 10);
const CONNECTIONS = 4_000;
const AT_ONCE = 8;

const servers = () => [
  [SINK, net.createServer({ allowHalfOpen: true }, (c) => c.resume().on('end', () => c.end('.')))],
  [GREETER, net.createServer((c) => c.end())],
];

async function serve(netns) {
  for (const [port, server] of servers()) {
    if (netns) await netns.listen(server, { host: HOST, port });
    else await once(server.listen(port, HOST), 'listening');
  }
}

const connecting = (netns) => async (port) => {
  if (netns) return netns.connect({ host: HOST, port });
  const socket = net.connect({ host: HOST, port });
  await once(socket, 'connect');
  return socket;
};

async function stream(connect) {
  const socket = await connect(SINK);
  for (let sent = 0; sent < STREAM; sent += CHUNK.length)
    if (!socket.write(CHUNK)) await once(socket, 'drain');
  socket.end();
  socket.resume();
  await once(socket, 'close');
}

async function connections(connect, count) {
  let left = count;
  const one = async () => {
    while (left-- > 0) {
      const socket = await connect(GREETER);
      socket.resume();
      await once(socket, 'close');
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

async function measure(netns) {
  const connect = connecting(netns);
  await connections(connect, CONNECTIONS / 4);
  const { took: connected } = await timed(() => connections(connect, CONNECTIONS));
  const { took: streamed } = await timed(() => stream(connect));
  return { stream: streamed, connect: connected / CONNECTIONS };
}

const self = fileURLToPath(import.meta.url);

/** This program in another part, within a namespace or not; resolves with its first line. */
async function part(role, within) {
  const program = [process.execPath, self, role];
  const [file, ...args] = within ? ['ip', 'netns', 'exec', within, ...program] : program;
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
  return { line, child };
}

async function apart(suffix, within) {
  const server = await part(`server${suffix}`, within && 'a');
  const { line, child } = await part(`client${suffix}`, within && 'b');
  child.stdin.end();
  server.child.stdin.end();
  return JSON.parse(line);
}

const untilToldToEnd = async () => {
  console.log('ready');
  await once(process.stdin.resume(), 'end');
  process.exit();
};

const roles = {
  async server() {
    await serve();
    await untilToldToEnd();
  },
  async serverInside() {
    await serve(await Netns.open('a'));
    await untilToldToEnd();
  },
  client: async () => report(await measure()),
  async clientInside() {
    const netns = await Netns.open('b');
    report(await measure(netns));
    await netns.close();
  },
  async catcher() {
    const netns = await Netns.open('a');
    const capture = netns.capture({ snaplen: 96, buffer: '32M' });
    let caught = 0;
    console.log('ready');
    const done = (async () => {
      for await (const _ of capture) caught++;
    })();
    await once(process.stdin.resume(), 'end');
    const { received, dropped } = await capture.stats();
    await capture.close();
    await done;
    console.log(JSON.stringify({ caught, received, dropped }));
    await netns.close();
  },
  exec: async () => report(await apart('', true)),
  nsnet: async () => report(await apart('Inside', false)),
  async one() {
    const a = await Netns.open('a');
    const b = await Netns.open('b');
    await serve(a);
    report(await measure(b));
    await Promise.all([a.close(), b.close()]);
  },
  async capture() {
    const catcher = await part('catcher');
    const figures = await apart('Inside', false);
    const told = once(catcher.child.stdout, 'data');
    catcher.child.stdin.end();
    const { received, dropped } = JSON.parse((await told)[0]);
    report({ ...figures, dropped: dropped / (received + dropped || 1) });
  },
};

await roles[process.argv[2]]();
