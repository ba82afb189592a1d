// Datagrams without end, in a worker that is terminated.
import { parentPort } from 'node:worker_threads';
import { Netns } from 'nsnet';

const netns = await Netns.create();
const server = await netns.datagram('udp4', { bind: { host: '127.0.0.1' } });
const client = await netns.datagram('udp4');
server.on('message', (bytes, from) => server.send(bytes, from.port, from.address));
const send = () => client.send('x', server.address().port, '127.0.0.1');
client.on('message', send);
client.once('message', () => parentPort.postMessage('begun'));
for (let i = 0; i < 10; i++) send();
