// Makes and closes sandboxes until it is terminated.
import { parentPort } from 'node:worker_threads';
import { Netns, NetworkSandbox } from 'nsnet';

const host = await Netns.create();
const kept = await NetworkSandbox.create('bridge', { netns: host, name: 'kept', publish: ['80'] });
parentPort.postMessage('ready');
for (;;) {
  const made = await Promise.all([1, 2, 3].map(() => NetworkSandbox.create('bridge', { netns: host })));
  await Promise.all(made.map((sandbox) => sandbox.close()));
  if (kept.closed) break;
}
