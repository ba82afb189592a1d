// @kernels
// The routes that the kernel makes by itself, of types and tables that people seldom write.
import { Bridge, Netns, type Route } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ipIn } from './support/inside.js';

let netns: Netns;
beforeAll(async () => {
  netns = await Netns.create();
  await netns.sysctl('net.ipv6.conf.default.accept_dad', 0);
  const bridge = await Bridge.create({
    netns,
    name: 'br0',
    up: true,
    addresses: ['10.0.0.1/24', '10.0.0.2/24', 'fd00::1/64'],
  });
  await bridge.ready();
});
afterAll(() => netns.close());

/** Without the metric 0 that some of IPv6 have: nobody but the kernel can give that. */
const printed = async (family: string) =>
  (await ipIn(netns, family, 'route', 'show', 'table', 'all'))
    .map(({ type, metric, ...route }) =>
      JSON.stringify({ ...route, type, ...(type !== 'local' && { metric }) }),
    )
    .sort();

describe.each([
  ['inet', '-4', ['broadcast', 'local', 'unicast']],
  ['inet6', '-6', ['local', 'multicast', 'unicast']],
] as const)('of %s', (family, option, types) => {
  test('are all listed', async () => {
    const routes = await netns.routes.list({ table: 'all', family });
    expect(routes.length).toBe((await printed(option)).length);
    expect([...new Set(routes.map(({ type = 'unicast' }) => type))].sort()).toEqual(types);
    expect(new Set(routes.map(({ table }) => table))).toEqual(new Set(['local', 'main']));
    expect(routes.every((route) => route.family === family && route.protocol === 'kernel')).toBe(true);
  });

  test('are deleted and added as they were listed', async () => {
    const before = await printed(option);
    for (const route of (await netns.routes.list({ table: 'all', family })) as Route[]) {
      await netns.routes.delete(route);
      expect((await printed(option)).length, JSON.stringify(route)).toBe(before.length - 1);
      await netns.routes.add(route);
    }
    expect(await printed(option)).toEqual(before);
  });
});
