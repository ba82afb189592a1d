// Listens, connects and sends in a worker that is terminated.
import { createServer } from 'node:net';
import { parentPort } from 'node:worker_threads';
import { Netns } from 'nsnet';

const netns = await Netns.create();
const { port } = await netns.listen(createServer((socket) => socket.on('error', () => {})));
const idle = await netns.connect({ port });
const socket = await netns.datagram('udp4');
parentPort.postMessage(`${idle.remotePort === port} ${socket.type}`);
for (;;) {
  const made = await Promise.all(Array.from({ length: 8 }, () => netns.connect({ port })));
  for (const one of made) one.destroy();
}
