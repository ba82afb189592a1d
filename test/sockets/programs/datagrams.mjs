// UDP sockets of programs that end by themselves, or not; and of one without the devices that its peers have. Prints lines.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Netns, Veth } from 'nsnet';

const netns = await Netns.create();

const stories = {
  /** Nobody listens to it: it keeps the program running all the same. */
  async bound() {
    await netns.datagram('udp4');
    console.log('bound');
  },
  async unref() {
    const socket = await netns.datagram('udp4');
    socket.on('message', () => {});
    socket.unref();
    console.log('unref');
  },
  /** ref() again, before and after it has heard something. */
  async ref() {
    const socket = await netns.datagram('udp4', { bind: { host: '127.0.0.1' } });
    socket.unref().ref();
    socket.once('message', () => {
      socket.unref();
      socket.ref();
      setTimeout(() => socket.close(() => console.log('closed')), 50).unref();
      setTimeout(() => {}, 100);
    });
    socket.send('x', socket.address().port, '127.0.0.1');
  },
  async closed() {
    const socket = await netns.datagram('udp4');
    socket.close(() => console.log('closed'));
  },
  /** What is thrown by a listener is the program's to catch, and takes no other datagram along. */
  async thrown() {
    const socket = await netns.datagram('udp4', { bind: { host: '127.0.0.1' } });
    process.on('uncaughtException', ({ message }) => console.log(message));
    socket.on('message', (bytes) => {
      if (String(bytes) === '3') socket.close();
      throw new Error(`thrown at ${bytes}`);
    });
    for (const word of ['1', '2', '3']) socket.send(word, socket.address().port, '127.0.0.1');
  },
  /** Of a program in a namespace where no device has such an index. */
  async foreign() {
    const far = await Netns.create();
    const filler = Array.from({ length: 20 }, (_, i) =>
      Veth.create({ netns: far, name: `f${i}` }, { netns: far, name: `g${i}` }),
    );
    await Promise.all(filler);
    await Promise.all([netns, far].map((one) => one.sysctl('net.ipv6.conf.default.accept_dad', 0)));
    const cable = await Veth.create(
      { netns, name: 'wire', up: true },
      { netns: far, name: 'wire', up: true },
    );
    await Promise.all([cable.a.ready(), cable.b.ready()]);
    const [address] = (await far.addresses.list({ device: 'wire' }))
      .filter(({ scope }) => scope === 'link')
      .map((one) => one.address.split('/')[0]);
    const server = await far.datagram('udp6', { bind: { port: 5000 } });
    const client = await netns.datagram('udp6');
    server.on('message', (bytes, from) => server.send(bytes, from.port, from.address));
    for (const one of [server, client]) one.on('error', (error) => console.log(error));
    client.send('hello', 5000, `${address}%wire`);
    const answered = once(client, 'message', { signal: AbortSignal.timeout(5000) });
    const [bytes, from] = await answered;
    console.log(String(bytes), from.address === `${address}%wire`);
    await cable.a.delete();
    await sleep(0);
    await Promise.all([netns.close(), far.close()]);
  },
};

await stories[process.argv[2]]();
