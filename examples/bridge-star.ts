// Three network namespaces around a bridge, which has one of its own. Each pings the next across it.
import { Bridge, Netns, Scope, Veth } from 'nsnet';

await using scope = new Scope();

const hub = await scope.use(Netns.create());
const bridge = await Bridge.create({ netns: hub, name: 'br0', up: true });

const hosts = await Promise.all(
  ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map(async (address) => {
    const netns = await scope.use(Netns.create());
    await Veth.create(
      { netns, name: 'eth0', addresses: [`${address}/24`], up: true },
      { netns: hub, name: `port${address.at(-1)}`, master: bridge, up: true },
    );
    return { netns, address };
  }),
);

const ports = (await bridge.ports()).map(({ name }) => name).sort();
console.log(`${bridge.name} has the ports ${ports.join(', ')}`);

for (const [index, { netns, address }] of hosts.entries()) {
  const next = hosts[(index + 1) % hosts.length]!;
  const { received, rtt } = await netns.ping(next.address, { count: 1, timeout: 3000 });
  console.log(`${address} → ${next.address}: ${received} reply, ${rtt?.avg.toFixed(3)} ms`);
}
