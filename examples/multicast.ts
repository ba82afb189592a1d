// One sends to a group, those who have joined it receive: three namespaces on a bridge, which is the fourth.
import { once } from 'node:events';
import { Bridge, Netns, Scope, Veth } from 'nsnet';

const GROUP = '239.1.2.3';
const PORT = 5000;

await using scope = new Scope();
const wire = await scope.use(Netns.create());
await Bridge.create({ netns: wire, name: 'br0', up: true });

async function host(number: number): Promise<Netns> {
  const netns = await scope.use(Netns.create());
  const cable = await Veth.create(
    { netns, name: 'eth0', addresses: [`10.0.0.${number}/24`], up: true },
    { netns: wire, name: `port${number}`, master: 'br0', up: true },
  );
  await cable.a.ready();
  return netns;
}

const [sender, ...receivers] = await Promise.all([1, 2, 3].map(host));
const heard = receivers.map(async (netns) => {
  const socket = await netns.datagram('udp4', {
    bind: { port: PORT },
    multicast: { groups: [{ group: GROUP, device: 'eth0' }] },
  });
  const [message, { address }] = await once(socket, 'message');
  return `${message} (from ${address})`;
});

const socket = await (sender as Netns).datagram('udp4', { multicast: { device: 'eth0' } });
// Who joins later has missed it: it is said until all have heard.
const saying = setInterval(() => socket.send('is anybody there?', PORT, GROUP), 20);
for (const line of await Promise.all(heard)) console.log(line);
clearInterval(saying);
