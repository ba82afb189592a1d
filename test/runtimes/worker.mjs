// Is terminated while a ping, a watch and requests are under way.
import { parentPort } from 'node:worker_threads';
import { Netns } from 'nsnet';

const netns = await Netns.create();
const watch = (async () => {
  for await (const _ of netns.links.watch()) parentPort.postMessage('watching');
})();
const ping = netns.ping('127.0.0.1', { count: 100_000, interval: 10 });
const requests = (async () => {
  for (;;) await netns.links.list();
})();
await Promise.all([watch, ping, requests]);
