// Makes a network with an endpoint and its ports, and ends them again, all in the namespace that it is in; is killed at one of
// its calls of the add-on. Arguments: that namespace's number; at which call, counted from 0, or -1; 'before' it is made, or
// when it is 'over'; options of the network as JSON. Says which calls there were.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Netns, Network } from 'nsnet';

const [id, at] = process.argv.slice(2, 4).map(Number);
const [when, options] = process.argv.slice(4);
const binary =
  process.env.NSNET_BINARY ?? fileURLToPath(new URL('../../../build/Release/nsnet.node', import.meta.url));
const addon = createRequire(import.meta.url)(binary);

/** What the kernel hears nothing of. */
const QUIET = /^(fdNumber|now|capabilities|dumpable|watch.*|kernelRelease|stepCalls|fdIs.*|transactions)$/;
const calls = [];
let counting = false;

const die = () => process.kill(process.pid, 'SIGKILL');

for (const [name, call] of Object.entries(addon)) {
  if (typeof call !== 'function' || QUIET.test(name)) continue;
  addon[name] = (...args) => {
    if (!counting) return call(...args);
    const mine = calls.push(name) - 1;
    if (mine === at && when === 'before') die();
    const value = call(...args);
    if (mine !== at) return value;
    if (value instanceof Promise) return value.finally(die);
    die();
    return value;
  };
}

const host = await Netns.current();
if (host.id !== id) throw new Error('started in another namespace');
const container = await Netns.open({ path: '/proc/self/fd/10' });
counting = true;
const network = await Network.create({
  netns: host,
  name: 'mynet',
  subnet: '10.1.0.0/24',
  subnet6: 'fd01::/64',
  ...JSON.parse(options),
});
const endpoint = await network.connect(container, { name: 'web', publish: ['8080:80', '8080:80/udp'] });
await endpoint.close();
await network.close();
counting = false;
process.send({ calls });
process.disconnect();
