import { type Address, type AddressSpec, Bridge, Netns } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ipIn, type Printed, shellIn } from './support/inside.js';
import { expectState, stateOf } from './support/state.js';

let netns: Netns;
let device: Bridge;
beforeEach(async () => {
  netns = await Netns.create();
  device = await Bridge.create({ netns, name: 'br0', up: true });
});
afterEach(() => netns.close());

const isLinkLocal = ({ address }: Address) => address.startsWith('fe80:');
const ours = async () => (await netns.addresses.list({ device: 'br0' })).filter((each) => !isLinkLocal(each));
const byIp = async (): Promise<Printed[]> => {
  const [link] = await ipIn(netns, 'addr', 'show', 'dev', 'br0');
  return link?.addr_info.filter(({ local }: Printed) => !local.startsWith('fe80:'));
};

const cases: [string, Omit<AddressSpec, 'device'>, string][] = [
  ['IPv4', { address: '10.0.0.1/24' }, '10.0.0.1/24'],
  ['IPv4, a host', { address: '10.0.0.1/32' }, '10.0.0.1/32'],
  ['IPv4 of lo’s kind', { address: '127.5.0.1/16' }, '127.5.0.1/16'],
  ['IPv4 with a peer', { address: '10.0.0.1/32', peer: '10.0.0.2/32' }, '10.0.0.1 peer 10.0.0.2'],
  [
    'IPv4 with a peer’s network',
    { address: '10.0.0.1/32', peer: '10.1.0.0/24' },
    '10.0.0.1 peer 10.1.0.0/24',
  ],
  ['IPv4 with a label', { address: '10.0.0.1/24', label: 'br0:x' }, '10.0.0.1/24 label br0:x'],
  ['IPv6', { address: 'fd00::1/64' }, 'fd00::1/64'],
  ['IPv6, a host', { address: 'fd00::1/128' }, 'fd00::1/128'],
  ['IPv6 without detection of duplicates', { address: 'fd00::1/64', dad: false }, 'fd00::1/64 nodad'],
  ['IPv6 with a peer', { address: 'fd00::1/128', peer: 'fd00::2/128' }, 'fd00::1 peer fd00::2'],
  [
    'IPv4 with lifetimes',
    { address: '10.0.0.1/24', valid: 900_000, preferred: 600_000 },
    '10.0.0.1/24 valid_lft 900 preferred_lft 600',
  ],
  [
    'IPv6 with lifetimes',
    { address: 'fd00::1/64', valid: 900_000, preferred: 0, dad: false },
    'fd00::1/64 valid_lft 900 preferred_lft 0 nodad',
  ],
];

describe.each(cases)('%s', (_title, spec, typed) => {
  test('is what ip makes of it', async () => {
    await netns.addresses.add({ device: 'br0', ...spec });
    const made = await byIp();
    await netns.addresses.delete({ device: 'br0', ...spec });
    expect(await byIp()).toEqual([]);
    await shellIn(netns, `ip addr add ${typed} dev br0`);
    const withoutTentative = (printed: Printed[]) => printed.map(({ tentative, ...rest }) => rest);
    expect(withoutTentative(made)).toEqual(withoutTentative(await byIp()));
  });

  test('what list() gives, replace(), delete() and add() take', async () => {
    await netns.addresses.add({ device, ...spec });
    const [first, ...others] = await ours();
    expect(others).toEqual([]);
    expect(structuredClone(first)).toEqual(first);
    expect(JSON.parse(JSON.stringify(first))).toEqual(first);
    const before = await byIp();
    await netns.addresses.replace(first as Address);
    await netns.addresses.delete(first as Address);
    expect(await ours()).toEqual([]);
    await netns.addresses.add(first as Address);
    const withoutTentative = ({ tentative, ...rest }: Printed) => rest;
    expect((await byIp()).map(withoutTentative)).toEqual(before.map(withoutTentative));
    expect((await ours())[0]).toMatchObject({ ...spec, device: 'br0' });
  });
});

test('list() tells family, scope and flags', async () => {
  await netns.addresses.add({ device, address: '10.0.0.1/24' });
  await netns.addresses.add({ device, address: '10.0.0.2/24' });
  await netns.addresses.add({ device, address: 'fd00::1/64', dad: false });
  const common = { device: 'br0', scope: 'global' };
  const ipv4 = { ...common, family: 'inet', label: 'br0' };
  expect(await ours()).toMatchObject([
    { ...ipv4, address: '10.0.0.1/24', flags: [] },
    { ...ipv4, address: '10.0.0.2/24', flags: ['secondary'] },
    { ...common, family: 'inet6', address: 'fd00::1/64', flags: ['nodad'] },
  ]);
  const [loopback] = await netns.addresses.list({ device: 'lo', family: 'inet' });
  expect(loopback).toMatchObject({ address: '127.0.0.1/8', scope: 'host' });
});

describe('list() with a filter', () => {
  beforeEach(async () => {
    await device.set({ altNames: ['the-bridge'] });
    await netns.addresses.add({ device, address: '10.0.0.1/24' });
    await netns.addresses.add({ device, address: 'fd00::1/64', dad: false });
  });
  const texts = async (filter: object) =>
    (await netns.addresses.list(filter)).filter((each) => !isLinkLocal(each)).map(({ address }) => address);
  const both = ['10.0.0.1/24', 'fd00::1/64'];

  test('of device: by object, name, index or alternative name', async () => {
    expect(await texts({ device })).toEqual(both);
    expect(await texts({ device: 'br0' })).toEqual(both);
    expect(await texts({ device: device.index })).toEqual(both);
    expect(await texts({ device: 'the-bridge' })).toEqual(both);
    expect(await texts({ device: 'lo' })).toEqual(['127.0.0.1/8', '::1/128']);
    expect(await texts({ device: 'nothing' })).toEqual([]);
  });

  test('of family, address, scope', async () => {
    expect(await texts({ family: 'inet6' })).toEqual(['::1/128', 'fd00::1/64']);
    expect(await texts({ address: 'fd00::1/64' })).toEqual(['fd00::1/64']);
    expect(await texts({ scope: 'host', family: 'inet' })).toEqual(['127.0.0.1/8']);
    expect(await texts({ family: 'inet', device: 'br0' })).toEqual(['10.0.0.1/24']);
  });

  test('refuses what it does not know', async () => {
    await expect(async () => netns.addresses.list({ nmae: 'x' } as never)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    await expect(async () => netns.addresses.list({ family: 'inet4' } as never)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
  });
});

describe('replace()', () => {
  test('adds what is not there, and changes what is', async () => {
    await netns.addresses.replace({
      device,
      address: 'fd00::1/64',
      valid: 90_000,
      preferred: 60_000,
      dad: false,
    });
    expect(await ours()).toMatchObject([{ valid: 90_000, preferred: 60_000 }]);
    await netns.addresses.replace({ device, address: 'fd00::1/64', dad: false });
    const [now] = await ours();
    expect(now?.valid).toBeUndefined();
    expect((await byIp())[0]).toMatchObject({ valid_life_time: 4294967295 });
  });
});

describe('refused', () => {
  test('twice the same; what is not there; by a device that is not', async () => {
    await netns.addresses.add({ device, address: '10.0.0.1/24' });
    await expect(netns.addresses.add({ device, address: '10.0.0.1/24' })).rejects.toMatchObject({
      code: 'EEXIST',
      syscall: 'RTM_NEWADDR',
      subject: expect.stringContaining('10.0.0.1/24'),
    });
    await expect(netns.addresses.delete({ device, address: '10.0.0.9/24' })).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
      syscall: 'RTM_DELADDR',
    });
    await expect(netns.addresses.add({ device: 'nothing', address: '10.0.0.1/24' })).rejects.toMatchObject({
      code: 'ENODEV',
    });
    await expect(netns.addresses.add({ device: 9999, address: '10.0.0.1/24' })).rejects.toMatchObject({
      code: 'ENODEV',
    });
    expect((await ours()).map(({ address }) => address)).toEqual(['10.0.0.1/24']);
  });

  const malformed = [
    ...['', '10.0.0.1', '10.0.0.1/', '/24', '10.0.0.1/33', '10.0.0.1/-1', '10.0.0.1/024', '10.0.0.1/24/24'],
    ...['010.0.0.1/24', '10.0.0/24', '10.0.0.256/24', '10.0.0.1.1/24', ' 10.0.0.1/24', '10.0.0.1/24\n'],
    ...[
      'fd00::1',
      'fd00::1/129',
      'fd00:::1/64',
      'fd00::1::2/64',
      'fd00::1%eth0/64',
      'g::1/64',
      'localhost/8',
    ],
    ...['0x0a.0.0.1/24', '10.0.0.1/0x18', '10.0.0.1/255.255.255.0', '1:2:3:4:5:6:7:8:9/64', '10.0.0.1/24\0'],
  ];
  test.each(malformed)('%j is no address with its prefix', async (address) => {
    const before = await stateOf(netns);
    for (const call of ['add', 'replace', 'delete'] as const) {
      await expect(netns.addresses[call]({ device, address })).rejects.toMatchObject({
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_VALUE',
      });
    }
    await expect(device.addAddress(address)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    await expectState(before, 'afterwards', netns);
  });

  test.each([
    [{ address: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{}, 'ERR_INVALID_ARG_TYPE'],
    [{ address: '10.0.0.1/24', peer: 'fd00::1' }, 'ERR_INVALID_ARG_VALUE'],
    [{ address: '10.0.0.1/24', label: 'x'.repeat(16) }, 'ERR_INVALID_ARG_VALUE'],
    [{ address: '10.0.0.1/24', valid: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ address: '10.0.0.1/24', valid: 1.5 }, 'ERR_OUT_OF_RANGE'],
    [{ address: '10.0.0.1/24', dad: 'no' }, 'ERR_INVALID_ARG_TYPE'],
    [{ address: '10.0.0.1/24', prefix: 24 }, 'ERR_INVALID_ARG_VALUE'],
    [{ address: '10.0.0.1/24', device: '' }, 'ERR_INVALID_ARG_VALUE'],
    [{ address: '10.0.0.1/24', device: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ address: '10.0.0.1/24', device: {} }, 'ERR_INVALID_ARG_TYPE'],
    [{ address: '10.0.0.1/24', device: undefined }, 'ERR_INVALID_ARG_TYPE'],
  ])('%j', async (spec, code) => {
    const before = await stateOf(netns);
    await expect(netns.addresses.add({ device, ...spec } as never)).rejects.toMatchObject({ code });
    await expectState(before, 'afterwards', netns);
  });

  test('a device of another namespace, which is never used by its index', async () => {
    await using other = await Netns.create();
    await using foreign = await Bridge.create({ netns: other, name: 'other0' });
    expect(foreign.index).toBe(device.index);
    const before = await stateOf(netns, other);
    await expect(netns.addresses.add({ device: foreign, address: '10.0.0.1/24' })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining('not of'),
    });
    await expect(async () => netns.addresses.list({ device: foreign })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    await expectState(before, 'afterwards', netns, other);
  });
});
