// Takes all descriptors that this process may have while ports are reserved and relayed.
import { once } from 'node:events';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { internals } from '../../../build/lib/namespaces/network.js';
import { Netns } from '../../../build/lib/netns/netns.js';
import { relay } from '../../../build/lib/networks/relay/relay.js';
import { reserve } from '../../../build/lib/networks/reservation.js';

const open = () => readdirSync('/proc/self/fd').length;
const netns = await Netns.create();
const inner = internals(netns);
const place = { address: '127.0.0.1', port: 8080 };
const target = { from: inner, address: '127.0.0.1', port: 80 };
await netns.listen(
  createServer((socket) => socket.on('error', () => {}).end('heard')),
  { port: 80 },
);
const server = await netns.datagram('udp4', { bind: { port: 80 } });
server.on('message', (bytes, { address, port }) => server.send(bytes, port, address));
const [tcp, udp] = await Promise.all(
  ['tcp', 'udp'].map((protocol) => reserve(inner, { protocol, ...place })),
);
await relay(tcp, target);
await relay(udp, target, { idle: 100 });
const client = await netns.datagram('udp4');

/** What is said by the relay to who connects: its word, or how it ended; 'waiting' if it has said nothing. */
async function ask() {
  const signal = AbortSignal.timeout(300);
  let socket;
  try {
    socket = await netns.connect({ host: '127.0.0.1', port: 8080 });
    signal.addEventListener('abort', () => socket.destroy(new Error('waiting')));
    return (await text(socket)) || 'end';
  } catch ({ code, message }) {
    return code ?? message;
  } finally {
    socket?.destroy();
  }
}
async function send() {
  const answered = once(client, 'message', { signal: AbortSignal.timeout(300) });
  client.send('heard', 8080, '127.0.0.1');
  return answered.then(
    ([bytes]) => String(bytes),
    () => 'lost',
  );
}

await ask();
await sleep(300);
const before = open();
const taken = [];
function fill(spare) {
  try {
    for (;;) taken.push(openSync('/dev/null'));
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
  }
  for (let i = 0; i < spare; i++) closeSync(taken.pop());
}

fill(0);
const reserved = await reserve(inner, { protocol: 'tcp', address: '127.0.0.1', port: 0 }).catch(
  ({ code }) => code,
);
const datagrams = await send();
const connections = new Set();
for (let spare = 1; spare < 6; spare++) {
  fill(spare);
  connections.add(await ask());
  await sleep(100);
}
for (const fd of taken.splice(0)) closeSync(fd);
await sleep(300);
const after = [await ask(), await send()];
for (let i = 0; i < 50 && open() > before; i++) await sleep(20);
const left = Math.max(0, open() - before);
await netns.close();
console.log(JSON.stringify({ reserved, datagrams, connections: [...connections], after, left }));
