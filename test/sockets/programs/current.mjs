// Pings from the namespace it is started in, and prints what comes of it.
import { Netns } from 'nsnet';

const netns = await Netns.current();
const results = [];
for (const [host, options] of [
  ['127.0.0.1', {}],
  ['127.0.0.1', { size: 2000, ttl: 5, source: '127.0.0.1' }],
  ['::1', {}],
]) {
  try {
    for await (const echo of netns.ping(host, { count: 2, interval: 10, ...options })) results.push(echo);
  } catch ({ code, syscall, message, hint }) {
    results.push({ code, syscall, message, hint });
  }
}
await netns.close();
console.log(JSON.stringify(results));
