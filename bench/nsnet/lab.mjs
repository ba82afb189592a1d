// Two namespaces and a cable, each end made in its place.
import { Netns, Veth } from 'nsnet';
import { median, report, settle, timed } from './common.mjs';

const AGAIN = 10;

async function setUp() {
  const [test1, test2] = await Promise.all([
    Netns.create({ loopback: false }),
    Netns.create({ loopback: false }),
  ]);
  await Veth.create(
    { netns: test1, name: 'veth-test1', addresses: ['192.168.1.1/24'], up: true },
    { netns: test2, name: 'veth-test2', addresses: ['192.168.1.2/24'], up: true },
  );
  return [test1, test2];
}

const ups = [];
const downs = [];
for (let i = 0; i <= AGAIN; i++) {
  const up = await timed(setUp);
  const down = await timed(() => Promise.all(up.value.map((netns) => netns.close())));
  ups.push(up.took);
  downs.push(down.took);
  await settle(100);
}
report({ first: ups[0], again: median(ups.slice(1)), teardown: median(downs.slice(1)) });
