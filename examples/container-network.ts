// Three web servers on one network, as `docker run --network`: each has a network namespace, an address, and a name by which
// the others find it. A namespace plays the host, so that this needs no root and touches nothing of this machine.
import { once } from 'node:events';
import { Netns, NetworkSandbox, Scope, spawn } from 'nsnet';

await using scope = new Scope();
const host = await scope.use(Netns.create());

const program = `
  const [name] = process.argv.slice(1);
  require('http')
    .createServer(({ socket }, response) => response.end(name + ' answers ' + socket.remoteAddress))
    .listen(80, '0.0.0.0', () => console.log('ready'))`;

async function container(name: string): Promise<NetworkSandbox> {
  const sandbox = await scope.use(NetworkSandbox.create('bridge', { netns: host, name }));
  const namespaces = { ...sandbox.namespaces, uts: 'new' } as const;
  const server = await scope.use(
    spawn(process.execPath, ['-e', program, name], { namespaces, hostname: name }),
  );
  await once(server.stdout, 'data');
  return sandbox;
}

const web = await container('web');
const api = await container('api');
const db = await container('db');
for (const { endpoint } of [web, api, db]) {
  console.log(`${endpoint!.name.padEnd(3)} is at ${endpoint!.address}, by way of ${endpoint!.gateway}`);
}

const ask = async ({ netns }: NetworkSandbox, url: string) => (await netns.fetch(url)).text();
console.log(`from web, by name:    ${await ask(web, 'http://api/')}`);
console.log(`from api, by address: ${await ask(api, `http://${db.endpoint!.address}/`)}`);

// A fourth one shares the network of the first, as --network container:web: what is localhost there is localhost here.
const shared = await scope.use(NetworkSandbox.create(`container:${await pidIn(web)}`));
console.log(`beside web:           ${await ask(shared, 'http://localhost/')}`);

// And a fifth has none.
const none = await scope.use(NetworkSandbox.create('none'));
console.log(
  `without a network:    ${await ask(none, 'http://172.17.0.2/').catch(({ cause }) => cause.code)}`,
);

async function pidIn({ namespaces }: NetworkSandbox): Promise<number> {
  const program = await scope.use(spawn('sleep', ['60'], { namespaces, stdio: 'ignore' }));
  return program.pid;
}
