// @kernels
// Others rename and remove links while one is being made: what is not ours is never touched.
import { Bridge, Netns, Veth } from 'nsnet';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ipIn, shellIn } from '../netns/support/inside.js';
import { replacing, requestsOf } from '../netns/support/traffic.js';

let near: Netns;
let far: Netns;
beforeEach(async () => {
  [near, far] = await Promise.all([Netns.create(), Netns.create()]);
});
afterEach(async () => {
  await Promise.all([near.close(), far.close()]);
});

/** Does something in a namespace when RTM_NEWLINK has been answered, and before anybody hears of it. */
function whenMade<T>(netns: Netns, script: string, work: () => Promise<T>): Promise<T> {
  let done = false;
  return replacing(
    'transact',
    (transact) => async (fd, requests, resume) => {
      const result = await transact(fd, requests, resume);
      if (!done && requestsOf(requests).some(({ name }) => name === 'RTM_NEWLINK')) {
        done = true;
        await shellIn(netns, script);
      }
      return result;
    },
    work,
  );
}

const link = async (netns: Netns, name: string) => (await ipIn(netns, 'link', 'show', 'dev', name))[0];

test('a bridge that was renamed, and its name given to another', async () => {
  const bridge = await whenMade(near, 'ip link set br0 name old; ip link add br0 type bridge', () =>
    Bridge.create({
      netns: near,
      name: 'br0',
      alias: 'mine',
      altNames: ['also'],
      addresses: ['10.0.0.1/24'],
    }),
  );
  expect(bridge.info).toMatchObject({ name: 'old', alias: 'mine', altNames: ['also'] });
  expect(await link(near, 'br0')).not.toHaveProperty('ifalias');
  await bridge.close();
  expect((await near.links.list()).map(({ name }) => name)).toEqual(['lo', 'br0']);
});

test('a far end that was renamed, and its name given to another', async () => {
  const pair = await whenMade(far, 'ip link set y name z; ip link add y type bridge', () =>
    Veth.create(
      { netns: near, name: 'x', up: true },
      { netns: far, name: 'y', alias: 'mine', addresses: ['10.0.0.1/24'], up: true },
    ),
  );
  expect(pair.b.info).toMatchObject({ name: 'z', kind: 'veth', alias: 'mine', up: true });
  expect(await link(far, 'y')).toMatchObject({ operstate: 'DOWN', linkinfo: { info_kind: 'bridge' } });
  expect(await link(far, 'y')).not.toHaveProperty('ifalias');
});

test.each([
  ['the near end', () => near, 'ip link del x; ip link add x type bridge; ip link add y type bridge'],
  ['the far end', () => far, 'ip link del y; ip link add y type bridge; ip link add x type bridge'],
] as const)('%s removed, and its name given to another', async (_title, where, script) => {
  const made = whenMade(where(), script, () =>
    Veth.create(
      { netns: near, name: 'x', addresses: ['10.0.0.1/24'], up: true },
      { netns: far, name: 'y', alias: 'mine', up: true },
    ),
  );
  await expect(made).rejects.toMatchObject({ code: 'ENODEV' });
  expect((await where().links.list()).map(({ name }) => name).sort()).toEqual(['lo', 'x', 'y']);
  for (const name of ['x', 'y']) expect(await link(where(), name)).not.toHaveProperty('ifalias');
});
