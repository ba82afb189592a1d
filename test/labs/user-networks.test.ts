// Networks by name: made, connected, listed, inspected, removed; names that go on when an address changes, and aliases.
import { Netns, Network, NetworkSandbox, Scope } from 'nsnet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, reach, type Site, serverIn, siteIn } from './support/site.js';

const scope = new Scope();
let site: Site;
let mybridge: Network;
let test1: NetworkSandbox;
let test2: NetworkSandbox;
let test3: NetworkSandbox;

beforeAll(async () => {
  site = await siteIn(scope);
});
afterAll(() => scope[Symbol.asyncDispose]());

const here = () => ({ netns: site.host });

test('network create -d bridge mybridge', async () => {
  mybridge = await scope.use(Network.create({ name: 'mybridge', driver: 'bridge', ...here() }));
  expect(mybridge.subnet).toBe('172.17.0.0/16');
  await expect(Network.create({ name: 'mybridge', ...here() })).rejects.toMatchObject({ code: 'EEXIST' });
});

test('run --network mybridge, and on the default one', async () => {
  test1 = await scope.use(NetworkSandbox.create('mybridge', { ...here(), name: 'test1' }));
  test2 = await scope.use(
    NetworkSandbox.create('mybridge', { ...here(), name: 'test2', aliases: ['web', 'db'] }),
  );
  test3 = await scope.use(NetworkSandbox.create('bridge', { ...here(), name: 'test3' }));
  for (const [name, sandbox] of Object.entries({ test1, test2, test3 }))
    await scope.use(serverIn(sandbox, name, [80]));
  expect([test1, test2, test3].map(({ endpoint }) => endpoint?.address)).toEqual([
    '172.17.0.2',
    '172.17.0.3',
    '172.18.0.2',
  ]);
});

test('network ls', async () => {
  const networks = await Network.list(here());
  expect(networks.map(({ name, driver, subnet }) => ({ name, driver, subnet }))).toEqual([
    { name: 'bridge', driver: 'bridge', subnet: '172.18.0.0/16' },
    { name: 'mybridge', driver: 'bridge', subnet: '172.17.0.0/16' },
  ]);
});

test('network inspect mybridge', async () => {
  await using network = await Network.open('mybridge', here());
  const { endpoints, gateway, internal } = await network.inspect();
  expect({ gateway, internal }).toEqual({ gateway: '172.17.0.1', internal: false });
  expect(endpoints.map(({ device, ...rest }) => rest)).toEqual([
    { name: 'test1', aliases: [], address: '172.17.0.2' },
    { name: 'test2', aliases: expect.arrayContaining(['web', 'db']), address: '172.17.0.3' },
  ]);
});

test('names, and aliases in the place of --link', async () => {
  for (const host of ['test2', 'web', 'db', 'TEST2', 'test2.mybridge', 'web.mybridge'])
    expect(await ask(test1.netns, `http://${host}/`), host).toMatchObject({
      name: 'test2',
      from: '172.17.0.2',
    });
  expect(await ask(test2.netns, 'http://test1/')).toMatchObject({ name: 'test1', from: '172.17.0.3' });
  // One name of several is as good as another: so are those who have it.
  await using other = await Netns.create();
  await using _endpoint = await mybridge.connect(other, { name: 'test4', aliases: ['web'] });
  const { stdout } = await test1.netns.run('getent', ['ahostsv4', 'web']);
  expect([...new Set(stdout.match(/^\S+/gm))].sort()).toEqual(['172.17.0.3', '172.17.0.4']);
});

test('two bridges are apart', async () => {
  expect(await reach(test3.netns, '172.17.0.2')).toBe('no answer');
  expect(await reach(test1.netns, '172.18.0.2')).toBe('no answer');
  expect(await nameIn(test3, 'test1')).toBe('none');
  expect(await nameIn(test1, 'test3')).toBe('none');
});

test('network connect mybridge test3: on both', async () => {
  await using endpoint = await mybridge.connect(test3.netns, { name: 'test3' });
  expect(endpoint.address).toBe('172.17.0.4');
  expect(endpoint.link.name).toBe('eth1');
  // One default route is enough.
  expect(endpoint.gateway).toBeUndefined();
  expect(await ask(test3.netns, 'http://test1/')).toMatchObject({ name: 'test1', from: '172.17.0.4' });
  expect(await ask(test1.netns, 'http://test3/')).toMatchObject({ name: 'test3', from: '172.17.0.2' });
  expect(await ask(test1.netns, 'http://172.17.0.4/')).toMatchObject({ name: 'test3' });
  // It stays on the other one, and passes nothing on from one to the other.
  await using test5 = await NetworkSandbox.create('bridge', { ...here(), name: 'test5' });
  expect(await ask(test5.netns, 'http://test3/')).toMatchObject({ name: 'test3', from: '172.18.0.3' });
  await test5.netns.routes.add({ destination: '172.17.0.0/16', gateway: '172.18.0.2' });
  expect(await reach(test5.netns, '172.17.0.2')).toBe('no answer');
});

test('network disconnect mybridge test3', async () => {
  expect((await test3.netns.links.list()).map(({ name }) => name)).toEqual(['lo', 'eth0']);
  expect(await nameIn(test1, 'test3')).toBe('none');
  await using _again = await mybridge.connect(test3.netns, { name: 'test3' });
  await mybridge.disconnect('test3');
  expect((await test3.netns.links.list()).map(({ name }) => name)).toEqual(['lo', 'eth0']);
  await expect(mybridge.disconnect('test3')).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a name goes on when the address changes', async () => {
  const address = async () => (await test1.netns.run('getent', ['hosts', 'test3'])).stdout.split(/\s/)[0];
  const first = await mybridge.connect(test3.netns, { name: 'test3' });
  expect(await address()).toBe(first.address);
  await first.close();
  await using second = await mybridge.connect(test3.netns, { name: 'test3', address: '172.17.0.77' });
  expect(await address()).toBe('172.17.0.77');
  expect(await ask(test1.netns, 'http://test3/')).toMatchObject({ name: 'test3' });
  expect(second.name).toBe('test3');
});

test('network rm X', async () => {
  await using opened = await Network.open('mybridge', here());
  const refused = opened.remove();
  await expect(refused).rejects.toMatchObject({ code: 'EBUSY' });
  await expect(refused).rejects.toThrow('Connected to it: test1, test2');
  await test1.close();
  await test2.close();
  await opened.remove();
  expect((await Network.list(here())).map(({ name }) => name)).toEqual(['bridge']);
  await expect(Network.open('mybridge', here())).rejects.toMatchObject({ code: 'ENOENT' });
  // The default one goes with the last that is connected to it.
  await test3.close();
  expect(await Network.list(here())).toEqual([]);
});

/** 'none' where the resolver knows no such name. */
async function nameIn({ netns }: NetworkSandbox, name: string): Promise<string> {
  const { stdout } = await netns.run('getent', ['hosts', name], { reject: false });
  return stdout.split(/\s/)[0] || 'none';
}
