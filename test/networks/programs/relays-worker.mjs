// Reserves and relays for ever, in a worker that is terminated.

import { createServer } from 'node:net';
import { parentPort } from 'node:worker_threads';
import { internals } from '../../../build/lib/namespaces/network.js';
import { Netns } from '../../../build/lib/netns/netns.js';
import { relay } from '../../../build/lib/networks/relay/relay.js';
import { reserve } from '../../../build/lib/networks/reservation.js';

const netns = await Netns.create();
const inner = internals(netns);
const target = { from: inner, address: '127.0.0.1', port: 80 };
await netns.listen(
  createServer((socket) => socket.on('error', () => {}).pipe(socket)),
  { port: 80 },
);
const client = await netns.datagram('udp4');
for (let i = 0; ; i++) {
  const [tcp, udp] = await Promise.all(
    ['tcp', 'udp'].map((protocol) => reserve(inner, { protocol, address: '127.0.0.1', port: 8080 })),
  );
  await Promise.all([relay(tcp, target), relay(udp, target)]);
  const socket = await netns.connect({ port: 8080, host: '127.0.0.1' });
  socket.on('error', () => {}).write('x');
  client.send('x', 8080, '127.0.0.1');
  if (i === 0) parentPort.postMessage('begun');
  await new Promise((resolve) => setImmediate(resolve));
  await Promise.all([tcp.close(), udp.close()]);
  socket.destroy();
}
