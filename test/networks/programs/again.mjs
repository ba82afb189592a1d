// Has ports again and again the moment they are closed, while clones that have a table of descriptors of their own come and go:
// again.mjs <rounds>. Prints how often one was taken.
import { createServer } from 'node:net';
import { internals } from '../../../build/lib/namespaces/network.js';
import { Netns } from '../../../build/lib/netns/netns.js';
import { reserve } from '../../../build/lib/networks/reservation.js';
import { native } from '../../../build/lib/syscalls/native.js';

native().forceOwnMemory(true);
const rounds = Number(process.argv[2]);
const netns = await Netns.create();
const inner = internals(netns);
let over = false;
async function comeAndGo() {
  while (!over) await netns.sysctl('net.ipv4.ip_forward');
}
const clones = [comeAndGo(), comeAndGo()];
const acts = [
  () => reserve(inner, { protocol: 'udp', address: '127.0.0.1', port: 8080 }),
  () => reserve(inner, { protocol: 'tcp', address: '127.0.0.1', port: 8080 }),
  () => netns.listen(createServer(), { host: '127.0.0.1', port: 8081 }),
  () => netns.datagram('udp4', { bind: { host: '127.0.0.1', port: 8082 } }),
];
let taken = 0;
for (let i = 0; i < rounds; i++) {
  const made = await Promise.allSettled(acts.map((act) => act()));
  for (const { reason } of made) {
    if (reason?.code === 'EADDRINUSE') taken++;
    else if (reason) throw reason;
  }
  await Promise.all(made.map(({ value }) => value?.[Symbol.asyncDispose]()));
}
over = true;
await Promise.all(clones);
await netns.close();
console.log(taken);
