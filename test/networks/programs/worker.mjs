// Makes networks and connects to them for ever, in a worker that is terminated.
import { parentPort, workerData } from 'node:worker_threads';
import { Netns, Network } from 'nsnet';

const host = await Netns.open({ path: `/proc/self/fd/${workerData}` });
const container = await Netns.create();
for (let i = 0; ; i++) {
  const network = await Network.create({ netns: host, name: `net${i}` });
  if (i === 1) parentPort.postMessage('begun');
  const endpoint = await network.connect(container, { name: 'web', publish: ['8080:80', '8080:80/udp'] });
  await endpoint.close();
  await network.close();
}
