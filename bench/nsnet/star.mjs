// A hundred namespaces on one bridge in a router namespace.
import { Bridge, Netns, Veth } from 'nsnet';
import { report, settle, timed } from './common.mjs';

const SPOKES = 100;

async function addSpoke(router, bridge, i) {
  const spoke = await Netns.create({});
  await Veth.create(
    { netns: spoke, name: 'eth0', addresses: [`10.0.1.${i + 1}/16`], up: true },
    { netns: router, name: `port${i}`, master: bridge, up: true },
  );
  await spoke.routes.add({ destination: 'default', gateway: '10.0.0.1' });
  return spoke;
}

async function setUp() {
  const router = await Netns.create({});
  const bridge = await Bridge.create({ netns: router, name: 'br0', addresses: ['10.0.0.1/16'], up: true });
  const spokes = Array.from({ length: SPOKES }, (_, i) => addSpoke(router, bridge, i));
  return [router, ...(await Promise.all(spokes))];
}

async function once() {
  const up = await timed(setUp);
  const down = await timed(() => Promise.all(up.value.map((netns) => netns.close())));
  await settle();
  return { up: up.took, down: down.took };
}

const first = await once();
const again = await once();
report({ first: first.up, again: again.up, teardown: again.down });
