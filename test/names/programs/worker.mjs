// Asks nameservers that never answer, in a worker that is terminated.
import { parentPort } from 'node:worker_threads';
import { Netns } from 'nsnet';

const netns = await Netns.create();
await netns.datagram('udp4', { bind: { host: '127.0.0.1', port: 53 } });
netns.nameservers = ['127.0.0.1'];
const works = ['A', 'AAAA', 'MX'].map((type) => netns.resolve('web.example', type));
parentPort.postMessage('begun');
await Promise.all(works);
