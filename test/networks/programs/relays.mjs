// What of relays keeps a program running, and what does not. Prints a line and is over, if all is well.
import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { internals } from '../../../build/lib/namespaces/network.js';
import { Netns } from '../../../build/lib/netns/netns.js';
import { relay } from '../../../build/lib/networks/relay/relay.js';
import { reserve } from '../../../build/lib/networks/reservation.js';

const netns = await Netns.create();
const inner = internals(netns);
const port = { address: '127.0.0.1', port: 8080 };
const [tcp, udp] = await Promise.all(['tcp', 'udp'].map((protocol) => reserve(inner, { protocol, ...port })));
const target = { from: inner, address: '127.0.0.1', port: 80 };

const stories = {
  /** Reserved only. */
  reserved() {
    console.log('reserved');
  },
  /** Relayed, and nobody comes; or somebody of UDP has been there. */
  async idle() {
    const server = await netns.datagram('udp4', { bind: { port: 80 } });
    const client = await netns.datagram('udp4');
    server.on('message', (bytes, { address, port }) => server.send(bytes, port, address));
    await Promise.all([relay(tcp, target), relay(udp, target)]);
    const answered = once(client, 'message');
    client.send('idle', 8080, '127.0.0.1');
    console.log(String((await answered)[0]));
    server.unref();
    client.unref();
  },
  /** A connection is under way, until its server ends it. */
  async busy() {
    const server = createServer((socket) => setTimeout(() => socket.end('bye'), 200).unref());
    await netns.listen(server, { port: 80 });
    server.unref();
    await relay(tcp, target);
    const socket = await netns.connect({ port: 8080, host: '127.0.0.1' });
    console.log(await text(socket));
  },
  /** A worker of node:cluster may not. */
  async cluster() {
    if (cluster.isPrimary) {
      cluster.fork();
      return;
    }
    await relay(tcp, target).catch(({ code }) => console.log(code));
    cluster.worker.disconnect();
  },
};

await stories[process.argv[2]]();
