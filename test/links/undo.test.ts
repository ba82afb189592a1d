// Making and moving links: when a step fails, or after it the call is aborted, the earlier ones are undone.
import { Bridge, type LinkOptions, Netns, Veth } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { abortEachStep, failEachStep } from '../netns/support/each-step.js';

let a: Netns;
let b: Netns;
let masters: [Bridge, Bridge];
beforeEach(async () => {
  [a, b] = await Promise.all([Netns.create(), Netns.create()]);
  masters = await Promise.all([
    Bridge.create({ netns: a, name: 'br-a' }),
    Bridge.create({ netns: b, name: 'br-b' }),
  ]);
});
afterEach(async () => {
  await a.close();
  await b.close();
});

const rich: Omit<LinkOptions, 'netns'> = {
  mtu: 1400,
  mac: '02:00:00:00:00:01',
  alias: 'an alias',
  altNames: ['also-this', 'and-this'],
  addresses: ['10.0.0.1/24', 'fd00::1/64'],
  up: true,
};

const operations: [string, (signal?: AbortSignal) => Promise<{ close(): Promise<void> }>][] = [
  ['a bridge', (signal) => Bridge.create({ netns: a, name: 'x', signal })],
  [
    'a bridge with all there is',
    (signal) => Bridge.create({ netns: a, name: 'x', ...rich, stp: true, signal }),
  ],
  [
    'a cable in one namespace',
    (signal) => Veth.create({ netns: a, name: 'x', signal }, { netns: a, name: 'y' }),
  ],
  ['a cable between two', (signal) => Veth.create({ netns: a, name: 'x', signal }, { netns: b, name: 'y' })],
  [
    'a cable whose near end has all there is',
    (signal) =>
      Veth.create({ netns: a, name: 'x', ...rich, master: masters[0], signal }, { netns: b, name: 'y' }),
  ],
  [
    'a cable whose far end has all there is',
    (signal) =>
      Veth.create({ netns: a, name: 'x' }, { netns: b, name: 'y', ...rich, master: 'br-b', signal }),
  ],
  [
    'a cable whose both ends have all there is',
    (signal) =>
      Veth.create(
        { netns: a, name: 'x', ...rich, master: masters[0].index, signal },
        { netns: b, name: 'y', ...rich, mac: '02:00:00:00:00:02', master: masters[1], signal },
      ),
  ],
  [
    'a cable in one namespace with all there is',
    (signal) =>
      Veth.create(
        { netns: a, name: 'x', ...rich, master: masters[0], signal },
        { netns: a, name: 'y', up: true, alias: 'other', altNames: ['that'], addresses: ['10.1.0.1/24'] },
      ),
  ],
];

describe.each(operations)('%s', (_title, work) => {
  test('is undone when a step fails', async () => {
    const { steps, harmless } = await failEachStep({
      work,
      back: (made) => made.close(),
      namespaces: [a, b],
    });
    expect(steps.filter((step) => step === 'RTM_NEWLINK').length).toBeGreaterThan(0);
    // Only the look for a master's name may fail: then its number must do.
    expect(harmless.filter((step) => step !== 'RTM_GETLINK')).toEqual([]);
  });

  test('is undone when it is aborted', async () => {
    const late = await abortEachStep({ work, back: (made) => made.close(), namespaces: [a, b] });
    expect(late).toEqual([]);
  });

  test('is not begun when it is aborted before', async () => {
    const { steps } = await import('../netns/support/faults.js').then(({ intervening }) =>
      intervening(
        () => undefined,
        () =>
          expect(work(AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' }),
      ),
    );
    expect(steps).toEqual([]);
  });
});

describe('moveTo()', () => {
  let veth: Veth;
  beforeEach(async () => {
    veth = (
      await Veth.create({ netns: a, name: 'x', up: true, altNames: ['also-x'] }, { netns: a, name: 'y' })
    ).a;
  });
  const back = async () => {
    await veth.moveTo(a, { name: 'x', up: true });
  };
  const options = {
    name: 'eth0',
    addresses: ['10.0.0.1/24', { address: 'fd00::1/64', dad: false }],
    up: true,
  };
  const moves: [string, (signal?: AbortSignal) => Promise<void>][] = [
    ['alone', (signal) => veth.moveTo(b, { signal })],
    ['with all there is', (signal) => veth.moveTo(b, { ...options, signal })],
  ];

  test.each(moves)(
    '%s: when a step fails, the link is where it was, and the object knows',
    async (_title, move) => {
      await move();
      await back();
      const { index } = veth;
      const { harmless } = await failEachStep({
        work: async () => {
          await move().catch(async (error) => {
            expect(veth, String(error)).toMatchObject({ netns: a, name: 'x' });
            expect((await veth.refresh()).info).toMatchObject({ name: 'x', up: true });
            throw error;
          });
        },
        back,
        namespaces: [a, b],
      });
      expect(veth.index).toBe(index);
      expect(harmless).toEqual([]);
    },
  );

  test.each(moves)('%s: when it is aborted', async (_title, move) => {
    await abortEachStep({
      work: async (signal) => {
        await move(signal).catch(async (error) => {
          expect(veth, String(error)).toMatchObject({ netns: a, name: 'x' });
          expect((await veth.refresh()).info).toMatchObject({ name: 'x', up: true });
          throw error;
        });
      },
      back,
      namespaces: [a, b],
    });
  });
});
