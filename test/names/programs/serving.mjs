// A nameserver keeps no program running, whatever its clients do. Prints a line and is over, if all is well.
import { Netns } from '../../../build/lib/index.js';
import { serveNames } from '../../../build/lib/names/server.js';
import { internals } from '../../../build/lib/namespaces/network.js';

const netns = await Netns.create();
const inside = internals(netns);
/** Whom queries are handed to: it never answers. */
const silent = await netns.datagram('udp4', { bind: { host: '127.0.0.53', port: 53 } });
silent.unref();
const server = await serveNames(inside, {
  answer: async (name) => (name === 'slow' ? new Promise(() => {}) : undefined),
  forward: { from: inside, nameservers: async () => [{ address: '127.0.0.53', family: 4, port: 53 }] },
});

/** A query for 'slow' or 'far'. */
const query = (name) =>
  Buffer.concat([
    Buffer.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, name.length]),
    Buffer.from(name),
    Buffer.from([0, 0, 1, 0, 1]),
  ]);
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const stories = {
  async idle() {},
  /** Of both kinds, while a client waits. */
  async asked() {
    const client = await netns.datagram('udp4');
    client.unref();
    for (const name of ['slow', 'far']) client.send(query(name), server.port, server.address);
    await later(100);
  },
  async connected() {
    const client = await netns.connect({ host: server.address, port: server.port });
    client.unref();
    client.write(Buffer.concat([Buffer.from([0, query('far').length]), query('far')]));
    await later(100);
  },
  async closed() {
    await server.close();
    await netns.close();
  },
};

await stories[process.argv[2]]();
// A query is waited for longer: this would run if it were.
setTimeout(() => console.log('late'), 1500).unref();
console.log(process.argv[2]);
