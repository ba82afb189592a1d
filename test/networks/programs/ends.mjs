// Networks do not keep a program running, nor does what is connected to them: prints a line, and is over.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Netns, Network } from 'nsnet';

const host = await Netns.create();
const container = await Netns.create();
const network = await Network.create({
  netns: host,
  name: 'mynet',
  subnet: '10.1.0.0/24',
  subnet6: 'fd01::/64',
});

const stories = {
  network: () => console.log('network'),
  async endpoint() {
    const { address } = await network.connect(container, {
      name: 'web',
      publish: ['8080:80', '8080:80/udp'],
    });
    console.log(address);
  },
  /** What was relayed and asked is over. */
  async used() {
    const { address } = await network.connect(container, {
      name: 'web',
      publish: ['8080:80', '8080:80/udp'],
    });
    const server = createServer((socket) => socket.end('hello'));
    const listener = await container.listen(server, { host: address, port: 80 });
    const socket = await host.connect({ host: '127.0.0.1', port: 8080 });
    console.log(String((await once(socket, 'data'))[0]));
    socket.destroy();
    container.nameservers = ['127.0.0.11'];
    await container.resolve('web.mynet');
    await listener.close();
  },
  async closed() {
    const endpoint = await network.connect(container, { publish: ['8080:80'] });
    await endpoint.close();
    await network.close();
    console.log('closed');
  },
};

await stories[process.argv[2]]();
