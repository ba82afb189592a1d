// Ports of containers on the host, as `docker run -p`: a LAN reaches the host alone, and the host passes on what is published.
// Host and LAN are namespaces, the containers' programs are servers of this one.
import { createServer } from 'node:http';
import { Netns, Network, Scope, Veth } from 'nsnet';

await using scope = new Scope();
const [host, lan, container] = await Promise.all([1, 2, 3].map(() => scope.use(Netns.create())));
await Veth.create(
  { netns: host!, name: 'lan0', addresses: ['192.0.2.1/24'], up: true },
  { netns: lan!, name: 'eth0', addresses: ['192.0.2.9/24'], up: true },
);

const whoAsks = createServer(({ socket }, response) => response.end(`hello, ${socket.remoteAddress}`));
await container!.listen(whoAsks, { host: '0.0.0.0', port: 80 });

const network = await scope.use(Network.create({ name: 'mynet', netns: host! }));
const web = await network.connect(container!, {
  name: 'web',
  publish: ['8888:80', '127.0.0.1:8889:80', '80'],
});
for (const { hostAddress = 'any address', hostPort, containerPort, protocol } of web.published) {
  const chosen = [8888, 8889].includes(hostPort!) ? hostPort : 'a free one';
  console.log(`port ${containerPort}/${protocol} is on ${hostAddress}, port ${chosen}`);
}

async function ask(title: string, netns: Netns, url: string): Promise<void> {
  const text = await netns.fetch(url, { headers: { connection: 'close' } }).then(
    (response) => response.text(),
    ({ cause }) => cause.code,
  );
  console.log(`${title.padEnd(30)} ${text}`);
}

await ask('LAN, the host’s port 8888:', lan!, 'http://192.0.2.1:8888/');
await ask('LAN, the host’s port 8889:', lan!, 'http://192.0.2.1:8889/'); // that is on 127.0.0.1 only
await ask('LAN, the free port:', lan!, `http://192.0.2.1:${web.published[2]!.hostPort}/`);
await ask('host, localhost:8888:', host!, 'http://localhost:8888/');
await ask('host, 127.0.0.1:8889:', host!, 'http://127.0.0.1:8889/');

// A port that is taken is refused, whoever has it, and leaves nothing.
const other = await scope.use(Netns.create());
await network
  .connect(other, { name: 'other', publish: ['8888:80'] })
  .catch(({ code }) => console.log(`8888 again: ${code}`));
console.log(`on the network: ${(await network.inspect()).endpoints.map(({ name }) => name).join(', ')}`);

await web.close();
await ask('LAN, when it is closed:', lan!, 'http://192.0.2.1:8888/');
