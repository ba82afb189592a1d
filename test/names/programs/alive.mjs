// What keeps a program running, and what does not. Prints a line and is over, if all is well.
import { promisify } from 'node:util';
import { Netns } from 'nsnet';

const netns = await Netns.create();
netns.nameservers = ['127.0.0.1'];
const server = await netns.datagram('udp4', { bind: { host: '127.0.0.1', port: 53 } });
// Nothing of the nameserver keeps the program running.
server.unref();

const stories = {
  /** The answer, that there is no such name, comes late. */
  waiting() {
    server.on('message', (message, { port, address }) => {
      message[2] |= 0x80;
      message[3] = 0x83;
      setTimeout(() => server.send(message, port, address), 300).unref();
    });
    netns.lookup('web.example', ({ code }) => console.log(code));
  },
  async aborted() {
    const signal = AbortSignal.timeout(100);
    await netns.resolve('web.example', 'A', { signal }).catch(({ name }) => console.log(name));
  },
  async closed() {
    setTimeout(() => netns.close(), 100);
    await promisify(netns.lookup)('web.example').catch(({ code }) => console.log(code));
  },
  async idle() {
    netns.hosts.set('web.example', '10.0.0.1');
    console.log((await promisify(netns.lookup)('web.example')).address);
  },
};

await stories[process.argv[2]]();
