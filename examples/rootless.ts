// A network namespace of one's own needs no privileges: it belongs to a user namespace in which this program may do
// everything, while the program itself stays where it is, what it is.
import { Namespace, Netns } from 'nsnet';

const here = async () => {
  await using net = await Namespace.current('net');
  await using user = await Namespace.current('user');
  return `net ${net.id}, user ${user.id}`;
};

console.log(`uid ${process.getuid?.()}`);
console.log(`here: ${await here()}`);

await using netns = await Netns.create();
await using owner = await netns.owner();
console.log(`made: net ${netns.id}, user ${owner.id}`);
await netns.sysctl('net.ipv4.ip_forward', true);
console.log(`made: ip_forward is ${await netns.sysctl('net.ipv4.ip_forward')}`);
const { received } = await netns.ping('127.0.0.1', { count: 1 });
console.log(`made: ${received} of 1 pings of its loopback answered`);

console.log(`here: ${await here()}`);
