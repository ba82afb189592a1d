// A chat of three namespaces on a bridge: the server in one, a client in each of the others.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Bridge, Netns, Scope, Veth } from 'nsnet';
import { WebSocket, WebSocketServer } from 'ws';

await using scope = new Scope();
const room = await scope.use(Netns.create());
await Bridge.create({ netns: room, name: 'br0', addresses: ['10.0.0.1/24'], up: true });

async function guest(name: string, address: string): Promise<Netns> {
  const netns = await scope.use(Netns.create());
  const cable = await Veth.create(
    { netns, name: 'eth0', addresses: [address], up: true },
    { netns: room, name: `to-${name}`, master: 'br0', up: true },
  );
  await cable.a.ready();
  return netns;
}

const http = createServer();
const chat = new WebSocketServer({ server: http });
chat.on('connection', (socket, request) => {
  const who = request.headers.name;
  socket.on('message', (text) => {
    for (const each of chat.clients) each.send(`${who}: ${text}`);
  });
});
await room.listen(http, { host: '10.0.0.1', port: 80 });

async function join(netns: Netns, name: string): Promise<WebSocket> {
  const agent = netns.httpAgent();
  const socket = new WebSocket('ws://10.0.0.1/', { agent, headers: { name } });
  await once(socket, 'open');
  return socket;
}

const ada = await join(await guest('ada', '10.0.0.2/24'), 'ada');
const bob = await join(await guest('bob', '10.0.0.3/24'), 'bob');
for (const [from, text] of [
  [ada, 'hello, bob'],
  [bob, 'hello, ada'],
] as const) {
  const heard = [ada, bob].map((each) => once(each, 'message'));
  from.send(text);
  for (const [message] of await Promise.all(heard)) console.log(String(message));
}
