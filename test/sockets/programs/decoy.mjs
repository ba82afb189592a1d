// Started in a namespace that has the addresses of the far end of a cable between two others. Prints what the sockets
// of these find, and how many packets this namespace has seen.
import { Netns, Veth } from 'nsnet';

const FAR = ['192.168.7.2', 'fd07::2'];

const here = await Netns.current();
for (const [i, address] of FAR.entries())
  await here.addresses.add({ device: 'lo', address: `${address}/${i ? 128 : 32}` });
const ear = await here.packet();
let heard = 0;
const listening = (async () => {
  for await (const _ of ear) heard++;
})();

/** Whatever is sent to the addresses in this namespace is heard. */
await here.ping(FAR[0], { count: 1 });
await new Promise((resolve) => setTimeout(resolve, 20));
const control = heard;

const [near, far] = await Promise.all([Netns.create(), Netns.create()]);
await Promise.all([near, far].map((netns) => netns.sysctl('net.ipv6.conf.default.accept_dad', 0)));
const pair = await Veth.create(
  { netns: near, name: 'eth0', up: true, addresses: ['192.168.7.1/24', 'fd07::1/64'] },
  { netns: far, name: 'eth0', up: true, addresses: ['192.168.7.2/24', 'fd07::2/64'] },
);
await Promise.all([pair.a.ready(), pair.b.ready()]);
near.hosts.set('twin.test', '192.168.7.2');
heard = 0;

const results = {};
for (const [i, address] of FAR.entries()) {
  const family = i ? 'inet6' : 'inet';
  results[`ping ${family}`] = (
    await near.ping(address, { count: 2, interval: 10, dontFragment: true })
  ).received;
  results[`traceroute ${family}`] = (await near.traceroute(address)).length;
  const socket = await near.raw({ family, protocol: 253 });
  const twin = await far.raw({ family, protocol: 253 });
  const looping = twin[Symbol.asyncIterator]();
  await socket.send(new Uint8Array(8), address);
  results[`raw ${family}`] = (await looping.next()).value.from;
  await Promise.all([socket.close(), twin.close()]);
}
results.name = (await near.ping('twin.test', { count: 1 })).received;
const frames = await near.packet({ link: 'eth0' });
const twin = await far.packet({ protocol: 0x88b5 });
const looping = twin[Symbol.asyncIterator]();
const frame = new Uint8Array(60).fill(0xff, 0, 6);
frame.set([0x88, 0xb5], 12);
await frames.send(frame);
results.packet = (await looping.next()).value.type;
await Promise.all([frames.close(), twin.close(), near.close(), far.close()]);

// Closed: nothing is sent, here least of all.
results.closed = await frames.send(frame).catch(({ code }) => code);

await new Promise((resolve) => setTimeout(resolve, 20));
results.heard = heard;
results.control = control > 0;
await ear.close();
await listening;
await here.close();
console.log(JSON.stringify(results));
