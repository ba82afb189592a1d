// @kernels
// Neighbours, with `ip neigh` as witness.
import { type Change, type Neighbour, type NeighbourSpec, Netns, Veth, type VethPair } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { scaled } from '../support/scale.js';
import { ipIn, type Printed, runIn, shellIn } from './support/inside.js';
import { expectState, stateOf } from './support/state.js';

let netns: Netns;
let other: Netns;
let pair: VethPair;
beforeEach(async () => {
  [netns, other] = await Promise.all([Netns.create(), Netns.create()]);
  for (const each of [netns, other]) await each.sysctl('net.ipv6.conf.default.accept_dad', 0);
  pair = await Veth.create(
    { netns, name: 'e', addresses: ['10.0.0.1/16', 'fd00::1/64'], mac: '02:00:00:00:00:01', up: true },
    { netns: other, name: 'f', addresses: ['10.0.0.2/16', 'fd00::2/64'], mac: '02:00:00:00:00:02', up: true },
  );
  for (const end of pair) await end.ready();
});
afterEach(async () => {
  await netns.close();
  await other.close();
});

const mac = '02:00:00:00:00:aa';
const noLocal = ({ dst = '' }: Printed) => !dst.startsWith('fe80:') && !dst.startsWith('ff02:');
const byIp = async () => (await ipIn(netns, 'neigh', 'show', 'nud', 'all')).filter(noLocal);
const ours = async (state: 'all' | undefined = 'all') =>
  (await netns.neighbours.list({ state })).filter(({ address }) => noLocal({ dst: address }));

const cases: [string, Omit<NeighbourSpec, 'device'>, string][] = [
  ['permanent', { address: '10.0.0.9', mac }, `10.0.0.9 lladdr ${mac}`],
  ['IPv6', { address: 'fd00::9', mac }, `fd00::9 lladdr ${mac}`],
  ['a router', { address: 'fd00::9', mac, router: true }, `fd00::9 lladdr ${mac} router`],
  ['reachable', { address: '10.0.0.9', mac, state: 'reachable' }, `10.0.0.9 lladdr ${mac} nud reachable`],
  ['stale', { address: '10.0.0.9', mac, state: 'stale' }, `10.0.0.9 lladdr ${mac} nud stale`],
  ['noarp', { address: '10.0.0.9', mac, state: 'noarp' }, `10.0.0.9 lladdr ${mac} nud noarp`],
  [
    'of a routing daemon',
    { address: '10.0.0.9', mac, externLearn: true, protocol: 'zebra' },
    `10.0.0.9 lladdr ${mac} extern_learn proto zebra`,
  ],
];

describe.each(cases)('%s', (_title, spec, typed) => {
  test('is what ip makes of it', async () => {
    await netns.neighbours.add({ device: 'e', ...spec });
    const made = await byIp();
    await netns.neighbours.delete({ device: 'e', ...spec });
    expect(await byIp()).toEqual([]);
    await shellIn(netns, `ip neigh add dev e ${typed}`);
    expect(made).toEqual(await byIp());
    expect(made).toHaveLength(1);
  });

  test('what list() gives, replace(), delete() and add() take', async () => {
    await netns.neighbours.add({ device: pair.a, ...spec });
    const before = await byIp();
    const [first, ...rest] = (await ours()) as [Neighbour];
    expect(rest).toEqual([]);
    expect(first).toEqual({
      device: 'e',
      state: 'permanent',
      family: spec.address.includes(':') ? 'inet6' : 'inet',
      ...spec,
    });
    expect(structuredClone(first)).toEqual(first);
    await netns.neighbours.replace(first);
    await netns.neighbours.delete(first);
    expect(await ours()).toEqual([]);
    await netns.neighbours.add(first);
    expect(await byIp()).toEqual(before);
    expect(await ours()).toEqual([first]);
    await expect(netns.neighbours.add(first)).rejects.toMatchObject({
      code: 'EEXIST',
      syscall: 'RTM_NEWNEIGH',
      subject: `neighbour ${spec.address} in an unnamed netns`,
    });
  });
});

test('a proxy is an entry of its own', async () => {
  const proxy = { device: 'e', address: '10.0.0.9', proxy: true };
  await netns.neighbours.add(proxy);
  await netns.neighbours.add({ device: 'e', address: '10.0.0.9', mac });
  expect(await netns.neighbours.list({ proxy: true })).toEqual([{ ...proxy, family: 'inet', state: 'none' }]);
  expect(await ipIn(netns, 'neigh', 'show', 'proxy')).toMatchObject([
    { dst: '10.0.0.9', dev: 'e', proxy: null },
  ]);
  expect(await netns.neighbours.describe({ proxy: true })).toBe('10.0.0.9 dev e proxy\n');
  const [listed] = await netns.neighbours.list({ proxy: true });
  await netns.neighbours.delete(listed as Neighbour);
  expect(await netns.neighbours.list({ proxy: true })).toEqual([]);
  expect(await ours()).toHaveLength(1);
  expect(() => netns.neighbours.watch({ proxy: true })).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
  );
});

test('what the kernel finds, and what it does not', async () => {
  await netns.ping('10.0.0.2', { count: 1 });
  const finding = netns.ping('10.0.0.77', { count: 1, timeout: 300 });
  expect((await finding).received).toBe(0);
  const found = await netns.neighbours.list({ family: 'inet' });
  expect(found).toContainEqual(
    expect.objectContaining({ address: '10.0.0.2', mac: '02:00:00:00:00:02', device: 'e' }),
  );
  const [lost] = await netns.neighbours.list({ address: '10.0.0.77' });
  expect(lost).not.toHaveProperty('mac');
  expect(['incomplete', 'failed']).toContain(lost?.state);
});

test('list() and its filters', async () => {
  await pair.a.set({ altNames: ['uplink'] });
  await netns.neighbours.add({ device: 'uplink', address: '10.0.0.8', mac });
  await netns.neighbours.add({
    device: pair.a.index,
    address: '10.0.0.9',
    mac: mac.toUpperCase(),
    state: 'noarp',
  });
  await netns.neighbours.add({ device: 'e', address: 'fd00::9', mac: '02:00:00:00:00:bb' });
  const addresses = async (filter: object) =>
    (await netns.neighbours.list(filter))
      .map(({ address }) => address)
      .filter((dst) => noLocal({ dst }))
      .sort();
  expect(await addresses({})).toEqual(['10.0.0.8', 'fd00::9']);
  expect(await addresses({ state: 'all' })).toEqual(['10.0.0.8', '10.0.0.9', 'fd00::9']);
  expect(await addresses({ state: 'noarp' })).toEqual(['10.0.0.9']);
  expect(await addresses({ state: 'all', mac: mac.toUpperCase() })).toEqual(['10.0.0.8', '10.0.0.9']);
  expect(await addresses({ family: 'inet6' })).toEqual(['fd00::9']);
  for (const device of ['e', 'uplink', pair.a, pair.a.index])
    expect(await addresses({ device })).toHaveLength(2);
  expect(await addresses({ device: 'lo' })).toEqual([]);
  const printed = (await runIn(netns, 'ip', 'neigh')).split('\n').map((line) => line.trimEnd());
  expect((await netns.neighbours.describe()).split('\n').sort()).toEqual(printed.sort());
});

test('replace() changes what is there', async () => {
  await netns.neighbours.add({ device: 'e', address: '10.0.0.9', mac, state: 'stale' });
  await netns.neighbours.replace({ device: 'e', address: '10.0.0.9', mac: '02:00:00:00:00:bb' });
  expect(await ours()).toMatchObject([{ mac: '02:00:00:00:00:bb', state: 'permanent' }]);
});

describe('refused, and nothing is changed', () => {
  const valid = { device: 'e', address: '10.0.0.9', mac };
  test.each([
    [{ ...valid, address: '10.0.0.9/24' }, 'ERR_INVALID_ARG_VALUE'],
    [{ ...valid, address: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{ ...valid, mac: '02:00:00' }, 'ERR_INVALID_ARG_VALUE'],
    [{ ...valid, mac: '' }, 'ERR_INVALID_ARG_VALUE'],
    [{ ...valid, mac: '02:00:00:00:00:zz' }, 'ERR_INVALID_ARG_VALUE'],
    [{ ...valid, state: 'dead' }, 'ERR_INVALID_ARG_VALUE'],
    [{ ...valid, state: 'toString' }, 'ERR_INVALID_ARG_VALUE'],
    [{ ...valid, state: 'all' }, 'ERR_INVALID_ARG_VALUE'],
    [{ ...valid, proxy: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ ...valid, protocol: 'nobody' }, 'ERR_INVALID_ARG_VALUE'],
    [{ ...valid, protocol: 256 }, 'ERR_OUT_OF_RANGE'],
    [{ ...valid, family: 'inet6' }, 'ERR_INVALID_ARG_VALUE'],
    [{ ...valid, lladdr: mac }, 'ERR_INVALID_ARG_VALUE'],
    [{ address: '10.0.0.9', mac }, 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
    [{ ...valid, device: 'nothing' }, 'ENODEV'],
    [{ ...valid, mac: undefined }, 'ERR_INVALID_ARG_VALUE'],
    [{ ...valid, mac: undefined, state: 'stale' }, 'ERR_INVALID_ARG_VALUE'],
    [{ ...valid, mac: '02:00:00:01' }, 'EINVAL'],
  ])('%j', async (spec, code) => {
    const before = await stateOf(netns);
    const neighbours = await byIp();
    await expect(netns.neighbours.add(spec as NeighbourSpec)).rejects.toMatchObject({ code });
    await expect(netns.neighbours.replace(spec as NeighbourSpec)).rejects.toMatchObject({ code });
    expect(await byIp()).toEqual(neighbours);
    await expectState(before, 'afterwards', netns);
  });

  test('a link of another namespace', async () => {
    await expect(netns.neighbours.add({ ...valid, device: pair.b })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    expect(() => netns.neighbours.list({ nmae: 'x' } as object)).toThrow('Unknown key');
  });

  test('one that is not there', async () => {
    await expect(netns.neighbours.delete(valid)).rejects.toMatchObject({
      code: 'ENOENT',
      hint: 'There is no such neighbour',
    });
  });

  test('after close(), and aborted', async () => {
    await expect(netns.neighbours.add(valid, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(await byIp()).toEqual([]);
    const closed = await Netns.create();
    await closed.close();
    await expect(closed.neighbours.add(valid)).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
    expect(() => closed.neighbours.list()).toThrow(expect.objectContaining({ code: 'ERR_NSNET_CLOSED' }));
  });
});

test('watch() tells what comes, changes and goes', async () => {
  await netns.neighbours.add({ device: 'e', address: '10.0.0.8', mac });
  const watch = netns.neighbours.watch({ device: 'e', address: '10.0.0.9' });
  const next = async () => (await watch.next()).value as Change<Neighbour>;
  const first = next();
  await netns.neighbours.add({ device: 'e', address: '10.0.0.9', mac });
  expect(await first).toMatchObject({ type: 'added', value: { address: '10.0.0.9', state: 'permanent' } });
  await shellIn(netns, 'ip neigh replace 10.0.0.9 dev e lladdr 02:00:00:00:00:bb nud permanent');
  expect(await next()).toMatchObject({
    type: 'changed',
    value: { mac: '02:00:00:00:00:bb' },
    previous: { mac },
  });
  await shellIn(netns, 'ip neigh del 10.0.0.9 dev e');
  expect(await next()).toMatchObject({ type: 'removed', value: { mac: '02:00:00:00:00:bb' } });
  await netns.neighbours.add({ device: 'e', address: '10.0.0.9', mac });
  expect(await next()).toMatchObject({ type: 'added' });
  // With the link they go, of which the kernel need not say a word.
  await pair.delete();
  expect(await next()).toMatchObject({ type: 'removed' });
  await watch.return?.();
});

test('a big table, written at once, is read whole', async () => {
  const count = scaled(5000, 300);
  const address = (i: number) => `10.0.${16 + (i >> 8)}.${i & 255}`;
  const macOf = (i: number) =>
    `02:00:00:01:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`;
  await Promise.all(
    Array.from({ length: count }, (_, i) =>
      netns.neighbours.add({ device: 'e', address: address(i), mac: macOf(i) }),
    ),
  );
  const listed = await netns.neighbours.list({ family: 'inet' });
  expect(new Map(listed.map((each) => [each.address, each.mac]))).toEqual(
    new Map(Array.from({ length: count }, (_, i) => [address(i), macOf(i)])),
  );
  await Promise.all(listed.map((each) => netns.neighbours.delete(each)));
  expect(await netns.neighbours.list({ family: 'inet', state: 'permanent' })).toEqual([]);
});
