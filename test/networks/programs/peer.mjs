// Another process with networks in the namespace that it is in: does what its parent says. Its arguments: that namespace's
// number, so that it is never the machine's own; how many containers it has as descriptors.
import { Netns, Network } from 'nsnet';

const [id, count] = process.argv.slice(2).map(Number);
const host = await Netns.current();
if (host.id !== id) throw new Error('started in another namespace');
const containers = await Promise.all(
  Array.from({ length: count }, (_, i) => Netns.open({ path: `/proc/self/fd/${10 + i}` })),
);
const networks = new Map();
const endpoints = new Map();

const acts = {
  async create(options) {
    const network = await Network.create({ netns: host, ...options });
    networks.set(options.name, network);
    return network.inspect();
  },
  async open(name) {
    networks.set(name, await Network.open(name, { netns: host }));
  },
  async connect(name, container, options) {
    const target = typeof container === 'number' ? containers[container] : await Netns.create();
    const endpoint = await networks.get(name).connect(target, options);
    endpoints.set(endpoint.name, endpoint);
    return { ...endpoint.toJSON(), device: endpoint.hostLink.name };
  },
  /** So many containers of its own. */
  async connectMany(name, count, options) {
    const made = await Promise.all(
      Array.from({ length: count }, async () =>
        networks.get(name).connect(await Netns.create(), { resolver: false, ...options }),
      ),
    );
    return made.map(({ address, address6 }) => ({ address, address6 }));
  },
  disconnect: (network, name) => networks.get(network).disconnect(name),
  closeEndpoint: (name) => endpoints.get(name).close(),
  releaseEndpoint: (name) => void endpoints.get(name).release(),
  release: (name) => void networks.get(name).release(),
  close: (name) => networks.get(name).close(),
  remove: (name, options) => networks.get(name).remove(options),
  inspect: (name) => networks.get(name).inspect(),
  list: () => Network.list({ netns: host }),
  gc: () => Network.gc({ netns: host }),
  repair: (name) => networks.get(name).repair(),
  /** For ever, so that it may be killed in the middle; says when it begins. */
  async loop(container, options) {
    for (let i = 0; ; i++) {
      process.send({ round: i });
      const network = await Network.create({ netns: host, name: 'looping', ...options });
      const endpoint = await network.connect(containers[container], {
        name: 'one',
        publish: ['8080:80', '8080:80/udp'],
        resolver: false,
      });
      await endpoint.close();
      await network.close();
    }
  },
};

process.on('message', async ({ id, what, args }) => {
  try {
    process.send({ id, value: await acts[what](...args) });
  } catch (error) {
    const { name, message, code, subject, hint, stack } = error;
    process.send({ id, error: { name, message, code, subject, hint, stack } });
  }
});
process.send({ ready: true });
