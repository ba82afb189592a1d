// TLS, with a name that means something inside the namespace alone. The certificate is checked for that name.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get } from 'node:https';
import { createServer } from 'node:tls';
import { Netns } from 'nsnet';

const file = (name: string) => readFileSync(new URL(`../../examples/tls/${name}`, import.meta.url));
const [key, cert] = [file('server.key'), file('server.crt')];

const netns = await Netns.create();
netns.hosts.set('shop.example', '127.0.0.1');
netns.hosts.set('other.example', '127.0.0.1');

const server = createServer({ key, cert }, (socket) => {
  socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nwelcome\n');
});
await netns.listen(server, { port: 443 });

const agent = netns.httpsAgent({ ca: cert });
const [response] = await once(get('https://shop.example/', { agent }), 'response');
console.log('shop.example:', response.statusCode, String((await once(response, 'data'))[0]).trim());

const [error] = await once(get('https://other.example/', { agent }), 'error');
console.log('other.example:', error.code);
await netns.close();
