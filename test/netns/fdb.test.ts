// @kernels
// Forwarding tables of bridges and VXLANs, with `bridge fdb` as witness.
import { Bridge, type Change, type FdbEntry, type FdbSpec, Netns, Veth, type VethPair, Vxlan } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hostsOnWire } from '../links/support/hosts.js';
import { scaled } from '../support/scale.js';
import { parsed, runIn, shellIn } from './support/inside.js';

let netns: Netns;
let other: Netns;
let pair: VethPair;
beforeEach(async () => {
  [netns, other] = await Promise.all([Netns.create(), Netns.create()]);
  for (const each of [netns, other]) {
    await each.sysctl('net.ipv6.conf.default.disable_ipv6', 1);
    await each.sysctl('net.ipv6.conf.all.disable_ipv6', 1);
  }
  const bridge = await Bridge.create({ netns, name: 'br0', up: true });
  // Where bridges know VLANs, what is added without one is added for each that the port is in.
  await shellIn(netns, 'ip link set br0 type bridge vlan_default_pvid 0').catch(() => {});
  pair = await Veth.create(
    { netns, name: 'p', master: bridge, mac: '02:00:00:00:00:01', up: true },
    { netns: other, name: 'q', mac: '02:00:00:00:00:02', up: true },
  );
  await Vxlan.create({ netns, name: 'vx0', id: 7, local: '127.0.0.1', mac: '02:00:00:00:00:03', up: true });
});
afterEach(async () => {
  await netns.close();
  await other.close();
});

const mac = '02:00:00:00:00:aa';
const zero = '00:00:00:00:00:00';
const byBridge = async (address: string) =>
  parsed(await runIn(netns, 'bridge', '-j', 'fdb', 'show')).filter((entry) => entry.mac === address);
const ours = async (address: string) => netns.fdb.list({ mac: address });

const cases: [string, FdbSpec, string][] = [
  ['of a port’s bridge', { device: 'p', mac, master: true }, `${mac} dev p master`],
  ['static', { device: 'p', mac, master: true, state: 'static' }, `${mac} dev p master static`],
  ['dynamic', { device: 'p', mac, master: true, state: 'dynamic' }, `${mac} dev p master dynamic`],
  [
    'sticky',
    { device: 'p', mac, master: true, state: 'static', sticky: true },
    `${mac} dev p master static sticky`,
  ],
  [
    'of another’s learning',
    { device: 'p', mac, master: true, state: 'dynamic', externLearn: true },
    `${mac} dev p master dynamic extern_learn`,
  ],
  ['of the port itself', { device: 'p', mac, self: true }, `${mac} dev p self`],
  ['of the bridge itself', { device: 'br0', mac, self: true }, `${mac} dev br0 self`],
  ['of a VXLAN', { device: 'vx0', mac, self: true, destination: '10.0.0.2' }, `${mac} dev vx0 dst 10.0.0.2`],
  [
    'of a VXLAN with everything',
    {
      device: 'vx0',
      mac,
      self: true,
      destination: '10.0.0.2',
      port: 4790,
      vni: 9,
      via: 'p',
      state: 'static',
      router: true,
    },
    `${mac} dev vx0 dst 10.0.0.2 port 4790 vni 9 via p static router`,
  ],
  [
    'of a VXLAN, what is not known',
    { device: 'vx0', mac: zero, self: true, destination: '10.0.0.2' },
    `${zero} dev vx0 dst 10.0.0.2`,
  ],
];

describe.each(cases)('%s', (_title, spec, typed) => {
  test('is what bridge makes of it', async () => {
    await netns.fdb.add(spec);
    const made = await byBridge(spec.mac);
    expect(made).toHaveLength(1);
    await netns.fdb.delete(spec);
    expect(await byBridge(spec.mac)).toEqual([]);
    await shellIn(netns, `bridge fdb add ${typed}`);
    expect(made).toEqual(await byBridge(spec.mac));
  });

  test('what list() gives, replace(), delete() and add() take', async () => {
    await netns.fdb.add(spec);
    const before = await byBridge(spec.mac);
    const [first, ...rest] = (await ours(spec.mac)) as [FdbEntry];
    expect(rest).toEqual([]);
    expect(first).toMatchObject({ state: 'permanent', ...spec });
    expect(structuredClone(first)).toEqual(first);
    await netns.fdb.replace(first);
    await netns.fdb.delete(first);
    expect(await ours(spec.mac)).toEqual([]);
    await netns.fdb.add(first);
    expect(await byBridge(spec.mac)).toEqual(before);
    const printed = (await runIn(netns, 'bridge', 'fdb', 'show')).split('\n').map((line) => line.trimEnd());
    expect((await netns.fdb.describe()).split('\n').sort()).toEqual(printed.sort());
    // Of what others have learned the kernel lets the latest count.
    if (spec.mac !== zero && !spec.externLearn) {
      await expect(netns.fdb.add(first)).rejects.toMatchObject({ code: 'EEXIST', syscall: 'RTM_NEWNEIGH' });
    }
  });
});

test('VLANs have entries of their own', async ({ skip }) => {
  const filtering = await Bridge.create({ netns, vlanFiltering: true }).catch(() => undefined);
  skip(!filtering, 'this kernel’s bridges know no VLANs');
  await pair.a.set({ master: filtering });
  await netns.fdb.add({ device: 'p', mac, master: true, vlan: 1, state: 'static' });
  expect(await ours(mac)).toMatchObject([{ vlan: 1, master: true, bridge: filtering?.name }]);
  expect(await byBridge(mac)).toMatchObject([{ vlan: 1 }]);
  await netns.fdb.delete({ device: 'p', mac, master: true, vlan: 1 });
  expect(await ours(mac)).toEqual([]);
});

test('several destinations: each is added, replaced and deleted by itself', async () => {
  const to = (destination: string): FdbSpec => ({ device: 'vx0', mac: zero, destination });
  const seen = async () => (await ours(zero)).map(({ destination }) => destination).sort();
  await Promise.all(
    ['10.0.0.2', '10.0.0.3', '10.0.0.4'].map((destination) => netns.fdb.add(to(destination))),
  );
  expect(await seen()).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.4']);
  await netns.fdb.add(to('10.0.0.3'));
  await netns.fdb.replace(to('10.0.0.3'));
  await netns.fdb.replace(to('10.0.0.5'));
  expect(await seen()).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5']);
  await netns.fdb.delete(to('10.0.0.2'));
  // Linux says nothing of a destination that is not there.
  await netns.fdb.delete(to('10.0.0.2'));
  expect(await seen()).toEqual(['10.0.0.3', '10.0.0.4', '10.0.0.5']);
  await netns.fdb.delete({ device: 'vx0', mac: zero });
  expect(await seen()).toEqual([]);
  // Of one host’s address there is but one destination.
  await netns.fdb.add({ ...to('10.0.0.2'), mac });
  await expect(netns.fdb.add({ ...to('10.0.0.3'), mac })).rejects.toMatchObject({ code: 'EEXIST' });
  await netns.fdb.replace({ ...to('10.0.0.3'), mac });
  expect((await ours(mac)).map(({ destination }) => destination)).toEqual(['10.0.0.3']);
});

test('IPv6 destinations', async () => {
  const host = await Netns.create();
  await Vxlan.create({ netns: host, name: 'vx6', id: 7, local: '::1' });
  await host.fdb.add({ device: 'vx6', mac: zero, destination: 'fd00::2' });
  expect(await host.fdb.list({ device: 'vx6', mac: zero })).toMatchObject([{ destination: 'fd00::2' }]);
  await host.close();
});

test('list() and its filters', async () => {
  await netns.fdb.add({ device: 'p', mac, master: true, state: 'static' });
  await netns.fdb.add({ device: 'vx0', mac, destination: '10.0.0.2' });
  const count = async (filter: object) => (await netns.fdb.list({ mac, ...filter })).length;
  expect(await count({})).toBe(2);
  expect(await count({ device: pair.a })).toBe(1);
  expect(await count({ device: 'vx0' })).toBe(1);
  expect(await count({ self: true })).toBe(1);
  expect(await count({ master: true, bridge: 'br0' })).toBe(1);
  expect(await count({ state: 'static' })).toBe(1);
  expect(await count({ destination: '10.0.0.2' })).toBe(1);
  expect(await count({ mac: mac.toUpperCase() })).toBe(2);
  expect(() => netns.fdb.list({ lladdr: mac } as object)).toThrow('Unknown key');
  const whole = parsed(await runIn(netns, 'bridge', '-j', 'fdb', 'show'));
  expect(await netns.fdb.list()).toHaveLength(whole.length);
});

describe('refused, and nothing is changed', () => {
  const valid = { device: 'vx0', mac, destination: '10.0.0.2' };
  test.each([
    [{ ...valid, mac: '02:00' }, 'ERR_INVALID_ARG_VALUE'],
    [{ ...valid, mac: undefined }, 'ERR_INVALID_ARG_TYPE'],
    [{ ...valid, destination: '10.0.0.2/24' }, 'ERR_INVALID_ARG_VALUE'],
    [{ ...valid, master: true }, 'ERR_INVALID_ARG_VALUE'],
    [{ device: 'p', mac, master: true, self: true }, 'ERR_INVALID_ARG_VALUE'],
    [{ device: 'p', mac, port: 4789 }, 'ERR_INVALID_ARG_VALUE'],
    [{ ...valid, port: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ ...valid, vni: 2 ** 24 }, 'ERR_OUT_OF_RANGE'],
    [{ ...valid, vlan: 4095 }, 'ERR_OUT_OF_RANGE'],
    [{ ...valid, state: 'reachable' }, 'ERR_INVALID_ARG_VALUE'],
    [{ ...valid, nexthopId: 5 }, 'ERR_INVALID_ARG_VALUE'],
    [{ ...valid, dst: '10.0.0.3' }, 'ERR_INVALID_ARG_VALUE'],
    [{ ...valid, via: 'nothing' }, 'ENODEV'],
    [{ ...valid, device: 'nothing' }, 'ENODEV'],
    [{ device: 'vx0', mac, master: true }, 'EOPNOTSUPP'],
    [{ device: 'lo', mac }, 'EINVAL'],
  ])('%j', async (spec, code) => {
    const before = await runIn(netns, 'bridge', 'fdb', 'show');
    await expect(netns.fdb.add(spec as FdbSpec)).rejects.toMatchObject({ code });
    await expect(netns.fdb.replace(spec as FdbSpec)).rejects.toMatchObject({ code });
    expect(await runIn(netns, 'bridge', 'fdb', 'show')).toBe(before);
  });

  test('one that is not there, of another namespace, aborted', async () => {
    await expect(netns.fdb.delete(valid)).rejects.toMatchObject({
      code: 'ENOENT',
      hint: 'There is no such entry',
    });
    await expect(netns.fdb.add({ device: pair.b, mac })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    await expect(netns.fdb.add(valid, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(await ours(mac)).toEqual([]);
  });
});

describe('watch()', () => {
  const watching = (filter: object) => {
    const watch = netns.fdb.watch({ mac, ...filter });
    return { watch, next: async () => (await watch.next()).value as Change<FdbEntry> };
  };

  test('what is added, moves and goes in a bridge', async () => {
    await Veth.create({ netns, name: 'p2', master: 'br0', up: true }, { netns: other, up: true });
    const { watch, next } = watching({});
    const first = next();
    await netns.fdb.add({ device: 'p', mac, master: true, state: 'static' });
    expect(await first).toMatchObject({ type: 'added', value: { device: 'p', bridge: 'br0' } });
    await netns.fdb.replace({ device: 'p2', mac, master: true, state: 'static' });
    expect(await next()).toMatchObject({
      type: 'changed',
      value: { device: 'p2' },
      previous: { device: 'p' },
    });
    await shellIn(netns, `bridge fdb del ${mac} dev p2 master`);
    expect(await next()).toMatchObject({ type: 'removed', value: { device: 'p2' } });
    await watch.return?.();
  });

  test('destinations of a VXLAN', async () => {
    const { watch, next } = watching({ device: 'vx0' });
    const first = next();
    await netns.fdb.add({ device: 'vx0', mac, destination: '10.0.0.2' });
    expect(await first).toMatchObject({ type: 'added', value: { destination: '10.0.0.2' } });
    // Of which the kernel tells nothing but the new one.
    await netns.fdb.replace({ device: 'vx0', mac, destination: '10.0.0.3' });
    expect(await next()).toMatchObject({ type: 'changed', value: { destination: '10.0.0.3' } });
    await (await netns.links.get('vx0')).delete();
    expect(await next()).toMatchObject({ type: 'removed', value: { destination: '10.0.0.3' } });
    await watch.return?.();
  });

  test('several destinations are told one by one', async () => {
    const { watch, next } = watching({ mac: zero });
    const first = next();
    const add = (destination: string) => netns.fdb.add({ device: 'vx0', mac: zero, destination });
    await add('10.0.0.2');
    expect(await first).toMatchObject({ type: 'added', value: { destination: '10.0.0.2' } });
    await add('10.0.0.3');
    expect(await next()).toMatchObject({ type: 'added', value: { destination: '10.0.0.3' } });
    await netns.fdb.delete({ device: 'vx0', mac: zero, destination: '10.0.0.2' });
    expect(await next()).toMatchObject({ type: 'removed', value: { destination: '10.0.0.2' } });
    await watch.return?.();
  });
});

test('a big table, written at once, is read whole', async () => {
  const count = scaled(5000, 300);
  const macOf = (i: number) =>
    `02:00:00:01:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`;
  await Promise.all(
    Array.from({ length: count }, (_, i) =>
      netns.fdb.add({ device: 'vx0', mac: macOf(i), destination: `10.1.${i >> 8}.${i & 255}` }),
    ),
  );
  const listed = await netns.fdb.list({ device: 'vx0', self: true });
  expect(new Map(listed.map((each) => [each.mac, each.destination]))).toEqual(
    new Map(Array.from({ length: count }, (_, i) => [macOf(i), `10.1.${i >> 8}.${i & 255}`])),
  );
});

test('three hosts, told of each other by all-zeros entries, reach and learn each other', async () => {
  await using lab = await hostsOnWire(3);
  const macOf = (n: number) => `02:00:00:00:42:0${n}`;
  await Promise.all(
    lab.hosts.map(async (host, i) => {
      await Vxlan.create({
        netns: host,
        name: 'vx0',
        id: 42,
        local: `192.0.2.${i + 1}`,
        addresses: [`10.42.0.${i + 1}/24`],
        mac: macOf(i + 1),
        up: true,
      });
      const peers = [1, 2, 3].filter((n) => n !== i + 1);
      await Promise.all(
        peers.map((n) => host.fdb.add({ device: 'vx0', mac: zero, destination: `192.0.2.${n}` })),
      );
    }),
  );
  for (const [i, host] of lab.hosts.entries()) {
    for (const n of [1, 2, 3].filter((n) => n !== i + 1)) {
      const { received } = await host.ping(`10.42.0.${n}`, { count: 3, interval: 300 });
      expect(received, `${i + 1} to ${n}`).toBeGreaterThan(0);
      expect(await host.fdb.list({ device: 'vx0', mac: macOf(n) })).toMatchObject([
        { destination: `192.0.2.${n}`, state: 'dynamic', self: true },
      ]);
    }
  }
});
