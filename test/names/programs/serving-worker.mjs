// Serves names, with queries under way, in a worker that is terminated.
import { parentPort } from 'node:worker_threads';
import { Netns } from '../../../build/lib/index.js';
import { serveNames } from '../../../build/lib/names/server.js';
import { internals } from '../../../build/lib/namespaces/network.js';

const netns = await Netns.create();
const inside = internals(netns);
await netns.datagram('udp4', { bind: { host: '127.0.0.53', port: 53 } });
await serveNames(inside, {
  answer: async () => undefined,
  forward: { from: inside, nameservers: async () => [{ address: '127.0.0.53', family: 4, port: 53 }] },
});
netns.nameservers = ['127.0.0.11'];
const works = ['A', 'AAAA', 'MX'].map((type) => netns.resolve('web.example', type));
parentPort.postMessage('begun');
await Promise.all(works);
