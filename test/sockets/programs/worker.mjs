// Pings for ever, in a worker that is terminated.
import { parentPort } from 'node:worker_threads';
import { Netns } from 'nsnet';

const netns = await Netns.create();
const runs = [1, 2, 3].map((interval) =>
  netns.ping('127.0.0.1', { count: Number.POSITIVE_INFINITY, interval }),
);
parentPort.postMessage('begun');
await Promise.all(
  runs.map(async (run) => {
    for await (const { type } of run) if (type !== 'reply') throw new Error(type);
  }),
);
