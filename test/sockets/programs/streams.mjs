// What keeps a program with servers and connections running, and what does not; and what is left when it is killed. Prints
// a line and is over, if all is well.
import cluster from 'node:cluster';
import { createServer as createHttpServer, get } from 'node:http';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { Netns } from 'nsnet';

const saying = (word) => createServer((socket) => socket.on('error', () => {}).end(word));
const netns = await Netns.create();

const stories = {
  /** All is closed. */
  async closed() {
    const listener = await netns.listen(saying('heard'));
    console.log(await text(await netns.connect({ port: listener.port })));
    const socket = await netns.datagram('udp4');
    socket.close();
    await listener.close();
  },
  /** Connections were made ahead, and a kept one is idle: nobody waits for them. */
  async agents() {
    const server = createHttpServer((_, res) => res.end('answered'));
    const listener = await netns.listen(server);
    const agent = netns.httpAgent({ keepAlive: true });
    const ask = () =>
      new Promise((resolve) => get({ port: listener.port, agent }, (res) => resolve(text(res))));
    for (let i = 0; i < 10; i++) await ask();
    console.log(await ask());
    server.unref();
    agent.destroy();
    await listener.close();
  },
  /** The namespace's end is the end of all. */
  async namespace() {
    await netns.listen(saying(''));
    await netns.datagram('udp4');
    await netns.httpAgent({ keepAlive: true });
    await netns.close();
    console.log('closed');
  },
  async unref() {
    const server = saying('');
    await netns.listen(server);
    const socket = await netns.datagram('udp6');
    socket.unref();
    server.unref();
    console.log('unref');
  },
  /** A connection that is under way keeps it running until its time is over. */
  async pending() {
    await netns.routes.add({ destination: '198.51.100.0/24', device: 'lo' });
    const silent = createServer();
    // One place in its backlog, and nobody accepts: further ones wait.
    const { port } = await netns.listen(silent, { backlog: 1 });
    silent.on('connection', () => {});
    netns.connect({ host: '127.0.0.1', port: 9 }).catch(({ code }) => console.log(code));
    netns
      .connect({ host: '127.0.0.1', port })
      .then((socket) => console.log(socket.destroy().destroyed ? 'connected' : 'never'))
      .then(() => silent.close());
  },
  /** Stays, until it is killed. */
  async serving() {
    const pinned = process.argv[3] ? await Netns.open({ path: process.argv[3] }) : netns;
    await pinned.listen(saying('first'), { port: 4000 });
    console.log('listening');
  },
  async cluster() {
    if (cluster.isPrimary) {
      cluster.setupPrimary({ args: ['cluster'] });
      const worker = cluster.fork();
      worker.on('message', (message) => console.log(message));
      worker.on('exit', () => console.log('exit'));
      return;
    }
    const error = await netns.listen(saying('')).catch((error) => error);
    const socket = await netns.datagram('udp4');
    await netns.close();
    process.send(`${error.code} ${socket.type}`, () => process.disconnect());
  },
};

await stories[process.argv[2]]();
