// Catches packets for ever, in a worker that is terminated.
import { parentPort } from 'node:worker_threads';
import { Netns } from 'nsnet';

const netns = await Netns.create();
const ping = netns.ping('127.0.0.1', { count: Number.POSITIVE_INFINITY, interval: 1 });
const captures = [1, 2, 3].map(() => netns.capture({ buffer: '1M' }));
parentPort.postMessage('begun');
await Promise.all([
  ping,
  ...captures.map(async (capture) => {
    for await (const { link } of capture) if (link !== 'lo') throw new Error(link);
  }),
]);
