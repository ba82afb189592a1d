// A container with no network gets one, by its pid:  node build/examples/container-by-hand.js $(podman inspect --format …)
// Without a pid, a small server of this program's own plays the container. A namespace plays the host, with its docker0.
import { Bridge, Netns, Scope, spawn, Veth } from 'nsnet';

await using scope = new Scope();

/** A server that was started where there is no network. */
async function standIn(): Promise<number> {
  const netns = await scope.use(Netns.create());
  await netns.sysctl('net.ipv4.ip_unprivileged_port_start', 0);
  const program = `require('http').createServer((_, response) => response.end('it works'))
    .listen(80, '0.0.0.0', () => console.log('ready'))`;
  const server = await scope.use(spawn(process.execPath, ['-e', program], { namespaces: { net: netns } }));
  for await (const _ of server.stdout!) break;
  return server.pid;
}

const pid = Number(process.argv[2] ?? (await standIn()));

const host = await scope.use(Netns.create());
const docker0 = await Bridge.create({ netns: host, name: 'docker0', addresses: ['172.17.0.1/16'], up: true });

const container = await scope.use(Netns.ofProcess(pid)); // ln -s /proc/$pid/ns/net /var/run/netns/$pid
await container.attach(String(pid));
console.log(`before: ${(await container.links.list()).map(({ name }) => name).join(', ')}`);

const { a, b } = await Veth.create({ netns: host, name: 'A' }, { netns: host, name: 'B' });
await a.set({ master: docker0 }); // brctl addif docker0 A
await a.up(); // ip link set A up
await b.moveTo(container, { name: 'eth0' }); // ip link set B netns $pid; … name eth0
await b.up();
await b.addAddress('172.17.0.10/16');
await container.routes.add({ destination: 'default', gateway: '172.17.0.1' });
console.log(`after:  ${(await container.links.list()).map(({ name }) => name).join(', ')}`);

const response = await host.fetch('http://172.17.0.10/'); // curl 172.17.0.10
console.log(`${response.status}: ${(await response.text()).slice(0, 60)}`);
