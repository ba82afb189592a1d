// An HTTP server in one namespace and fetch in another: one process, one event loop, and the kernel's network between.
import { createServer } from 'node:http';
import { Netns, Scope, Veth } from 'nsnet';

await using scope = new Scope();
const test1 = await scope.use(Netns.create());
const test2 = await scope.use(Netns.create());
const cable = await Veth.create(
  { netns: test1, name: 'veth-test1', addresses: ['192.168.1.1/24'], up: true },
  { netns: test2, name: 'veth-test2', addresses: ['192.168.1.2/24'], up: true },
);
await Promise.all([cable.a.ready(), cable.b.ready()]);

const server = createServer((request, response) => {
  response.end(`${request.method} ${request.url} from ${request.socket.remoteAddress}\n`);
});
const listener = await test1.listen(server, { host: '192.168.1.1', port: 80 });
console.log(`listening on ${listener.address}:${listener.port} in test1`);

test2.hosts.set('web.test', '192.168.1.1');
const response = await test2.fetch('http://web.test/hello');
console.log(`${response.status} ${await response.text()}`.trimEnd());

// Here nobody listens, and the error says where "here" is.
await test2.connect({ host: 'web.test', port: 81 }).catch((error) => console.log(error.code, error.port));
