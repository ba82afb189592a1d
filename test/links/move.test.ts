// A link that is moved to another namespace.
import { release } from 'node:os';
import { Bridge, Netns, Veth, type VethPair } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { atLeast } from '../../lib/syscalls/release.js';
import { ipIn } from '../netns/support/inside.js';
import { expectState, stateOf } from '../netns/support/state.js';

let from: Netns;
let to: Netns;
let pair: VethPair;
let veth: Veth;
beforeEach(async () => {
  [from, to] = await Promise.all([Netns.create(), Netns.create()]);
  pair = await Veth.create(
    {
      netns: from,
      name: 'v',
      addresses: ['10.0.0.1/24'],
      up: true,
      mtu: 1400,
      alias: 'kept',
      altNames: ['also-v'],
    },
    { netns: from, name: 'w', up: true },
  );
  veth = pair.a;
  // The kernel's own routes come a moment after the ends are up.
  await vi.waitFor(async () => {
    const own = await from.routes.list({ family: 'inet6', table: 'local', destination: 'ff00::/8' });
    expect(own.map(({ device }) => device).sort()).toEqual(['v', 'w']);
  });
});
afterEach(async () => {
  await from.close();
  await to.close();
});

const names = async (netns: Netns) => (await netns.links.list()).map(({ name }) => name);

test('the object follows; Linux drops its addresses, and sets it down', async () => {
  await veth.moveTo(to);
  expect(veth).toMatchObject({ netns: to, name: 'v', owned: true });
  expect(veth.info).toMatchObject({ up: false, mtu: 1400, alias: 'kept' });
  expect(await names(from)).toEqual(['lo', 'w']);
  expect(await names(to)).toEqual(['lo', 'v']);
  const [printed] = await ipIn(to, 'addr', 'show', 'dev', 'v');
  expect(printed).toMatchObject({ ifindex: veth.index, addr_info: [], mtu: 1400 });
  expect(veth.toString()).toContain(`'v'`);
  await veth.up();
  await veth.addAddress('10.0.0.9/24');
  expect((await to.addresses.list({ device: veth, family: 'inet' })).map(({ address }) => address)).toEqual([
    '10.0.0.9/24',
  ]);
});

test('what is wanted there is done there', async () => {
  await veth.moveTo(to, {
    name: 'eth0',
    addresses: ['10.0.0.2/24', { address: 'fd00::2/64', dad: false }],
    up: true,
  });
  expect(veth).toMatchObject({ netns: to, name: 'eth0', info: { up: true, name: 'eth0' } });
  expect(
    (await to.addresses.list({ device: 'eth0' }))
      .map(({ address }) => address)
      .filter((a) => !a.startsWith('fe80')),
  ).toEqual(['10.0.0.2/24', 'fd00::2/64']);
  expect((await pair.b.peer())?.name).toBe('eth0');
});

test('the index may change, and the object knows', async () => {
  // The index that it has is taken there.
  for (let i = 0; i < 4; i++) await Bridge.create({ netns: to, name: `br${i}` });
  const before = veth.index;
  expect((await to.links.list()).map(({ index }) => index)).toContain(before);
  await veth.moveTo(to);
  expect(veth.index).not.toBe(before);
  expect((await to.links.get('v')).index).toBe(veth.index);
  await veth.set({ mtu: 1300 });
  expect((await to.links.get('v')).info.mtu).toBe(1300);
});

test('there and back again', async () => {
  for (let i = 0; i < 5; i++) {
    await veth.moveTo(to);
    await veth.moveTo(from);
  }
  expect(veth).toMatchObject({ netns: from, name: 'v' });
  expect((await veth.refresh()).info.altNames).toEqual(['also-v']);
});

test('to where it is already', async () => {
  if (!atLeast(release(), '6.2')) {
    await expect(veth.moveTo(from, { name: 'renamed' })).rejects.toMatchObject({
      code: 'EBUSY',
      hint: expect.stringContaining('while it is down'),
    });
    await veth.down();
  }
  await veth.moveTo(from, { name: 'renamed' });
  expect(veth).toMatchObject({ netns: from, name: 'renamed' });
  expect(await names(from)).toContain('renamed');
});

test('to this namespace by another object', async () => {
  await using same = await Netns.open({ fd: to.fd });
  await veth.moveTo(same);
  expect(veth.netns).toBe(same);
  expect(await names(to)).toContain('v');
});

describe('refused, it stays where it is', () => {
  test('for a name that is taken there', async () => {
    await Bridge.create({ netns: to, name: 'v' });
    await Bridge.create({ netns: to, name: 'x', altNames: ['also-x'] });
    const before = await stateOf(from, to);
    await expect(veth.moveTo(to)).rejects.toMatchObject({
      code: 'EEXIST',
      subject: expect.stringContaining("'v'"),
      hint: expect.stringContaining('move it with another `name`'),
    });
    await expect(veth.moveTo(to, { name: 'x' })).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(veth.moveTo(to, { name: 'also-x' })).rejects.toMatchObject({ code: 'EEXIST' });
    expect(veth).toMatchObject({ netns: from, name: 'v' });
    await expectState(before, 'afterwards', from, to);
  });

  test.each([
    [{ name: 'x'.repeat(16) }, 'ERR_INVALID_ARG_VALUE'],
    [{ name: 'a/b' }, 'ERR_INVALID_ARG_VALUE'],
    [{ addresses: ['10.0.0.1'] }, 'ERR_INVALID_ARG_VALUE'],
    [{ addresses: '10.0.0.1/24' }, 'ERR_INVALID_ARG_TYPE'],
    [{ up: 'yes' }, 'ERR_INVALID_ARG_TYPE'],
    [{ mtu: 1400 }, 'ERR_INVALID_ARG_VALUE'],
    [{ nmae: 'x' }, 'ERR_INVALID_ARG_VALUE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
  ])('for %j', async (options, code) => {
    const before = await stateOf(from, to);
    await expect(veth.moveTo(to, options as never)).rejects.toMatchObject({ code });
    await expectState(before, 'afterwards', from, to);
  });

  test.each([null, undefined, 5, {}, 'to'])('to %j', async (where) => {
    await expect(veth.moveTo(where as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
  });

  test('to one that is closed', async () => {
    await to.close();
    await expect(veth.moveTo(to)).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
    expect(veth.netns).toBe(from);
  });

  test('where something cannot be done there: it comes back, with its name and state', async () => {
    await Bridge.create({ netns: to, name: 'b', addresses: ['10.5.0.1/24'] });
    const { index } = veth;
    await expect(
      veth.moveTo(to, { name: 'eth0', addresses: ['10.0.0.5/24', '10.0.0.5/24'], up: true }),
    ).rejects.toMatchObject({ code: 'EEXIST', syscall: 'RTM_NEWADDR' });
    expect(veth).toMatchObject({ netns: from, name: 'v', index, info: { up: true } });
    expect(await names(to)).toEqual(['lo', 'b']);
    expect((await names(from)).sort()).toEqual(['lo', 'v', 'w']);
    await veth.refresh();
  });
});
