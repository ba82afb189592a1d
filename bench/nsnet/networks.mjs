// Containers on a network, each with a published TCP and a published UDP port: connect; what goes through the ports:
// traffic. Namespaces host, lan and web are there (scenarios.mjs makes them).
import { Netns, Network } from 'nsnet';
import { GREETER, measure, SINK, startServer } from '../peers/networks/traffic.mjs';
import { report, settle, timed } from './common.mjs';

const CONTAINERS = 500;
const AT_ONCE = 64;
const OTHERS = 998;
const LAN = '192.0.2.10';

const many = (count, make) => Promise.all(Array.from({ length: count }, make));

async function connectAll(host, name, subnet, atOnce) {
  const containers = await many(CONTAINERS, () => Netns.create({}));
  const network = await Network.create({ netns: host, name, subnet });
  let next = 0;
  const one = async () => {
    while (next < CONTAINERS) {
      const i = next++;
      const publish = [`${10_000 + i}:80`, `${20_000 + i}:53/udp`];
      await network.connect(containers[i], { name: `c${i}`, publish });
    }
  };
  const { took } = await timed(() => many(atOnce, one));
  return took / CONTAINERS;
}

const parts = {
  async connect() {
    const hosts = await many(2, () => Netns.create({}));
    const one = await connectAll(hosts[0], 'one', '10.1.0.0/16', 1);
    await settle();
    report({ one, many: await connectAll(hosts[1], 'many', '10.2.0.0/16', AT_ONCE) });
    // What is left goes with the namespaces.
    process.exit();
  },
  async traffic() {
    const [host, web] = await Promise.all(['host', 'web'].map((name) => Netns.open(name)));
    const network = await Network.create({ netns: host, name: 'bench', subnet: '10.9.0.0/16' });
    const ports = [`${SINK}:${SINK}`, `${GREETER}:${GREETER}`];
    await network.connect(web, { name: 'web', publish: ports });
    const stop = await startServer();
    // The first of all is slower than the second, whatever the rules are.
    await measure('connections', 'lan', LAN);
    const few = await measure('connections', 'lan', LAN);
    const stream = await measure('streams', 'lan', LAN);
    const relay = await measure('streams', 'host', '127.0.0.1');
    const other = await Netns.create({});
    await network.connect(other, {
      name: 'other',
      publish: [`20000-${20_000 + OTHERS - 1}:20000-${20_000 + OTHERS - 1}`],
    });
    const thousand = await measure('connections', 'lan', LAN);
    stop();
    report({ few, thousand, stream, relay });
    process.exit();
  },
};

await parts[process.argv[2]]();
