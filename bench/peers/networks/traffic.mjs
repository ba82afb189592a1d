// What is sent through a published port, by Node alone: a server in namespace web, a client in lan or host, each a
// process of its own under `ip netns exec`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';

/** Of the server; published under the same numbers. */
export const SINK = 9000;
export const GREETER = 9001;
const STREAM = 256 << 20;
const STREAMS = 3;
const CHUNK = Buffer.alloc(64 << 10);
const CONNECTIONS = 1_200;
const AT_ONCE = 8;

async function serve() {
  const sink = net.createServer({ allowHalfOpen: true }, (c) => c.resume().on('end', () => c.end('.')));
  const greeter = net.createServer((c) => c.end());
  await once(sink.listen(SINK, '0.0.0.0'), 'listening');
  await once(greeter.listen(GREETER, '0.0.0.0', 1024), 'listening');
}

async function connect(host, port) {
  const socket = net.connect({ host, port });
  await once(socket, 'connect');
  return socket;
}

async function stream(host) {
  const socket = await connect(host, SINK);
  const start = process.hrtime.bigint();
  for (let sent = 0; sent < STREAM; sent += CHUNK.length)
    if (!socket.write(CHUNK)) await once(socket, 'drain');
  socket.end();
  socket.resume();
  await once(socket, 'close');
  return Number(process.hrtime.bigint() - start);
}

async function streams(host) {
  await stream(host);
  const samples = [];
  for (let i = 0; i < STREAMS; i++) samples.push(await stream(host));
  return samples.sort((a, b) => a - b)[STREAMS >> 1] * ((1 << 30) / STREAM);
}

async function connections(host, count) {
  let left = count;
  const one = async () => {
    while (left-- > 0) {
      const socket = await connect(host, GREETER);
      socket.resume();
      await once(socket, 'close');
    }
  };
  const start = process.hrtime.bigint();
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return Number(process.hrtime.bigint() - start) / count;
}

const parts = {
  streams,
  async connections(host) {
    await connections(host, CONNECTIONS / 4);
    return connections(host, CONNECTIONS);
  },
};

const self = fileURLToPath(import.meta.url);

/** This program in a namespace; resolves with it and its first line. */
export async function within(netns, ...args) {
  const command = ['netns', 'exec', netns, process.execPath, self, ...args];
  const child = spawn('ip', command, { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
  return { child, line };
}

/** The server, until its standard input ends. */
export async function startServer() {
  const { child } = await within('web', 'serve');
  return () => child.stdin.end();
}

/** Nanoseconds of 1 GiB, or of a connection. */
export async function measure(part, from, host) {
  const { child, line } = await within(from, part, host);
  child.stdin.end();
  return Number(line);
}

if (process.argv[1] === self) {
  const [part, host] = process.argv.slice(2);
  if (part === 'serve') {
    await serve();
    console.log('ready');
    await once(process.stdin.resume(), 'end');
    process.exit();
  }
  console.log(await parts[part](host));
}
