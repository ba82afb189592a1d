// Holds a port of both protocols in the namespace at a path, until it is killed.
import { internals } from '../../../build/lib/namespaces/network.js';
import { Netns } from '../../../build/lib/netns/netns.js';
import { reserve } from '../../../build/lib/networks/reservation.js';

const host = internals(await Netns.open({ path: process.argv[2] }));
const [tcp, udp] = await Promise.all(
  ['tcp', 'udp'].map((protocol) => reserve(host, { protocol, address: '127.0.0.1', port: 8080 })),
);
console.log(`${tcp.port} ${udp.port}`);
setInterval(() => {}, 1000);
