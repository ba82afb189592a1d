// close() undoes making: what an object made goes, what it opened stays.
import { Bridge, Netns, Scope, Veth } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectState, stateOf } from '../netns/support/state.js';

let a: Netns;
let b: Netns;
beforeEach(async () => {
  [a, b] = await Promise.all([Netns.create(), Netns.create()]);
});
afterEach(async () => {
  await a.close();
  await b.close();
});

const names = async (netns: Netns) =>
  (await netns.links.list()).map(({ name }) => name).filter((name) => name !== 'lo');

describe('close()', () => {
  test('removes what was made; again is no error', async () => {
    const bridge = await Bridge.create({ netns: a, name: 'br0' });
    expect(bridge.owned).toBe(true);
    await Promise.all([bridge.close(), bridge.close()]);
    await bridge.close();
    await bridge[Symbol.asyncDispose]();
    expect(bridge.closed).toBe(true);
    expect(await names(a)).toEqual([]);
  });

  test('leaves what was opened or listed', async () => {
    await Bridge.create({ netns: a, name: 'br0' });
    const opened = await a.links.get('br0');
    const listed = await a.links.list();
    await Promise.all([opened.close(), ...listed.map((link) => link.close())]);
    expect(await names(a)).toEqual(['br0']);
  });

  test('leaves what was released', async () => {
    const bridge = await Bridge.create({ netns: a, name: 'br0' });
    expect(bridge.release()).toBe(bridge);
    expect(bridge.owned).toBe(false);
    await bridge.close();
    const pair = await Veth.create({ netns: a, name: 'x' }, { netns: b, name: 'y' });
    await pair.release().close();
    expect([await names(a), await names(b)]).toEqual([['br0', 'x'], ['y']]);
  });

  test('of a pair that was released leaves its ends, which still may be closed', async () => {
    const pair = await Veth.create({ netns: a, name: 'x' }, { netns: b, name: 'y' });
    pair.release();
    await pair.close();
    await pair.a.close();
    expect([await names(a), await names(b)]).toEqual([[], []]);
  });

  test('follows a link that was moved and renamed', async () => {
    const pair = await Veth.create({ netns: a, name: 'x' }, { netns: a, name: 'y' });
    await pair.b.moveTo(b, { name: 'z' });
    await pair.b.close();
    expect([await names(a), await names(b)]).toEqual([[], []]);
  });

  test('when the link is gone already, or its namespace', async () => {
    const bridge = await Bridge.create({ netns: a, name: 'br0' });
    await (await a.links.get('br0')).delete();
    await bridge.close();
    const other = await Bridge.create({ netns: a, name: 'br1' });
    await a.close();
    await other.close();
  });

  test('that the kernel refuses can be tried again', async () => {
    const { intervening } = await import('../netns/support/faults.js');
    const bridge = await Bridge.create({ netns: a, name: 'br0' });
    const { outcome } = await intervening(
      (step) => (step === 'RTM_DELLINK' ? 'fail' : undefined),
      () => bridge.close(),
    );
    expect(outcome).toMatchObject({ status: 'rejected', reason: { syscall: 'RTM_DELLINK' } });
    expect(await names(a)).toEqual(['br0']);
    await bridge.close();
    expect(await names(a)).toEqual([]);
  });
});

describe('await using', () => {
  test('removes at the end of the block, in the reverse order', async () => {
    {
      await using bridge = await Bridge.create({ netns: a, name: 'br0' });
      await using pair = await Veth.create({ netns: a, name: 'p', master: bridge }, { netns: b, name: 'q' });
      expect(pair.a.info.master).toBe('br0');
      expect((await names(a)).sort()).toEqual(['br0', 'p']);
    }
    expect([await names(a), await names(b)]).toEqual([[], []]);
  });
});

describe('a Scope', () => {
  test('undoes what a half-failed Promise.all made, and what was still under way', async () => {
    const before = await stateOf(a, b);
    await Bridge.create({ netns: a, name: 'taken' }).then((bridge) => bridge.release());
    const scope = new Scope();
    await expect(
      Promise.all([
        scope.use(Bridge.create({ netns: a, name: 'one' })),
        scope.use(Bridge.create({ netns: a, name: 'taken' })),
        scope.use(
          Veth.create({ netns: a, name: 'x', addresses: ['10.0.0.1/24'] }, { netns: b, name: 'y', up: true }),
        ),
        scope.use(Netns.create()),
      ]),
    ).rejects.toMatchObject({ code: 'EEXIST' });
    await scope[Symbol.asyncDispose]();
    expect([await names(a), await names(b)]).toEqual([['taken'], []]);
    await (await a.links.get('taken')).delete();
    await expectState(before, 'afterwards', a, b);
  });

  test('holds a whole star', async () => {
    const before = await stateOf(a);
    const scope = new Scope();
    const bridge = await scope.use(Bridge.create({ netns: a, name: 'br0', up: true }));
    const leaves = await Promise.all(
      Array.from({ length: 10 }, async (_, i) => {
        const netns = await scope.use(Netns.create());
        await scope.use(
          Veth.create(
            { netns: a, name: `port${i}`, master: bridge, up: true },
            { netns, name: 'eth0', addresses: [`10.0.0.${i + 2}/24`], up: true },
          ),
        );
        return netns;
      }),
    );
    expect((await bridge.ports()).length).toBe(10);
    expect((await leaves[9]?.addresses.list({ device: 'eth0', family: 'inet' }))?.[0]?.address).toBe(
      '10.0.0.11/24',
    );
    await scope[Symbol.asyncDispose]();
    await expectState(before, 'afterwards', a);
  });
});
