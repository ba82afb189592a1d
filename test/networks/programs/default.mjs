// Networks where no namespace is named: in the one that this program is in, whose number is its argument.
import { Netns, Network } from 'nsnet';

const here = await Netns.current();
if (here.id !== Number(process.argv[2])) throw new Error('started in another namespace');
const container = await Netns.create();
const network = await Network.create({ name: 'mynet' });
const endpoint = await network.connect(container, { name: 'web' });
const ping = await here.ping(endpoint.address, { count: 1 });
const opened = await Network.open('mynet');
const [{ name, endpoints }] = await Network.list();
await opened.close();
const { networks } = await Network.gc();
console.log(JSON.stringify([network.netns.id === here.id, ping.received, name, endpoints.length, networks]));
await endpoint.close();
await network.close();
