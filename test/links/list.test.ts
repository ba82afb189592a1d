// links.list() and links.get().
import { Bridge, Netns, OtherLink, Veth } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ipIn } from '../netns/support/inside.js';

let netns: Netns;
let other: Netns;
let bridge: Bridge;
let port: Veth;

beforeAll(async () => {
  [netns, other] = await Promise.all([Netns.create(), Netns.create()]);
  bridge = await Bridge.create({ netns, name: 'br0', altNames: ['the-bridge'], up: true });
  const make = (name: string, options: object) =>
    Veth.create({ netns, name, ...options }, { netns: other, name });
  port = (await make('p0', { master: bridge, up: true, altNames: ['a:port/with-a-long-alternative-name'] }))
    .a;
  await make('p1', { master: bridge });
  await make('free', {});
});
afterAll(async () => {
  await netns.close();
  await other.close();
});

const names = async (filter?: object) => (await netns.links.list(filter)).map(({ name }) => name);

describe('list()', () => {
  test('gives all, in the kernel’s order, each of its class', async () => {
    const links = await netns.links.list();
    expect(links.map(({ name, index }) => [name, index])).toEqual(
      (await ipIn(netns, 'link')).map(({ ifname, ifindex }) => [ifname, ifindex]),
    );
    expect(links.map((link) => link.constructor)).toEqual([OtherLink, Bridge, Veth, Veth, Veth]);
    expect(links.every(({ owned }) => owned === false)).toBe(true);
    expect(links[2]).toMatchObject({ netns, info: { master: 'br0', up: true } });
  });

  test.each([
    [{ kind: 'veth' }, ['p0', 'p1', 'free']],
    [{ kind: 'bridge' }, ['br0']],
    [{ kind: 'other' }, ['lo']],
    [{ up: true }, ['lo', 'br0', 'p0']],
    [{ up: false }, ['p1', 'free']],
    [{ master: 'br0' }, ['p0', 'p1']],
    [{ master: 'the-bridge' }, ['p0', 'p1']],
    [{ master: 'nothing' }, []],
    [{ master: 'free' }, []],
    [{ master: 'br0', up: true }, ['p0']],
    [{ kind: 'bridge', up: false }, []],
  ])('with %j', async (filter, found) => {
    expect(await names(filter)).toEqual(found);
  });

  test('with a bridge by object, or by index', async () => {
    expect(await names({ master: bridge })).toEqual(['p0', 'p1']);
    expect(await names({ master: bridge.index })).toEqual(['p0', 'p1']);
  });

  test('one after the other, and stopped in the middle', async () => {
    const seen: string[] = [];
    for await (const link of netns.links.list()) {
      seen.push(link.name);
      if (link.name === 'br0') break;
    }
    expect(seen).toEqual(['lo', 'br0']);
    // Nothing is left of the half-read one.
    expect((await netns.links.list()).length).toBe(5);
  });

  test.each([{ kind: 5 }, { up: 'yes' }, { master: 0 }, { master: {} }, { mastre: 'br0' }, null, 5])(
    'refuses %j',
    async (filter) => {
      await expect(async () => netns.links.list(filter as never)).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_(INVALID_ARG_(TYPE|VALUE)|OUT_OF_RANGE)$/),
      });
    },
  );

  test('refuses a master of another namespace', async () => {
    const foreign = await Bridge.create({ netns: other, name: 'br9' });
    await expect(async () => netns.links.list({ master: foreign })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    await foreign.close();
  });
});

describe('get()', () => {
  test('by name, index, alternative name', async () => {
    const { index } = port;
    for (const ref of ['p0', index, 'a:port/with-a-long-alternative-name']) {
      expect(await netns.links.get(ref)).toMatchObject({
        name: 'p0',
        index,
        kind: 'veth',
        info: { master: 'br0' },
      });
    }
    // A short one is asked for in the same way as a name.
    expect(await netns.links.get('the-bridge')).toMatchObject({ index: bridge.index });
  });

  test.each(['nothing', 'a-name-longer-than-fifteen-bytes', 9999, 2 ** 31 - 1])(
    '%j is not there: ENODEV',
    async (ref) => {
      await expect(netns.links.get(ref)).rejects.toMatchObject({
        name: 'NsnetError',
        code: 'ENODEV',
        subject: expect.stringContaining(String(ref)),
      });
    },
  );

  test.each([
    ['', 'ERR_INVALID_ARG_VALUE'],
    ['x'.repeat(128), 'ERR_INVALID_ARG_VALUE'],
    ['a\0b', 'ERR_INVALID_ARG_VALUE'],
    [0, 'ERR_OUT_OF_RANGE'],
    [-1, 'ERR_OUT_OF_RANGE'],
    [1.5, 'ERR_OUT_OF_RANGE'],
    [2 ** 31, 'ERR_OUT_OF_RANGE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
    [undefined, 'ERR_INVALID_ARG_TYPE'],
    [{}, 'ERR_INVALID_ARG_TYPE'],
  ])('%j is refused', async (ref, code) => {
    await expect(netns.links.get(ref as never)).rejects.toMatchObject({ code });
  });
});

test('a listing of a thousand', async () => {
  await using big = await Netns.create();
  const count = 500;
  await Promise.all(
    Array.from({ length: count }, (_, i) =>
      Veth.create({ netns: big, name: `a${i}` }, { netns: big, name: `b${i}` }),
    ),
  );
  expect((await big.links.list()).length).toBe(2 * count + 1);
  expect((await big.links.list({ kind: 'veth' })).length).toBe(2 * count);
});
