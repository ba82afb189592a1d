// @kernels
// VXLANs, with ip as witness.
import { Netns, Veth, Vxlan, type VxlanOptions } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ipIn, runIn, shellIn } from '../netns/support/inside.js';
import { expectState, stateOf } from '../netns/support/state.js';
import { hostsOnWire } from './support/hosts.js';

let netns: Netns;
beforeEach(async () => {
  netns = await Netns.create();
  await netns.sysctl('net.ipv6.conf.default.accept_dad', 0);
  const pair = await Veth.create(
    { netns, name: 'eth0', addresses: ['192.0.2.1/24'], up: true },
    { netns, name: 'eth1', up: true },
  );
  for (const end of pair) await end.ready();
});
afterEach(() => netns.close());

const data = async (name: string) => (await ipIn(netns, 'link', 'show', name))[0]?.linkinfo;

type Own = Omit<VxlanOptions, 'netns'>;

/** What is given, what is read back of it, and what ip types for the same. */
const cases: [string, Own, object, string][] = [
  [
    'nothing but a number',
    { id: 7 },
    { id: 7, port: 4789, learning: true, ttl: 'auto', ageingTime: 300_000 },
    'id 7',
  ],
  ['the largest number, another port', { id: 0xffffff, port: 8472 }, { port: 8472 }, 'id 16777215'],
  [
    'both ends',
    { id: 1, local: '192.0.2.1', remote: '192.0.2.2' },
    { local: '192.0.2.1', remote: '192.0.2.2' },
    'id 1 local 192.0.2.1 remote 192.0.2.2',
  ],
  [
    'a group',
    { id: 1, group: '239.1.1.1', parent: 'eth0' },
    { group: '239.1.1.1', parent: 'eth0' },
    'id 1 group 239.1.1.1 dev eth0',
  ],
  [
    'IPv6',
    { id: 1, local: 'fd00:2::1', remote: 'fd00:2::2' },
    { local: 'fd00:2::1', remote: 'fd00:2::2' },
    'id 1 local fd00:2::1 remote fd00:2::2',
  ],
  [
    'a group of IPv6',
    { id: 1, group: 'ff05::1', parent: 'eth0', ttl: 5 },
    { group: 'ff05::1', parent: 'eth0', ttl: 5 },
    'id 1 group ff05::1 dev eth0 ttl 5',
  ],
  [
    'what is learned',
    { id: 1, learning: false, ageingTime: 60_000, ttl: 'inherit' },
    { learning: false, ageingTime: 60_000, ttl: 'inherit' },
    'id 1 nolearning ageing 60 ttl inherit',
  ],
];

describe.each(cases)('%s', (_title, own, options, typed) => {
  test('is what ip makes of it, and is read as it is', async () => {
    const made = await Vxlan.create({ netns, name: 'vx0', ...own });
    expect(made).toMatchObject({ kind: 'vxlan', owned: true, info: { kind: 'vxlan', options } });
    const ours = await data('vx0');
    await made.close();
    await shellIn(netns, `ip link add vx0 type vxlan ${typed} dstport ${own.port ?? 4789}`);
    const theirs = await data('vx0');
    expect(ours).toEqual(theirs);
    const found = await netns.links.get('vx0');
    expect(found).toBeInstanceOf(Vxlan);
    expect(found.info.options).toEqual(made.info.options);
    expect(found.info.parent).toBe(own.parent);
    expect((await netns.links.list({ kind: 'vxlan' })).map(({ name }) => name)).toEqual(['vx0']);
    await found.delete();
  });

  test('what was read makes another', async () => {
    const first = await Vxlan.create({ netns, ...own });
    const { options } = first.info;
    expect(structuredClone(options)).toEqual(options);
    await first.close();
    const again = await Vxlan.create({ netns, ...options });
    expect(again.info.options).toEqual(options);
  });
});

test('the parent as an object, an alternative name or an index; its MTU', async () => {
  const eth0 = await netns.links.get('eth0');
  await eth0.set({ altNames: ['uplink'], mtu: 1400 });
  for (const parent of [eth0, 'uplink', eth0.index]) {
    await using made = await Vxlan.create({ netns, id: 5, parent, local: '192.0.2.1', up: true });
    expect(made.info).toMatchObject({ up: true, mtu: 1350, parent: 'eth0', options: { parent: 'eth0' } });
  }
  const other = await Netns.create();
  await expect(Vxlan.create({ netns: other, id: 5, parent: eth0 })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARG_VALUE',
  });
  await expect(Vxlan.create({ netns, id: 5, parent: 'nothing' })).rejects.toMatchObject({ code: 'ENODEV' });
  await other.close();
});

describe('set()', () => {
  test.each([
    [{ remote: '192.0.2.9' }, { remote: '192.0.2.9' }],
    [{ local: '192.0.2.1' }, { local: '192.0.2.1' }],
    [{ learning: false }, { learning: false }],
    [{ ttl: 9 }, { ttl: 9 }],
    [{ ageingTime: 1000 }, { ageingTime: 1000 }],
    [{ parent: 'eth1' }, { parent: 'eth1' }],
    [{ group: '239.1.1.2', parent: 'eth0' }, { group: '239.1.1.2' }],
    [{ id: 3, port: 4789 }, { id: 3 }],
  ])('%j', async (changes, options) => {
    const made = await Vxlan.create({ netns, name: 'vx0', id: 3, remote: '192.0.2.2', local: '192.0.2.3' });
    await made.set(changes);
    expect(made.info.options).toMatchObject(options);
    expect((await netns.links.get('vx0')).info.options).toEqual(made.info.options);
  });

  test('what the kernel does not change', async () => {
    const made = await Vxlan.create({ netns, id: 3, remote: '192.0.2.2' });
    const fixed = [{ id: 4 }, { port: 4790 }, { remote: 'fd00::1' }, { ttl: 'inherit' as const }];
    for (const changes of fixed) {
      await expect(made.set(changes)).rejects.toMatchObject({
        code: 'EOPNOTSUPP',
        kernel: expect.any(String),
        hint: expect.stringContaining('make a new one'),
      });
    }
    const inheriting = await Vxlan.create({ netns, id: 5, ttl: 'inherit' });
    await expect(inheriting.set({ ttl: 9 })).rejects.toMatchObject({ code: 'EOPNOTSUPP' });
    await inheriting.set(inheriting.info.options);
    await made.refresh();
    expect(made.info.options).toMatchObject({ id: 3, port: 4789, remote: '192.0.2.2' });
  });
});

describe('refused, and nothing is changed', () => {
  test.each([
    [{}, 'ERR_INVALID_ARG_TYPE'],
    [{ id: '7' }, 'ERR_INVALID_ARG_TYPE'],
    [{ id: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ id: 0x1000000 }, 'ERR_OUT_OF_RANGE'],
    [{ id: 1, port: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ id: 1, port: 65_536 }, 'ERR_OUT_OF_RANGE'],
    [{ id: 1, learning: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ id: 1, ttl: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ id: 1, ttl: 'long' }, 'ERR_INVALID_ARG_VALUE'],
    [{ id: 1, ageingTime: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ id: 1, ageingTime: 1500 }, 'ERR_OUT_OF_RANGE'],
    [{ id: 1, local: '192.0.2.1/24' }, 'ERR_INVALID_ARG_VALUE'],
    [{ id: 1, local: '239.1.1.1' }, 'ERR_INVALID_ARG_VALUE'],
    [{ id: 1, remote: 'ff02::1', parent: 'eth0' }, 'ERR_INVALID_ARG_VALUE'],
    [{ id: 1, group: '192.0.2.2', parent: 'eth0' }, 'ERR_INVALID_ARG_VALUE'],
    [{ id: 1, group: '239.1.1.1' }, 'ERR_INVALID_ARG_VALUE'],
    [{ id: 1, group: '239.1.1.1', remote: '192.0.2.2', parent: 'eth0' }, 'ERR_INVALID_ARG_VALUE'],
    [{ id: 1, local: '192.0.2.1', remote: 'fd00::1' }, 'ERR_INVALID_ARG_VALUE'],
    [{ id: 1, remote: 'fe80::1' }, 'ERR_INVALID_ARG_VALUE'],
    [{ id: 1, stp: true }, 'ERR_INVALID_ARG_VALUE'],
    [{ id: 1, parent: {} }, 'ERR_INVALID_ARG_TYPE'],
  ])('%j', async (own, code) => {
    const before = await stateOf(netns);
    await expect(Vxlan.create({ netns, ...own } as VxlanOptions)).rejects.toMatchObject({ code });
    await expectState(before, 'afterwards', netns);
  });

  test('a number that is in use, at once', async () => {
    await Vxlan.create({ netns, id: 9 });
    const before = await stateOf(netns);
    const start = performance.now();
    await expect(Vxlan.create({ netns, id: 9 })).rejects.toMatchObject({
      code: 'EEXIST',
      kernel: expect.any(String),
      hint: 'The namespace has a VXLAN with this `id` and `port` already',
    });
    expect(performance.now() - start).toBeLessThan(2000);
    await Vxlan.create({ netns, name: 'vx0', id: 10 });
    await expect(Vxlan.create({ netns, name: 'vx0', id: 11 })).rejects.toMatchObject({
      code: 'EEXIST',
      hint: expect.stringContaining("link 'vx0'"),
    });
    await (await netns.links.get('vx0')).delete();
    await expectState(before, 'afterwards', netns);
  });

  test('a port that is in use, with what was made for it', async () => {
    const socket = await netns.datagram('udp4', { bind: { port: 4789 } });
    const before = await stateOf(netns);
    await expect(Vxlan.create({ netns, id: 9, local: '192.0.2.1', up: true })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      hint: expect.stringContaining('`port`'),
    });
    await expectState(before, 'afterwards', netns);
    socket.close();
  });

  test('an abort', async () => {
    const before = await stateOf(netns);
    const controller = new AbortController();
    const making = Vxlan.create({ netns, id: 9, altNames: ['x'], signal: controller.signal });
    controller.abort();
    await expect(making).rejects.toMatchObject({ name: 'AbortError' });
    await expectState(before, 'afterwards', netns);
  });
});

test('many at a time', async () => {
  const made = await Promise.all(
    Array.from({ length: 50 }, (_, i) => Vxlan.create({ netns, id: i, up: true })),
  );
  expect(made.map(({ info }) => info.options.id)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  await Promise.all(made.map((vxlan) => vxlan.close()));
  expect(await netns.links.list({ kind: 'vxlan' })).toEqual([]);
});

test('describe() prints it as ip does', async () => {
  await Vxlan.create({ netns, name: 'vx0', id: 1, parent: 'eth0', mac: '02:00:00:00:00:01', up: true });
  const [ours, theirs] = [
    await netns.links.describe({ kind: 'vxlan' }),
    await runIn(netns, 'ip', 'link', 'show', 'vx0'),
  ];
  expect(ours).toBe(theirs);
});

describe('traffic', () => {
  const overlay = (host: Netns, n: number, own: Partial<VxlanOptions>) =>
    Vxlan.create({
      netns: host,
      name: 'vx0',
      id: 42,
      local: `192.0.2.${n}`,
      parent: 'eth0',
      addresses: [`10.42.0.${n}/24`],
      mac: `02:00:00:00:42:0${n}`,
      up: true,
      ...own,
    });
  const received = async (from: Netns, to: string) =>
    (await from.ping(to, { count: 3, interval: 300 })).received;

  test('between two, told of each other', async () => {
    await using lab = await hostsOnWire(2);
    const [a, b] = lab.hosts as [Netns, Netns];
    await overlay(a, 1, { remote: '192.0.2.2' });
    await overlay(b, 2, { remote: '192.0.2.1' });
    expect(await received(a, '10.42.0.2')).toBeGreaterThan(0);
  });

  test('between two, over IPv6', async () => {
    await using lab = await hostsOnWire(2);
    const [a, b] = lab.hosts as [Netns, Netns];
    await overlay(a, 1, { local: 'fd00:2::1', remote: 'fd00:2::2' });
    await overlay(b, 2, { local: 'fd00:2::2', remote: 'fd00:2::1' });
    expect(await received(a, '10.42.0.2')).toBeGreaterThan(0);
  });

  test('among three that find each other by a group', async () => {
    await using lab = await hostsOnWire(3);
    await Promise.all(lab.hosts.map((host, i) => overlay(host, i + 1, { group: '239.1.1.1' })));
    for (const [i, host] of lab.hosts.entries())
      for (const n of [1, 2, 3].filter((n) => n !== i + 1))
        expect(await received(host, `10.42.0.${n}`), `${i + 1} to ${n}`).toBeGreaterThan(0);
  });

  test('moved into another namespace it sends by the one that it was made in', async () => {
    await using lab = await hostsOnWire(2);
    const [a, b] = lab.hosts as [Netns, Netns];
    const inside = await Netns.create();
    const made = await overlay(a, 1, { remote: '192.0.2.2', addresses: [] });
    await made.moveTo(inside, { addresses: ['10.42.0.1/24'], up: true });
    expect(made.info.options).not.toHaveProperty('parent');
    await overlay(b, 2, { remote: '192.0.2.1' });
    expect(await received(inside, '10.42.0.2')).toBeGreaterThan(0);
    expect(await received(b, '10.42.0.1')).toBeGreaterThan(0);
    await inside.close();
  });
});
