// `docker network create`, connect, ls, inspect, rm: containers find one another by name, whatever their addresses are. A
// namespace plays the host; programs ask their resolver at 127.0.0.11, as in Docker.
import { Netns, Network, NetworkSandbox, Scope } from 'nsnet';

await using scope = new Scope();
const host = await scope.use(Netns.create());
const place = { netns: host };

const front = await scope.use(Network.create({ name: 'front', ...place }));
const back = await scope.use(
  Network.create({ name: 'back', subnet: '10.5.0.0/24', internal: true, ...place }),
);
for (const { name, subnet, internal } of await Network.list(place))
  console.log(`${name.padEnd(5)} ${subnet}${internal ? ', internal' : ''}`);

const web = await scope.use(NetworkSandbox.create('front', { ...place, name: 'web' }));
const app = await scope.use(NetworkSandbox.create(front, { name: 'app' }));
const db = await scope.use(NetworkSandbox.create(back, { name: 'db', aliases: ['postgres'] }));

// What a program in there is told, by the C library.
async function lookUp({ netns, endpoint }: NetworkSandbox, name: string): Promise<void> {
  const { stdout } = await netns.run('getent', ['hosts', name], { reject: false });
  console.log(`${endpoint!.name} asks for ${name}: ${stdout.split(/\s/)[0] || 'no such name'}`);
}

await lookUp(web, 'app');
await lookUp(web, 'db');

// app is on both: the way from one to the other is through it, not past it.
let both = await back.connect(app.netns, { name: 'app' });
await lookUp(app, 'db');
await lookUp(app, 'postgres');
await lookUp(db, 'app');

console.log('app gets another address');
await both.close();
both = await back.connect(app.netns, { name: 'app', address: '10.5.0.77' });
await lookUp(db, 'app');

const { endpoints } = await back.inspect();
console.log(`on back: ${endpoints.map(({ name, address }) => `${name} ${address}`).join(', ')}`);

// It is not removed under those who use it.
const opened = await scope.use(Network.open('back', place));
await opened.remove().catch(({ code, message }) => console.log(`${code}: ${message.split('. ')[1]}`));
await opened.remove({ force: true });
console.log(`left: ${(await Network.list(place)).map(({ name }) => name).join(', ')}`);
