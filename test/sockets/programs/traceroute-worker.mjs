// Traces for ever, in a worker that is terminated.
import { parentPort } from 'node:worker_threads';
import { Netns } from 'nsnet';

const netns = await Netns.create();
parentPort.postMessage('begun');
for (;;) {
  const [hop] = await netns.traceroute('127.0.0.1');
  if (!hop.reached) throw new Error('127.0.0.1 was not reached');
}
