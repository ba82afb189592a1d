// Names that are in use, and names that only seem to be.
import { Bridge, Netns, Veth } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectState, stateOf } from '../netns/support/state.js';
import { scaled } from '../support/scale.js';

let a: Netns;
let b: Netns;
beforeEach(async () => {
  [a, b] = await Promise.all([Netns.create(), Netns.create()]);
});
afterEach(async () => {
  await a.close();
  await b.close();
});

/** Refused without waiting for anybody to go, and the hint tells whose name it was. */
async function expectTaken(
  work: () => Promise<unknown>,
  whose: string,
  ...namespaces: Netns[]
): Promise<void> {
  const before = await stateOf(...namespaces);
  const start = performance.now();
  const hint = `There is a ${whose} already: choose another name, or delete() it first`;
  await expect(work()).rejects.toMatchObject({ code: 'EEXIST', syscall: 'RTM_NEWLINK', hint });
  expect(performance.now() - start).toBeLessThan(1000);
  await expectState(before, 'afterwards', ...namespaces);
}

describe('in use: EEXIST at once, and nothing is changed', () => {
  test('of a bridge', async () => {
    await Bridge.create({ netns: a, name: 'x' });
    await expectTaken(() => Bridge.create({ netns: a, name: 'x' }), "link 'x' in an unnamed netns", a);
    await expectTaken(() => Bridge.create({ netns: a, name: 'lo' }), "link 'lo' in an unnamed netns", a);
  });

  test('of a cable’s near end', async () => {
    await Bridge.create({ netns: a, name: 'x' });
    await expectTaken(
      () => Veth.create({ netns: a, name: 'x' }, { netns: b, name: 'y' }),
      "link 'x' in an unnamed netns (`end`)",
      a,
      b,
    );
    await expectTaken(
      () => Veth.create({ netns: a, name: 'x' }, { netns: a, name: 'y' }),
      "link 'x' in an unnamed netns (`end`)",
      a,
      b,
    );
  });

  test('of its far end', async () => {
    await Bridge.create({ netns: b, name: 'y' });
    await expectTaken(
      () => Veth.create({ netns: a, name: 'x' }, { netns: b, name: 'y' }),
      "link 'y' in an unnamed netns (`otherEnd`)",
      a,
      b,
    );
    await Bridge.create({ netns: a, name: 'z' });
    await expectTaken(
      () => Veth.create({ netns: a, name: 'x' }, { netns: a, name: 'z' }),
      "link 'z' in an unnamed netns (`otherEnd`)",
      a,
      b,
    );
  });

  test('as an alternative name', async () => {
    await Bridge.create({ netns: a, name: 'x', altNames: ['also-x'] });
    await expectTaken(
      () => Bridge.create({ netns: a, name: 'also-x' }),
      "link 'also-x' in an unnamed netns",
      a,
    );
    await expectTaken(
      () => Veth.create({ netns: a, name: 'v' }, { netns: a, name: 'also-x' }),
      "link 'also-x' in an unnamed netns (`otherEnd`)",
      a,
    );
  });

  test('by a cable whose ends both live', async () => {
    await Veth.create({ netns: a, name: 'x' }, { netns: b, name: 'y' });
    await expectTaken(
      () => Veth.create({ netns: a, name: 'x' }, { netns: b, name: 'y' }),
      "link 'x' in an unnamed netns (`end`) and a link 'y' in an unnamed netns (`otherEnd`)",
      a,
      b,
    );
  });

  test('an alternative name that is wanted: what was made goes again', async () => {
    await Bridge.create({ netns: a, name: 'x', altNames: ['also-x'] });
    const before = await stateOf(a, b);
    await expect(Bridge.create({ netns: a, name: 'y', altNames: ['fine', 'also-x'] })).rejects.toMatchObject({
      code: 'EEXIST',
      hint: 'A link there has one of these names already',
    });
    await expect(
      Veth.create({ netns: b, name: 'y' }, { netns: a, name: 'z', altNames: ['x'] }),
    ).rejects.toMatchObject({ code: 'EEXIST' });
    await expectState(before, 'afterwards', a, b);
  });
});

describe('held by what the kernel is tearing down: waited for', () => {
  test('a cable is made again at once, when its far end’s namespace has been closed', async () => {
    const times = scaled(100, 3);
    for (let i = 0; i < times; i++) {
      await using far = await Netns.create({ loopback: false });
      const pair = await Veth.create({ netns: a, name: 'veth-a' }, { netns: far, name: 'veth-b' });
      expect(pair.a.name).toBe('veth-a');
    }
    const last = await Veth.create({ netns: a, name: 'veth-a' }, { netns: b, name: 'veth-b' });
    expect(await last.a.peer()).toMatchObject({ name: 'veth-b', netns: b });
  });

  test('many at a time', async () => {
    const star = async () => {
      const leaves = await Promise.all(Array.from({ length: 10 }, () => Netns.create({ loopback: false })));
      const made = await Promise.all(
        leaves.map((netns, i) => Veth.create({ netns: a, name: `port${i}` }, { netns, name: 'eth0' })),
      );
      return { made, close: () => Promise.all(leaves.map((leaf) => leaf.close())) };
    };
    for (let i = 0; i < scaled(5, 2); i++) {
      const { made, close } = await star();
      expect(made.length).toBe(10);
      await close();
    }
    await expect.poll(async () => (await a.links.list()).length).toBe(1);
  });

  test('a bridge that takes the name of such an end', async () => {
    const far = await Netns.create();
    await Veth.create({ netns: a, name: 'x' }, { netns: far, name: 'y' });
    await far.close();
    const bridge = await Bridge.create({ netns: a, name: 'x' });
    expect((await a.links.get('x')).kind).toBe('bridge');
    await bridge.refresh();
  });

  test('can be aborted', async () => {
    const far = await Netns.create();
    await Veth.create({ netns: a, name: 'x' }, { netns: far, name: 'y' });
    const controller = new AbortController();
    await far.close();
    const making = Bridge.create({ netns: a, name: 'x', signal: controller.signal });
    setTimeout(() => controller.abort(), 1);
    const made = await making.catch((error) => error);
    if (made instanceof Bridge) await made.close();
    else expect(made).toMatchObject({ name: 'AbortError' });
    await expect.poll(async () => (await a.links.list()).map(({ name }) => name)).toEqual(['lo']);
  });
});
