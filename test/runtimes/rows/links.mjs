import assert from 'node:assert/strict';
import { Bridge, Netns, Scope, Veth } from 'nsnet';

async function cabled() {
  const scope = new Scope();
  const [a, b] = await Promise.all([scope.use(Netns.create()), scope.use(Netns.create())]);
  const ends = await Veth.create(
    { netns: a, name: 'eth0', addresses: ['192.168.1.1/24'], up: true },
    { netns: b, name: 'eth0', addresses: ['192.168.1.2/24'], up: true },
  );
  await Promise.all([...ends].map((end) => end.ready()));
  return { a, b, done: () => scope[Symbol.asyncDispose]() };
}

export const rows = {
  'links: `Veth`, `Bridge`, addresses, moving, listing': async () => {
    const { a, b, done } = await cabled();
    const links = await a.links.list();
    assert.deepEqual(
      links.map(({ name, kind }) => [name, kind]),
      [
        ['lo', 'other'],
        ['eth0', 'veth'],
      ],
    );
    const link = await b.links.get('eth0');
    assert.ok(link instanceof Veth);
    const bridge = await Bridge.create({ netns: b, name: 'br0', up: true });
    await link.set({ master: bridge });
    assert.equal((await bridge.ports())[0]?.name, 'eth0');
    await link.set({ master: null });
    await link.moveTo(a, { name: 'eth1' });
    assert.equal(link.name, 'eth1');
    const addresses = await a.addresses.list();
    assert.ok(addresses.some(({ address }) => address === '192.168.1.1/24'));
    await done();
  },
  '`ping` between namespaces': async () => {
    const { b, done } = await cabled();
    const echoes = [];
    for await (const echo of b.ping('192.168.1.1', { count: 3, interval: 10 })) echoes.push(echo.type);
    assert.deepEqual(echoes, ['reply', 'reply', 'reply']);
    const { lost } = await b.ping('192.168.1.77', { count: 1, timeout: 50 });
    assert.equal(lost, 1);
    await done();
  },
  'routes: 1,000 added together, dumped': async () => {
    const { a, done } = await cabled();
    const before = (await a.routes.list({ family: 'inet' })).length;
    const number = 1000;
    await Promise.all(
      Array.from({ length: number }, (_, i) =>
        a.routes.add({ destination: `10.${i >> 8}.${i & 255}.0/24`, gateway: '192.168.1.2' }),
      ),
    );
    const routes = await a.routes.list({ family: 'inet' });
    assert.equal(routes.length, before + number);
    await done();
  },
  '`watch()`': async () => {
    const netns = await Netns.create();
    const seen = [];
    for await (const change of netns.links.watch()) {
      seen.push(`${change.type} ${change.value.name}`);
      if (seen.length === 1) await Bridge.create({ netns, name: 'br0' });
      else break;
    }
    assert.deepEqual(seen, ['added lo', 'added br0']);
    await netns.close();
  },
};
