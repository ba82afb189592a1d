import { Bridge, Netns, type Route, type RouteSpec } from 'nsnet';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { gatewaysOf } from './support/gateways.js';
import { ipIn, shellIn } from './support/inside.js';

let netns: Netns;
beforeAll(async () => {
  netns = await Netns.create();
  // Duplicates are not looked for, so that the kernel's own routes are there at once.
  await netns.sysctl('net.ipv6.conf.default.accept_dad', 0);
  const make = (name: string, n: number) =>
    Bridge.create({ netns, name, up: true, addresses: [`10.0.${n}.1/24`, `fd00:${n}::1/64`] });
  const bridges = await Promise.all([make('br0', 0), make('br1', 1)]);
  await Promise.all(bridges.map((bridge) => bridge.ready()));
});
afterAll(() => netns.close());

const byIp = (family: string, ...show: string[]) => ipIn(netns, `-${family}`, 'route', 'show', ...show);

/** What was typed to `ip route`, and what means the same. */
const cases: [string, RouteSpec, string][] = [
  ['4', { destination: 'default', gateway: '10.0.0.2' }, 'default via 10.0.0.2'],
  ['4', { destination: 'default', device: 'br0' }, 'default dev br0'],
  ['4', { destination: '10.9.0.0/16', gateway: '10.0.0.2' }, '10.9.0.0/16 via 10.0.0.2'],
  [
    '4',
    { destination: '10.9.0.0/16', gateway: '10.0.0.2', device: 'br0' },
    '10.9.0.0/16 via 10.0.0.2 dev br0',
  ],
  ['4', { destination: '10.9.0.0/16', device: 'br1' }, '10.9.0.0/16 dev br1'],
  ['4', { destination: '10.9.0.1/32', device: 'br1' }, '10.9.0.1 dev br1'],
  ['4', { destination: '0.0.0.0/1', device: 'br1' }, '0.0.0.0/1 dev br1'],
  ['4', { destination: '10.9.0.0/16', device: 'br0', metric: 42 }, '10.9.0.0/16 dev br0 metric 42'],
  [
    '4',
    { destination: '10.9.0.0/16', device: 'br0', source: '10.0.1.1' },
    '10.9.0.0/16 dev br0 src 10.0.1.1',
  ],
  [
    '4',
    { destination: '10.9.0.0/16', device: 'br0', protocol: 'static' },
    '10.9.0.0/16 dev br0 proto static',
  ],
  ['4', { destination: '10.9.0.0/16', device: 'br0', protocol: 99 }, '10.9.0.0/16 dev br0 proto 99'],
  ['4', { destination: '10.9.0.0/16', device: 'br0', scope: 'host' }, '10.9.0.0/16 dev br0 scope host'],
  ['4', { destination: '10.9.0.0/16', device: 'br0', scope: 'global' }, '10.9.0.0/16 dev br0 scope global'],
  ['4', { destination: '10.9.0.0/16', device: 'br0', scope: 77 }, '10.9.0.0/16 dev br0 scope 77'],
  ['4', { destination: '10.9.0.0/16', type: 'blackhole' }, 'blackhole 10.9.0.0/16'],
  ['4', { destination: '10.9.0.0/16', type: 'unreachable' }, 'unreachable 10.9.0.0/16'],
  ['4', { destination: '10.9.0.0/16', type: 'prohibit', metric: 7 }, 'prohibit 10.9.0.0/16 metric 7'],
  ['4', { destination: '10.9.0.0/16', type: 'throw', table: 10 }, 'throw 10.9.0.0/16 table 10'],
  ['4', { destination: '10.9.0.1/32', type: 'local', device: 'lo', table: 'local' }, 'local 10.9.0.1 dev lo'],
  ['4', { destination: '10.9.0.0/16', device: 'br0', table: 200 }, '10.9.0.0/16 dev br0 table 200'],
  ['4', { destination: '10.9.0.0/16', device: 'br0', table: 70000 }, '10.9.0.0/16 dev br0 table 70000'],
  ['4', { destination: '10.9.0.0/16', device: 'br0', table: 'default' }, '10.9.0.0/16 dev br0 table default'],
  [
    '4',
    { destination: '10.9.0.0/16', nextHops: [{ gateway: '10.0.0.2' }, { gateway: '10.0.1.2', weight: 5 }] },
    '10.9.0.0/16 nexthop via 10.0.0.2 nexthop via 10.0.1.2 weight 5',
  ],
  [
    '4',
    {
      destination: '10.9.0.0/16',
      nextHops: [
        { device: 'br0', weight: 256 },
        { device: 'br1', gateway: '10.0.1.2' },
      ],
    },
    '10.9.0.0/16 nexthop dev br0 weight 256 nexthop via 10.0.1.2 dev br1',
  ],
  ['6', { destination: 'default', gateway: 'fd00:0::2' }, 'default via fd00:0::2'],
  ['6', { destination: 'default', family: 'inet6', device: 'br0' }, 'default dev br0'],
  ['6', { destination: 'fd09::/32', gateway: 'fd00:0::2' }, 'fd09::/32 via fd00:0::2'],
  ['6', { destination: 'fd09::/32', gateway: 'fe80::1', device: 'br1' }, 'fd09::/32 via fe80::1 dev br1'],
  ['6', { destination: 'fd09::/32', device: 'br0' }, 'fd09::/32 dev br0'],
  ['6', { destination: 'fd09::1/128', device: 'br0', metric: 5 }, 'fd09::1 dev br0 metric 5'],
  ['6', { destination: 'fd09::/32', device: 'br0', source: 'fd00:1::1' }, 'fd09::/32 dev br0 src fd00:1::1'],
  ['6', { destination: 'fd09::/32', device: 'br0', protocol: 'static' }, 'fd09::/32 dev br0 proto static'],
  ['6', { destination: 'fd09::/32', type: 'blackhole' }, 'blackhole fd09::/32'],
  ['6', { destination: 'fd09::/32', type: 'unreachable' }, 'unreachable fd09::/32'],
  ['6', { destination: 'fd09::/32', device: 'br0', table: 300 }, 'fd09::/32 dev br0 table 300'],
  [
    '6',
    { destination: 'fd09::/32', nextHops: [{ gateway: 'fd00:0::2' }, { gateway: 'fd00:1::2', weight: 3 }] },
    'fd09::/32 nexthop via fd00:0::2 nexthop via fd00:1::2 weight 3',
  ],
];

describe.each(cases)('IPv%s %j', (family, spec, typed) => {
  const table = spec.table ?? 'main';
  const show = ['table', String(table)];

  afterEach(() => shellIn(netns, `ip -${family} route del ${typed} 2>/dev/null || true`));

  test('is what ip makes of it', async () => {
    const before = await byIp(family, 'table', 'all');
    await netns.routes.add(spec);
    const made = await byIp(family, ...show);
    await netns.routes.delete(spec);
    expect(await byIp(family, 'table', 'all')).toEqual(before);
    await shellIn(netns, `ip -${family} route add ${typed}`);
    expect(made).toEqual(await byIp(family, ...show));
  });

  test('what list() gives, replace(), delete() and add() take', async () => {
    const list = () =>
      netns.routes.list({
        table,
        destination: spec.destination,
        family: `inet${family === '6' ? 6 : ''}` as Route['family'],
      });
    await netns.routes.add(spec);
    const [route, ...others] = await list();
    expect(others).toEqual([]);
    expect(gatewaysOf(route as Route)).toEqual(gatewaysOf(spec));
    expect(structuredClone(route)).toEqual(route);
    const before = await byIp(family, ...show);
    await netns.routes.replace(route as Route);
    expect(await byIp(family, ...show)).toEqual(before);
    await netns.routes.delete(route as Route);
    expect(await list()).toEqual([]);
    await netns.routes.add(route as Route);
    expect(await byIp(family, ...show)).toEqual(before);
    expect(await list()).toEqual([route]);
  });
});

test('list() agrees with ip, route for route', async () => {
  await netns.routes.add({ destination: 'default', gateway: '10.0.0.2', metric: 100 });
  await netns.routes.add({ destination: '10.9.0.0/16', type: 'blackhole' });
  await netns.routes.add({ destination: 'default', gateway: 'fd00:0::2' });
  for (const [family, option] of [
    ['inet', '-4'],
    ['inet6', '-6'],
  ] as const) {
    const printed = await ipIn(netns, option, 'route');
    const listed = await netns.routes.list({ family });
    expect(
      listed.map(({ destination, gateway, device, source, metric, protocol, scope, type = 'unicast' }) => ({
        destination,
        gateway,
        device,
        source,
        metric,
        protocol,
        scope,
        type,
      })),
    ).toEqual(
      printed.map(({ dst, gateway, dev, prefsrc, metric, protocol, scope, type }) => ({
        destination: dst === 'default' || dst.includes('/') ? dst : `${dst}/${family === 'inet' ? 32 : 128}`,
        ...{ gateway, device: dev, source: prefsrc, metric, protocol, scope, type },
      })),
    );
  }
  for (const family of ['inet', 'inet6'] as const)
    await netns.routes.delete({ destination: 'default', family });
  await netns.routes.delete({ destination: '10.9.0.0/16' });
});
