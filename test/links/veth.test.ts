// @kernels
// Cables: two ends, one life.
import { inspect } from 'node:util';
import { Bridge, Netns, NsnetError, Veth } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { named } from '../netns/support/named.js';
import { expectUncloneable } from '../netns/support/uncloneable.js';

let a: Netns;
let b: Netns;
beforeEach(async () => {
  [a, b] = await Promise.all([Netns.create(), Netns.create()]);
});
afterEach(async () => {
  await a.close();
  await b.close();
});

const names = async (netns: Netns) => (await netns.links.list()).map(({ name }) => name);

describe('names of the two ends', () => {
  test('may be the same in two namespaces', async () => {
    const pair = await Veth.create({ netns: a, name: 'eth0' }, { netns: b, name: 'eth0' });
    expect([pair.a.name, pair.b.name]).toEqual(['eth0', 'eth0']);
    expect([pair.a.netns, pair.b.netns]).toEqual([a, b]);
    expect([await names(a), await names(b)]).toEqual([
      ['lo', 'eth0'],
      ['lo', 'eth0'],
    ]);
  });

  test('may not be the same in one', async () => {
    await expect(Veth.create({ netns: a, name: 'eth0' }, { netns: a, name: 'eth0' })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining('otherEnd.name'),
    });
    await using same = await Netns.open({ fd: a.fd });
    await expect(
      Veth.create({ netns: a, name: 'eth0' }, { netns: same, name: 'eth0' }),
    ).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    expect(await names(a)).toEqual(['lo']);
  });

  test('both ends may be in one namespace, also by two objects', async () => {
    await using same = await Netns.open({ fd: a.fd });
    const pair = await Veth.create({ netns: a, name: 'x', up: true }, { netns: same, name: 'y', up: true });
    expect(pair.b.netns).toBe(same);
    expect((await names(a)).sort()).toEqual(['lo', 'x', 'y']);
    expect((await pair.a.peer())?.index).toBe(pair.b.index);
    expect((await pair.b.peer())?.index).toBe(pair.a.index);
  });
});

describe('a pair', () => {
  test('gives its ends, by name and one after the other', async () => {
    const pair = await Veth.create({ netns: a, name: 'x' }, { netns: b, name: 'y' });
    expect([...pair]).toEqual([pair.a, pair.b]);
    const [first, second] = pair;
    expect([first?.name, second?.name]).toEqual(['x', 'y']);
    expect([pair.owned, pair.a.owned, pair.b.owned]).toEqual([true, true, true]);
  });

  test('goes with either end', async () => {
    for (const which of ['a', 'b'] as const) {
      const pair = await Veth.create({ netns: a, name: 'x' }, { netns: b, name: 'y' });
      await pair[which].delete();
      expect([await names(a), await names(b)]).toEqual([['lo'], ['lo']]);
      // Whoever removes the rest finds nothing, which is no error.
      await pair.a.delete();
      await pair.b.delete();
      await pair.delete();
      await pair.close();
    }
  });

  test('is removed by delete() and by close(); again is no error', async () => {
    const one = await Veth.create({ netns: a, name: 'x' }, { netns: b, name: 'y' });
    await one.delete();
    await one.delete();
    const two = await Veth.create({ netns: a, name: 'x' }, { netns: b, name: 'y' });
    await two.close();
    await two.close();
    expect([await names(a), await names(b)]).toEqual([['lo'], ['lo']]);
  });

  test('once removed its ends refuse', async () => {
    const pair = await Veth.create({ netns: a, name: 'x' }, { netns: b, name: 'y' });
    await pair.delete();
    for (const end of pair) {
      for (const call of [
        () => end.up(),
        () => end.set({ mtu: 1400 }),
        () => end.refresh(),
        () => end.peer(),
      ]) {
        const error = await call().then(
          () => undefined,
          (reason) => reason,
        );
        expect(error).toBeInstanceOf(NsnetError);
        expect(error.code).toBe('ERR_NSNET_CLOSED');
      }
    }
  });

  test('can be removed when one namespace, or both, are closed', async () => {
    const pair = await Veth.create({ netns: a, name: 'x' }, { netns: b, name: 'y' });
    await a.close();
    await pair.delete();
    await pair.close();
    await expect.poll(() => names(b)).toEqual(['lo']);
    const other = await Netns.create();
    const gone = await Veth.create({ netns: b, name: 'x' }, { netns: other, name: 'y' });
    await Promise.all([b.close(), other.close()]);
    await gone.close();
  });

  test('is printed on one line, and is data as JSON', async () => {
    await using far = await Netns.create(named('veth'));
    const pair = await Veth.create({ netns: far, name: 'x', up: true }, { netns: b, name: 'y' });
    for (const text of [inspect(pair), inspect(pair.a), String(pair)]) {
      expect(text).not.toContain('\n');
    }
    expect(inspect(pair.a)).toBe(
      `Veth { name: 'x', index: ${pair.a.index}, kind: 'veth', up, netns '${named('veth')}' }`,
    );
    expect(inspect(pair)).toMatch(/link 'x' .* link 'y'/);
    expect(pair.a.toJSON()).toEqual(pair.a.info);
    expect(structuredClone(pair.a.toJSON())).toEqual(pair.a.info);
    expect(JSON.parse(JSON.stringify(pair))).toEqual([pair.a.info, pair.b.info]);
    expectUncloneable(pair.a);
    expectUncloneable(pair);
  });
});

describe('peer()', () => {
  test('is the other end, across namespaces, wherever it has gone', async () => {
    const pair = await Veth.create({ netns: a, name: 'x' }, { netns: b, name: 'y' });
    const peer = await pair.a.peer();
    expect(peer).toBeInstanceOf(Veth);
    expect(peer).toMatchObject({ name: 'y', index: pair.b.index, netns: b, kind: 'veth' });
    expect(await pair.b.peer()).toMatchObject({ name: 'x', index: pair.a.index, netns: a });
    await using c = await Netns.create();
    await pair.b.moveTo(c, { name: 'z' });
    expect(await pair.a.peer()).toMatchObject({ name: 'z', netns: c });
    await pair.a.moveTo(c, { name: 'w' });
    expect(await pair.a.peer()).toMatchObject({ name: 'z', netns: c });
  });

  test('is found among many namespaces', async () => {
    const many = await Promise.all(Array.from({ length: 10 }, () => Netns.create()));
    try {
      const pairs = await Promise.all(
        many.map((netns, i) => Veth.create({ netns: a, name: `a${i}` }, { netns, name: `b${i}` })),
      );
      for (const pair of pairs) {
        expect(await pair.a.peer()).toMatchObject({ name: pair.b.name, netns: pair.b.netns });
        expect(await pair.b.peer()).toMatchObject({ name: pair.a.name, netns: a });
      }
    } finally {
      for (const netns of many) await netns.close();
    }
  });

  test('is undefined where its namespace is not held open here', async () => {
    const pair = await Veth.create({ netns: a, name: 'x' }, { netns: b, name: 'y' });
    await using held = await Netns.open({ fd: b.fd });
    expect(await pair.a.peer()).toMatchObject({ name: 'y' });
    const { spawn } = await import('node:child_process');
    // Somebody else holds it.
    const holder = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', b.fd] });
    try {
      await b.close();
      await held.close();
      expect(await pair.a.peer()).toBeUndefined();
    } finally {
      holder.kill('SIGKILL');
      await new Promise((resolve) => holder.on('close', resolve));
    }
  });

  test('is never a link of another namespace while its own is torn down', async () => {
    await using decoy = await Netns.create();
    for (let i = 0; i < 20; i++) {
      const far = await Netns.create();
      const pair = await Veth.create({ netns: a, name: 'x' }, { netns: far, name: 'y' });
      // A link with the same index, in a namespace for which `a` has no number.
      await using cable = await Veth.create({ netns: decoy, name: 'd0' }, { netns: decoy, name: 'd1' });
      expect(cable.a.index).toBeGreaterThan(1);
      await far.close();
      for (;;) {
        const peer = await pair.a.peer().catch((error) => error.code);
        if (peer === 'ENODEV') break;
        expect(peer && String(peer)).toBeUndefined();
      }
    }
  });
});

describe('the peer object', () => {
  test('is one that was found: closing it leaves the cable', async () => {
    const pair = await Veth.create({ netns: a, name: 'x' }, { netns: b, name: 'y' });
    const opened = (await a.links.get('x')) as Veth;
    const peer = await opened.peer();
    expect([opened.owned, peer?.owned]).toEqual([false, false]);
    await peer?.close();
    await opened.close();
    expect(await names(b)).toEqual(['lo', 'y']);
    await pair.close();
  });
});

describe('ports()', () => {
  test('are the bridge’s, of every kind', async () => {
    const bridge = await Bridge.create({ netns: a, name: 'br0' });
    expect(await bridge.ports()).toEqual([]);
    for (let i = 0; i < 3; i++) {
      await Veth.create({ netns: a, name: `p${i}`, master: bridge }, { netns: b, name: `q${i}` });
    }
    await Veth.create({ netns: a, name: 'none' }, { netns: b, name: 'none' });
    const ports = await bridge.ports();
    expect(ports.map(({ name }) => name)).toEqual(['p0', 'p1', 'p2']);
    expect(ports.every((port) => port instanceof Veth && !port.owned)).toBe(true);
    await ports[0]?.delete();
    expect((await bridge.ports()).map(({ name }) => name)).toEqual(['p1', 'p2']);
  });
});
