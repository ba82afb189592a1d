// Options that cannot be: a typed error before anything is sent, and nothing left behind.
import { Bridge, Netns, NsnetError, Veth } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { intervening } from '../netns/support/faults.js';
import { expectState, stateOf } from '../netns/support/state.js';

let netns: Netns;
let other: Netns;
let veth: Veth;
let foreign: Bridge;
beforeAll(async () => {
  [netns, other] = await Promise.all([Netns.create(), Netns.create()]);
  veth = (await Veth.create({ netns, name: 'v' }, { netns: other, name: 'w' })).a;
  foreign = await Bridge.create({ netns: other, name: 'br-other' });
});
afterAll(async () => {
  await netns.close();
  await other.close();
});

/** Rejects with that code, without a step towards the kernel. */
async function expectRefused(work: () => Promise<unknown>, code: string): Promise<void> {
  const before = await stateOf(netns, other);
  const { outcome, steps } = await intervening(() => undefined, work);
  expect(outcome).toMatchObject({ status: 'rejected', reason: { code } });
  expect((outcome as PromiseRejectedResult).reason.message).toMatch(
    /^(Expected .* but received |Unknown key ')/s,
  );
  expect(steps).toEqual([]);
  await expectState(before, 'afterwards', netns, other);
}

const VALUE = 'ERR_INVALID_ARG_VALUE';
const TYPE = 'ERR_INVALID_ARG_TYPE';
const RANGE = 'ERR_OUT_OF_RANGE';

const names: [unknown, string][] = [
  ...[
    '',
    '.',
    '..',
    'sixteen-bytes-xx',
    'äöüäöüäö',
    'a b',
    'a\tb',
    'a\n',
    'a/b',
    'a:b',
    'eth%d',
    '%',
    'a\0b',
  ].map((name): [string, string] => [name, VALUE]),
  ...[5, null, {}, ['x']].map((name): [unknown, string] => [name, TYPE]),
];

const common: [object, string][] = [
  ...names.map(([name, code]): [object, string] => [{ name }, code]),
  [{ mtu: -1 }, RANGE],
  [{ mtu: 1.5 }, RANGE],
  [{ mtu: 2 ** 31 }, RANGE],
  [{ mtu: '1500' }, TYPE],
  [{ mac: '02:00:00:00:00' }, VALUE],
  [{ mac: '02:00:00:00:00:00:00' }, VALUE],
  [{ mac: '02-00-00-00-00-00' }, VALUE],
  [{ mac: '0g:00:00:00:00:00' }, VALUE],
  [{ mac: 5 }, TYPE],
  [{ alias: 'x'.repeat(256) }, VALUE],
  [{ alias: 'ä'.repeat(128) }, VALUE],
  [{ alias: 'a\0b' }, VALUE],
  [{ alias: 5 }, TYPE],
  [{ altNames: 'x' }, TYPE],
  [{ altNames: [''] }, VALUE],
  [{ altNames: ['x'.repeat(128)] }, VALUE],
  [{ altNames: [5] }, TYPE],
  [{ master: 0 }, RANGE],
  [{ master: -1 }, RANGE],
  [{ master: '' }, VALUE],
  [{ master: {} }, TYPE],
  [{ master: true }, TYPE],
  [{ signal: 5 }, TYPE],
  [{ signal: {} }, TYPE],
  [{ nmae: 'x' }, VALUE],
  [{ type: 'dummy' }, VALUE],
];

const making: [object, string][] = [
  ...common,
  [{ netns: undefined }, TYPE],
  [{ netns: null }, TYPE],
  [{ netns: {} }, TYPE],
  [{ netns: 'test1' }, TYPE],
  [{ up: 'yes' }, TYPE],
  [{ up: 1 }, TYPE],
  [{ addresses: '10.0.0.1/24' }, TYPE],
  [{ addresses: ['10.0.0.1'] }, VALUE],
  [{ addresses: ['10.0.0.1/33'] }, VALUE],
  [{ addresses: [5] }, TYPE],
  [{ addresses: [{ address: '10.0.0.1/24', nmae: 'x' }] }, VALUE],
];

describe.each(making)('%j', (options, code) => {
  test('as options of a bridge', async () => {
    await expectRefused(() => Bridge.create({ netns, name: 'x', ...options } as never), code);
  });

  test('as options of either end of a cable', async () => {
    const good = { netns: other, name: 'y' };
    await expectRefused(() => Veth.create({ netns, name: 'x', ...options } as never, good), code);
    await expectRefused(() => Veth.create(good, { netns, name: 'x', ...options } as never), code);
  });
});

describe.each(common)('%j', (changes, code) => {
  test('as changes', async () => {
    await expectRefused(() => veth.set(changes as never), code);
  });
});

describe('what can be made with, and not be changed so', () => {
  test.each([{ up: true }, { addresses: [] }, { netns: 5 }])('%j', async (changes) => {
    await expectRefused(() => veth.set(changes as never), VALUE);
  });
});

describe('options of a bridge', () => {
  test.each([
    [{ stp: 'yes' }, TYPE],
    [{ vlanFiltering: 1 }, TYPE],
    [{ ageingTime: -1 }, RANGE],
    [{ ageingTime: 5 }, RANGE],
    [{ ageingTime: '1s' }, TYPE],
    [{ ageing: 5 }, VALUE],
  ])('%j', async (options, code) => {
    await expectRefused(() => Bridge.create({ netns, name: 'x', ...options } as never), code);
  });

  test('are none of a cable', async () => {
    await expectRefused(() => Veth.create({ netns, name: 'x', stp: true } as never, { netns: other }), VALUE);
    await expectRefused(() => veth.set({ stp: true } as never), VALUE);
  });

  test('nothing at all', async () => {
    await expectRefused(() => Bridge.create(undefined as never), TYPE);
    await expectRefused(() => Bridge.create(null as never), TYPE);
    await expectRefused(() => Veth.create({ netns }, undefined as never), TYPE);
  });
});

describe('a link of another namespace as master: refused, never used by its index', () => {
  test('of what is made, and of what is there', async () => {
    const message = expect.stringMatching(
      /^Expected a link of the same netns, not of another \(an unnamed netns\)/,
    );
    for (const work of [
      () => Bridge.create({ netns, name: 'x', master: foreign }),
      () => Veth.create({ netns, name: 'x', master: foreign }, { netns: other, name: 'y' }),
      () => Veth.create({ netns: other, name: 'y' }, { netns, name: 'x', master: foreign }),
      () => veth.set({ master: foreign }),
    ]) {
      await expectRefused(work, VALUE);
      await expect(work()).rejects.toMatchObject({ message });
    }
  });

  test('also when the near one has moved away', async () => {
    await using bridge = await Bridge.create({ netns, name: 'x' });
    const port = (await Veth.create({ netns, name: 'p' }, { netns: other, name: 'q' })).a;
    await port.moveTo(other, { name: 'p' });
    await expectRefused(() => port.set({ master: bridge }), VALUE);
    await port.delete();
  });
});

describe('what is gone', () => {
  test('an index', async () => {
    const gone = await Bridge.create({ netns, name: 'gone' });
    const { index } = gone;
    await gone.delete();
    const before = await stateOf(netns, other);
    for (const work of [
      () => netns.links.get(index),
      () => netns.addresses.add({ device: index, address: '10.0.0.1/24' }),
      () => netns.routes.add({ destination: '10.9.0.0/16', device: index }),
    ]) {
      await expect(work()).rejects.toMatchObject({ name: 'NsnetError', code: 'ENODEV' });
    }
    for (const work of [
      () => veth.set({ master: index }),
      () => Bridge.create({ netns, name: 'x', master: index }),
    ]) {
      const error = await work().catch((reason) => reason);
      expect(error).toBeInstanceOf(NsnetError);
      expect(error.code).toMatch(/^E(NODEV|INVAL)$/);
    }
    await expectState(before, 'afterwards', netns, other);
  });

  test.each(['deleted', 'closed'])('an object that was %s', async (how) => {
    const gone = await Bridge.create({ netns, name: 'gone' });
    await (how === 'deleted' ? gone.delete() : gone.release().close());
    const calls: [string, () => Promise<unknown>][] = [
      ['up', () => gone.up()],
      ['down', () => gone.down()],
      ['set', () => gone.set({ mtu: 1400 })],
      ['refresh', () => gone.refresh()],
      ['ready', () => gone.ready()],
      ['stats', () => gone.stats()],
      ['ports', () => gone.ports()],
      ['addAddress', () => gone.addAddress('10.0.0.1/24')],
      ['removeAddress', () => gone.removeAddress('10.0.0.1/24')],
      ['moveTo', () => gone.moveTo(other)],
      ['as a master', () => veth.set({ master: gone })],
      ['as a device', () => netns.addresses.add({ device: gone, address: '10.0.0.1/24' })],
      ['as a filter', async () => await netns.links.list({ master: gone })],
    ];
    for (const [title, call] of calls) {
      const error = await call().then(
        () => undefined,
        (reason) => reason,
      );
      expect(error?.code, title).toBe('ERR_NSNET_CLOSED');
      expect(error.message, title).toContain("link 'gone'");
      expect(error.message, title).not.toMatch(/ERR_NSNET_CLOSED.*ERR_NSNET_CLOSED/);
    }
    await gone.close();
    const left = (await netns.links.list()).find(({ name }) => name === 'gone');
    expect(left !== undefined).toBe(how === 'closed');
    await left?.delete();
  });

  test('a closed namespace', async () => {
    const closed = await Netns.create();
    await closed.close();
    for (const work of [
      () => Bridge.create({ netns: closed }),
      () => Veth.create({ netns: closed }, { netns }),
      () => Veth.create({ netns }, { netns: closed }),
      () => veth.moveTo(closed),
    ]) {
      await expect(work()).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
    }
  });
});

describe('in the kernel’s words', () => {
  test('what it refuses', async () => {
    const before = await stateOf(netns, other);
    await expect(Bridge.create({ netns, name: 'x', mtu: 70_000 })).rejects.toMatchObject({
      code: 'EINVAL',
      syscall: 'RTM_NEWLINK',
      kernel: expect.stringContaining('mtu greater than'),
      subject: expect.stringContaining("link 'x'"),
    });
    await expect(Bridge.create({ netns, name: 'x', mac: '01:00:00:00:00:00' })).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
      hint: expect.stringContaining('must be unicast'),
    });
    await expect(veth.set({ master: 'lo' })).rejects.toMatchObject({
      name: 'NsnetError',
      hint: expect.stringContaining('`master` is no bridge'),
    });
    await expect((await netns.links.get('lo')).delete()).rejects.toMatchObject({
      code: 'EOPNOTSUPP',
      hint: expect.stringContaining("'lo' goes with its namespace"),
    });
    await expect(Veth.create({ netns, name: 'x', master: 'lo' }, { netns: other })).rejects.toBeInstanceOf(
      NsnetError,
    );
    await expectState(before, 'afterwards', netns, other);
  });
});
