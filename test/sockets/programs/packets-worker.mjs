// Loops over packets and sends some, in a worker that is terminated.
import { parentPort } from 'node:worker_threads';
import { Netns } from 'nsnet';

const netns = await Netns.create();
const [packets, raw] = await Promise.all([netns.packet(), netns.raw({ protocol: 253 })]);
parentPort.postMessage('begun');
const read = async (socket) => {
  for await (const { bytes } of socket) if (bytes.length < 20) throw new Error('too short');
};
const write = async () => {
  for (;;) {
    await raw.send(new Uint8Array(100), '127.0.0.1');
    await new Promise((resolve) => setImmediate(resolve));
  }
};
await Promise.all([read(packets), read(raw), write()]);
