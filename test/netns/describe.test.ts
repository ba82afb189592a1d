// describe() prints as iproute2 does.
import { Bridge, Netns, Veth, type VethPair } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { privileged } from '../support/privileges.js';
import { runIn, shellIn } from './support/inside.js';

let netns: Netns;
let other: Netns;
let pair: VethPair;
let inside: VethPair;
let bridge: Bridge;

beforeAll(async () => {
  netns = await Netns.create();
  other = await Netns.create();
  for (const each of [netns, other]) await each.sysctl('net.ipv6.conf.default.accept_dad', 0);
  bridge = await Bridge.create({
    netns,
    name: 'br0',
    up: true,
    addresses: ['10.0.0.1/24', '10.0.0.2/24', 'fd00::1/64'],
    alias: 'the bridge',
    altNames: ['the-bridge', 'a:longer/name-than-fifteen'],
  });
  pair = await Veth.create(
    { netns, name: 'far', up: true, mtu: 1400, addresses: [{ address: '10.1.0.1/24', label: 'far:x' }] },
    { netns: other, name: 'far', up: true },
  );
  inside = await Veth.create(
    { netns, name: 'near', master: bridge, up: true },
    { netns, name: 'near2', up: true },
  );
  await shellIn(
    netns,
    `ip link add ifb0 type ifb; ip link add link near2 name mac0 type macvlan mode bridge
     ip addr add 10.2.0.1 peer 10.2.0.2 dev near2; ip addr add fd02::1/64 dev near2 nodad
     ip addr add 10.3.0.1/24 brd + dev near2 scope link; ip link set ifb0 up`,
  );
  await netns.routes.add({ destination: '10.9.0.0/16', gateway: '10.0.0.9' });
  await netns.routes.add({
    destination: '10.8.0.0/16',
    device: 'br0',
    metric: 50,
    protocol: 'static',
    source: '10.0.0.2',
  });
  await netns.routes.add({ destination: '10.7.0.0/16', type: 'unreachable' });
  await netns.routes.add({ destination: '10.6.0.0/16', device: 'br0', table: 100 });
  await netns.routes.add({
    destination: 'default',
    nextHops: [{ gateway: '10.0.0.8' }, { gateway: '10.1.0.9', weight: 3 }],
  });
  await netns.routes.add({ destination: 'fd09::/32', gateway: 'fd00::9' });
  await netns.routes.add({ destination: 'fd08::/32', type: 'blackhole' });
  // What is not of this moment: carriers are told with a delay.
  await Promise.all([bridge, pair.a, pair.b].map((link) => link.ready()));
});
afterAll(async () => {
  await netns.close();
  await other.close();
});

/** Without the names of far ends' namespaces, trailing blanks, and the seconds that pass. */
const normal = (text: string) =>
  text
    .split('\n')
    .map((line) => line.replace(/ link-netns \S+/, ' link-netnsid 0').trimEnd())
    .filter((line) => line !== '')
    .join('\n');
const printed = async (...args: string[]) => normal(await runIn(netns, 'ip', ...args));

describe('links', () => {
  test('all of them', async () => {
    expect(normal(await netns.links.describe())).toBe(await printed('link'));
  });

  test.each<[string, object, string[]]>([
    ['those that are up', { up: true }, ['up']],
    ['ports of a bridge', { master: 'br0' }, ['master', 'br0']],
    ['veths', { kind: 'veth' }, ['type', 'veth']],
    ['bridges', { kind: 'bridge' }, ['type', 'bridge']],
  ])('%s', async (_title, filter, show) => {
    expect(normal(await netns.links.describe(filter))).toBe(await printed('link', 'show', ...show));
  });

  test('kinds without a class of their own, the same that list() gives', async () => {
    const names = (await netns.links.list({ kind: 'other' })).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['lo', 'ifb0', 'mac0']));
    const text = await netns.links.describe({ kind: 'other' });
    expect([...text.matchAll(/^\d+: ([^:@]+)/gm)].map(([, name]) => name)).toEqual(names);
  });

  test('none', async () => {
    expect(await netns.links.describe({ master: 'nothing' })).toBe('');
  });
});

describe('addresses', () => {
  test('all of them, below their links', async () => {
    expect(normal(await netns.addresses.describe())).toBe(await printed('addr'));
  });

  test.each<[string, object, string[]]>([
    ['of one device', { device: 'br0' }, ['addr', 'show', 'dev', 'br0']],
    ['by its alternative name', { device: 'the-bridge' }, ['addr', 'show', 'dev', 'br0']],
  ])('%s', async (_title, filter, show) => {
    expect(normal(await netns.addresses.describe(filter))).toBe(await printed(...show));
  });

  test.each([
    ['inet', '-4'],
    ['inet6', '-6'],
  ] as const)('of %s', async (family, option) => {
    // What `ip` knows of the links is less then.
    const withoutLinks = (text: string) =>
      normal(text)
        .replace(/^(\d+: [^:@]+).*/gm, '$1')
        .replace(/^ {4}(link\/|alias|altname).*\n/gm, '');
    const typed = await runIn(netns, 'ip', option, 'addr');
    expect(withoutLinks(await netns.addresses.describe({ family }))).toBe(withoutLinks(typed));
  });

  test('with lifetimes', async () => {
    await netns.addresses.add({ device: 'near2', address: '10.4.0.1/24', valid: 90_000, preferred: 60_000 });
    const shown = (text: string) => text.replace(/\d+sec/g, 'some seconds');
    expect(shown(normal(await netns.addresses.describe({ device: 'near2' })))).toBe(
      shown(await printed('addr', 'show', 'dev', 'near2')),
    );
    await netns.addresses.delete({ device: 'near2', address: '10.4.0.1/24' });
  });

  test('while an address is tentative, or a duplicate', async () => {
    await using pairAt = await Veth.create(
      { netns: other, name: 'd0' },
      { netns: other, name: 'd1', up: true },
    );
    const [d0] = pairAt as Iterable<Veth> as [Veth];
    await other.sysctl('net.ipv6.conf.d0.accept_dad', 1);
    await d0.addAddress('fd0d::1/64');
    await d0.up();
    const states = async () => [
      await other.addresses.describe({ device: 'd0' }),
      await runIn(other, 'ip', 'addr', 'show', 'dev', 'd0'),
    ];
    const [ours, theirs] = await states();
    expect(ours).toContain('tentative');
    expect(normal(ours ?? '')).toBe(normal(theirs ?? ''));
  });
});

describe('routes', () => {
  test.each<[string, object, string[]]>([
    ['of IPv4', { family: 'inet' }, ['-4', 'route']],
    ['of IPv6', { family: 'inet6' }, ['-6', 'route']],
    ['of another table', { family: 'inet', table: 100 }, ['route', 'show', 'table', '100']],
    ['of the local table', { family: 'inet', table: 'local' }, ['route', 'show', 'table', 'local']],
    ['of all tables', { family: 'inet', table: 'all' }, ['-4', 'route', 'show', 'table', 'all']],
    ['of all tables, IPv6', { family: 'inet6', table: 'all' }, ['-6', 'route', 'show', 'table', 'all']],
  ])('%s', async (_title, filter, show) => {
    expect(normal(await netns.routes.describe(filter))).toBe(await printed(...show));
  });

  test('both families, one after the other', async () => {
    const [v4, v6] = await Promise.all([printed('-4', 'route'), printed('-6', 'route')]);
    expect(normal(await netns.routes.describe())).toBe(`${v4}\n${v6}`);
  });

  test('over a link that has lost its carrier', async () => {
    await pair.b.down();
    await expect.poll(async () => (await pair.a.refresh()).info.state).toMatch(/down$/);
    expect(normal(await netns.routes.describe({ family: 'inet' }))).toBe(await printed('-4', 'route'));
    expect(normal(await netns.addresses.describe({ device: 'far' }))).toBe(
      await printed('addr', 'show', 'dev', 'far'),
    );
    await pair.b.up();
    await expect.poll(async () => (await pair.a.refresh()).info.state).toBe('up');
  });
});

test('after a change: down, without master, renamed', async () => {
  await inside.a.down();
  await inside.a.set({ master: null, name: 'renamed' });
  // The kernel tells the far end in its own time.
  await expect.poll(async () => (await netns.links.get('near2')).info.state).toMatch(/down$/);
  await vi.waitFor(async () => expect(normal(await netns.links.describe())).toBe(await printed('link')));
  expect(normal(await netns.addresses.describe())).toBe(await printed('addr'));
});

test('of this process’s own namespace', async () => {
  await using current = await Netns.current();
  const { run } = await import('../support/witness.js');
  expect(normal(await current.links.describe())).toBe(normal(await run('ip', ['link'])));
  expect(privileged || (await current.routes.describe()) !== undefined).toBe(true);
});
