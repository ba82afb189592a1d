// What a link is made with, and what is changed later, is there: in `info`, and for ip.
import { Bridge, type LinkOptions, Netns, Veth } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ipIn } from '../netns/support/inside.js';

let near: Netns;
let far: Netns;
let bridges: [Bridge, Bridge];
beforeAll(async () => {
  [near, far] = await Promise.all([Netns.create(), Netns.create()]);
  bridges = await Promise.all([
    Bridge.create({ netns: near, name: 'br-near' }),
    Bridge.create({ netns: far, name: 'br-far', altNames: ['far-bridge'] }),
  ]);
});
afterAll(async () => {
  await near.close();
  await far.close();
});

const seen = async (netns: Netns, name: string) => (await ipIn(netns, 'addr', 'show', 'dev', name))[0] ?? {};

const options: [string, Omit<LinkOptions, 'netns'>, object, object][] = [
  ['nothing', {}, { up: false, state: 'down', mtu: 1500, altNames: [] }, { operstate: 'DOWN', mtu: 1500 }],
  ['mtu', { mtu: 1400 }, { mtu: 1400 }, { mtu: 1400 }],
  ['mac', { mac: '02:00:00:0A:0b:0c' }, { mac: '02:00:00:0a:0b:0c' }, { address: '02:00:00:0a:0b:0c' }],
  ['alias', { alias: 'a “quoted” alias: 50 %' }, { alias: 'a “quoted” alias: 50 %' }, {}],
  ['alias of 254 bytes', { alias: 'x'.repeat(254) }, { alias: 'x'.repeat(254) }, {}],
  [
    'altNames',
    { altNames: ['one', 'eth:0/1'] },
    { altNames: ['one', 'eth:0/1'] },
    { altnames: ['one', 'eth:0/1'] },
  ],
  [
    'an altName of 127 bytes',
    { altNames: ['y'.repeat(127)] },
    { altNames: ['y'.repeat(127)] },
    { altnames: ['y'.repeat(127)] },
  ],
  ['up', { up: true }, { up: true }, { flags: expect.arrayContaining(['UP']) }],
  ['up: false', { up: false }, { up: false }, { flags: expect.not.arrayContaining(['UP']) }],
  ['master: null', { master: null }, {}, {}],
  [
    'addresses',
    {
      addresses: [
        '10.0.0.1/24',
        { address: 'fd00::1/64', dad: false },
        { address: '10.1.0.1/32', peer: '10.1.0.2/32' },
      ],
    },
    {},
    {
      addr_info: expect.arrayContaining(
        [
          { local: '10.0.0.1' },
          { local: 'fd00::1', nodad: true },
          { local: '10.1.0.1', address: '10.1.0.2' },
        ].map((each) => expect.objectContaining(each)),
      ),
    },
  ],
  [
    'all of it',
    {
      mtu: 1300,
      mac: '02:00:00:00:00:01',
      alias: 'all',
      altNames: ['everything'],
      up: true,
      addresses: ['10.0.0.1/24'],
    },
    { mtu: 1300, mac: '02:00:00:00:00:01', alias: 'all', altNames: ['everything'], up: true },
    { mtu: 1300, address: '02:00:00:00:00:01', altnames: ['everything'] },
  ],
];

describe.each(options)('%s', (_title, given, info, printed) => {
  test('of the near end of a cable', async () => {
    await using pair = await Veth.create({ netns: near, name: 'v', ...given }, { netns: far, name: 'w' });
    expect(pair.a).toMatchObject({ name: 'v', kind: 'veth', netns: near, owned: true });
    expect(pair.a.info).toMatchObject(info);
    expect(await seen(near, 'v')).toMatchObject({ ifindex: pair.a.index, ...printed });
  });

  test('of its far end', async () => {
    await using pair = await Veth.create({ netns: near, name: 'v' }, { netns: far, name: 'w', ...given });
    expect(pair.b).toMatchObject({ name: 'w', kind: 'veth', netns: far, owned: true });
    expect(pair.b.info).toMatchObject(info);
    expect(await seen(far, 'w')).toMatchObject({ ifindex: pair.b.index, ...printed });
  });

  test('of the far end in the same namespace', async () => {
    await using pair = await Veth.create({ netns: near, name: 'v' }, { netns: near, name: 'w', ...given });
    expect(pair.b.info).toMatchObject(info);
    expect(await seen(near, 'w')).toMatchObject({ ifindex: pair.b.index, ...printed });
  });

  test('of a bridge', async () => {
    await using bridge = await Bridge.create({ netns: near, name: 'b', ...given });
    expect(bridge).toMatchObject({ name: 'b', kind: 'bridge', netns: near, owned: true });
    expect(bridge.info).toMatchObject(info);
    expect(await seen(near, 'b')).toMatchObject({ ifindex: bridge.index, ...printed });
  });
});

describe('a master', () => {
  test.each([
    ['by object', () => bridges],
    ['by name', () => ['br-near', 'br-far'] as const],
    ['by index', () => bridges.map(({ index }) => index)],
    ['by alternative name', () => ['br-near', 'far-bridge'] as const],
  ])('%s, of both ends', async (_title, masters) => {
    const [a, b] = masters();
    await using pair = await Veth.create(
      { netns: near, name: 'v', master: a as LinkOptions['master'], up: true },
      { netns: far, name: 'w', master: b as LinkOptions['master'], up: true },
    );
    expect([pair.a.info.master, pair.b.info.master]).toEqual(['br-near', 'br-far']);
    expect(await seen(near, 'v')).toMatchObject({ master: 'br-near' });
    expect(await seen(far, 'w')).toMatchObject({ master: 'br-far' });
    expect((await bridges[0].ports()).map(({ name }) => name)).toEqual(['v']);
    expect((await bridges[1].ports()).map(({ name }) => name)).toEqual(['w']);
  });
});

describe('without a name', () => {
  test('each gets one that is free', async () => {
    const pairs = await Promise.all(
      Array.from({ length: 20 }, () => Veth.create({ netns: near }, { netns: far })),
    );
    const bridge = await Bridge.create({ netns: near });
    expect(bridge.name).toMatch(/^br-/);
    const names = pairs.flatMap(({ a, b }) => [a.name, b.name]);
    expect(new Set(names).size).toBe(40);
    for (const name of names) expect(name).toMatch(/^veth/);
    await Promise.all([...pairs, bridge].map((made) => made.close()));
    expect((await near.links.list()).map(({ name }) => name)).toEqual(['lo', 'br-near']);
  });
});

describe('of bridges alone', () => {
  const wanted = (options: object, given: object) =>
    Object.fromEntries(Object.keys(given).map((key) => [key, options[key as keyof typeof options]]));

  const usual = { stp: false, vlanFiltering: false, ageingTime: 300_000 };

  test.each([{ stp: true }, { ageingTime: 60_000 }, { ageingTime: 0 }, { vlanFiltering: true }])(
    '%j',
    async (given) => {
      await using plain = await Bridge.create({ netns: near, name: 'b' });
      expect(plain.info.options).toMatchObject(usual);
      const refused = await plain.set(given).catch((error) => error.code);
      // Some kernels are built without.
      if (refused === 'EOPNOTSUPP' && given.vlanFiltering) return;
      expect(wanted(plain.info.options, given)).toEqual(given);
      await plain.set(wanted(usual, given));
      expect(plain.info.options).toMatchObject(usual);
      await plain.close();
      await using bridge = await Bridge.create({ netns: near, name: 'b', ...given });
      expect(bridge.info.options).toMatchObject({ ...usual, ...given });
      const { info_data } = (await seen(near, 'b')).linkinfo;
      expect(info_data).toMatchObject({
        stp_state: Number(bridge.info.options.stp),
        ageing_time: (bridge.info.options.ageingTime as number) / 10,
      });
    },
  );
});
