// A hundred namespaces, each with a server on port 80 of its own, and one client that asks them all: one process.
import { createServer } from 'node:http';
import { Bridge, Netns, Scope, Veth } from 'nsnet';

const COUNT = 100;

await using scope = new Scope();
const client = await scope.use(Netns.create());
await Bridge.create({ netns: client, name: 'br0', addresses: ['10.0.0.254/24'], up: true });

async function serve(number: number): Promise<void> {
  const netns = await scope.use(Netns.create());
  const cable = await Veth.create(
    { netns, name: 'eth0', addresses: [`10.0.0.${number}/24`], up: true },
    { netns: client, name: `port${number}`, master: 'br0', up: true },
  );
  await cable.a.ready();
  const server = createServer((_request, response) => response.end(`I am ${number}`));
  await netns.listen(server, { port: 80 });
}

const numbers = Array.from({ length: COUNT }, (_, i) => i + 1);
await Promise.all(numbers.map(serve));
const answers = await Promise.all(
  numbers.map(async (number) => (await client.fetch(`http://10.0.0.${number}/`)).text()),
);
console.log(`${new Set(answers).size} servers answered`);
console.log(answers.slice(0, 3).join(', '), '…', answers.at(-1));
