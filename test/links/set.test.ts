// Changes of a link that is there.
import { Bridge, Netns, Veth, type VethPair } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ipIn } from '../netns/support/inside.js';

let netns: Netns;
let other: Netns;
let pair: VethPair;
let veth: Veth;
beforeEach(async () => {
  [netns, other] = await Promise.all([Netns.create(), Netns.create()]);
  pair = await Veth.create({ netns, name: 'v' }, { netns: other, name: 'w' });
  veth = pair.a;
});
afterEach(async () => {
  await netns.close();
  await other.close();
});

const seen = async () =>
  (await ipIn(netns, 'link', 'show')).find(({ ifindex }) => ifindex === veth.index) ?? {};

/** What a link of many long names is read as does not fit into a socket's buffer 64 times. */
test('hundreds of changes and reads at once, however long the answers', async () => {
  const altNames = Array.from({ length: 24 }, (_, i) => `${String(i).padStart(3, '0')}${'x'.repeat(120)}`);
  await veth.set({ altNames, alias: 'y'.repeat(250) });
  const changes = Array.from({ length: 400 }, (_, i) =>
    i % 8 === 0 ? veth.set({ mtu: 1400 + i }) : veth.refresh(),
  );
  const outcomes = await Promise.allSettled(changes);
  expect(outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))).toEqual([]);
  expect(veth.info.altNames).toHaveLength(24);
});

describe('set()', () => {
  test.each([
    [{ mtu: 1400 }, { mtu: 1400 }, { mtu: 1400 }],
    [{ mac: '02:00:00:00:00:FF' }, { mac: '02:00:00:00:00:ff' }, { address: '02:00:00:00:00:ff' }],
    [{ alias: 'an alias' }, { alias: 'an alias' }, { ifalias: 'an alias' }],
    [{ altNames: ['a', 'b'] }, { altNames: ['a', 'b'] }, { altnames: ['a', 'b'] }],
    [
      { mtu: 1300, alias: 'x', altNames: ['c'] },
      { mtu: 1300, alias: 'x', altNames: ['c'] },
      { altnames: ['c'] },
    ],
  ])('%j', async (changes, info, printed) => {
    await veth.set(changes);
    expect(veth.info).toMatchObject(info);
    expect(await seen()).toMatchObject(printed);
  });

  test('leaves what is not given, and changes nothing for nothing', async () => {
    await veth.set({ mtu: 1400, alias: 'kept' });
    await veth.set({ mac: '02:00:00:00:00:01' });
    const before = await seen();
    await veth.set({});
    expect(await seen()).toEqual(before);
    expect(veth.info).toMatchObject({ mtu: 1400, alias: 'kept', mac: '02:00:00:00:00:01' });
  });

  test('renaming keeps the index', async () => {
    const { index } = veth;
    await veth.set({ name: 'eth0' });
    expect(veth).toMatchObject({ name: 'eth0', index, info: { name: 'eth0', index } });
    expect(await seen()).toMatchObject({ ifname: 'eth0', ifindex: index });
    expect((await netns.links.get('eth0')).index).toBe(index);
    await expect(netns.links.get('v')).rejects.toMatchObject({ code: 'ENODEV' });
    await veth.set({ name: 'eth0' });
    // The object goes on under the new name.
    await veth.addAddress('10.0.0.1/24');
    await netns.addresses.delete({ device: 'eth0', address: '10.0.0.1/24' });
  });

  test('alternative names: what is given is what there is then', async () => {
    await veth.set({ altNames: ['a', 'b'] });
    await veth.set({ altNames: ['b', 'c'] });
    expect([...veth.info.altNames].sort()).toEqual(['b', 'c']);
    expect((await seen()).altnames.sort()).toEqual(['b', 'c']);
    await veth.set({ altNames: [] });
    expect(veth.info.altNames).toEqual([]);
    expect((await seen()).altnames).toBeUndefined();
  });

  test('alternative names that others have given meanwhile', async () => {
    await using again = await netns.links.get('v');
    await again.set({ altNames: ['theirs'] });
    await veth.set({ altNames: ['ours'] });
    expect((await seen()).altnames).toEqual(['ours']);
  });

  test('an alias is taken away by an empty one', async () => {
    await veth.set({ alias: 'an alias' });
    await veth.set({ alias: '' });
    expect(veth.info.alias).toBeUndefined();
    expect((await seen()).ifalias).toBeUndefined();
  });

  test('a master is given, changed and taken away', async () => {
    const one = await Bridge.create({ netns, name: 'one' });
    await Bridge.create({ netns, name: 'two' });
    await veth.set({ master: one });
    expect(veth.info.master).toBe('one');
    await veth.set({ master: 'two' });
    expect(veth.info.master).toBe('two');
    expect(await seen()).toMatchObject({ master: 'two' });
    expect(await one.ports()).toEqual([]);
    await veth.set({ master: null });
    expect(veth.info.master).toBeUndefined();
    expect((await seen()).master).toBeUndefined();
  });

  test('a name in use: EEXIST, and nothing is changed', async () => {
    await Bridge.create({ netns, name: 'taken', altNames: ['taken-too'] });
    const before = await seen();
    for (const name of ['taken', 'taken-too']) {
      await expect(veth.set({ name, mtu: 1300 })).rejects.toMatchObject({
        code: 'EEXIST',
        hint: expect.stringContaining(`There is a link '${name}' in`),
      });
    }
    await expect(veth.set({ altNames: ['taken'] })).rejects.toMatchObject({
      code: 'EEXIST',
      hint: expect.stringContaining('one of these names'),
    });
    expect(await seen()).toMatchObject({ ifname: before.ifname });
    expect((await seen()).altnames).toBeUndefined();
    expect(veth.name).toBe('v');
  });
});

describe('up() and down()', () => {
  test('are administrative; the state follows the far end', async () => {
    expect(veth.info).toMatchObject({ up: false, state: 'down' });
    await veth.up();
    expect(veth.info.up).toBe(true);
    await expect.poll(async () => (await veth.refresh()).info.state).toMatch(/down$/);
    await pair.b.up();
    await veth.ready();
    expect((await veth.refresh()).info).toMatchObject({ up: true, state: 'up' });
    expect(await seen()).toMatchObject({ operstate: 'UP' });
    await veth.down();
    expect(veth.info.up).toBe(false);
    expect((await seen()).flags).not.toContain('UP');
    await veth.down();
    await veth.up();
    await veth.up();
    expect(veth.info.up).toBe(true);
  });
});

describe('addresses of the link itself', () => {
  test('are those of the collection', async () => {
    await veth.addAddress('10.0.0.1/24');
    await veth.addAddress({ address: 'fd00::1/64', dad: false });
    expect((await netns.addresses.list({ device: veth })).map(({ address }) => address)).toEqual([
      '10.0.0.1/24',
      'fd00::1/64',
    ]);
    await veth.removeAddress('10.0.0.1/24');
    await netns.addresses.delete({ device: veth, address: 'fd00::1/64' });
    expect(await netns.addresses.list({ device: veth })).toEqual([]);
    await expect(veth.removeAddress('10.0.0.1/24')).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
  });
});

describe('info is as last read', () => {
  test('refresh() reads what others have changed', async () => {
    const again = await netns.links.get('v');
    await again.set({ mtu: 1234, name: 'renamed' });
    expect(veth).toMatchObject({ name: 'v', info: { mtu: 1500 } });
    expect(await veth.refresh()).toBe(veth);
    expect(veth).toMatchObject({ name: 'renamed', info: { mtu: 1234 } });
  });

  test('refresh() of one that is gone: ENODEV', async () => {
    await (await netns.links.get('v')).delete();
    await expect(veth.refresh()).rejects.toMatchObject({ code: 'ENODEV', subject: expect.any(String) });
    await expect(veth.up()).rejects.toMatchObject({ code: 'ENODEV' });
    await expect(veth.set({ mtu: 1400 })).rejects.toMatchObject({ code: 'ENODEV' });
    await veth.delete();
  });
});

describe('stats()', () => {
  test('are the counters that ip shows', async () => {
    const read = await (await netns.links.get('lo')).stats();
    const [printed] = await ipIn(netns, '-s', 'link', 'show', 'lo');
    expect(read).toMatchObject({
      rxBytes: printed?.stats64.rx.bytes,
      rxPackets: printed?.stats64.rx.packets,
      txBytes: printed?.stats64.tx.bytes,
      txPackets: printed?.stats64.tx.packets,
    });
    expect(Object.values(read).every((value) => Number.isInteger(value))).toBe(true);
  });
});

describe('ready()', () => {
  test('waits for the carrier and for the detection of duplicates', async () => {
    await veth.addAddress('fd00::1/64');
    const waiting = Promise.all([veth.up(), pair.b.up()]).then(() => veth.ready());
    await waiting;
    const flags = (await netns.addresses.list({ device: veth })).flatMap((each) => each.flags);
    expect(flags).not.toContain('tentative');
    expect((await veth.refresh()).info.flags).toContain('LOWER_UP');
  });

  test('of a bridge waits for a port that has a carrier', async () => {
    const bridge = await Bridge.create({ netns, name: 'br0', up: true });
    await expect(bridge.ready({ signal: AbortSignal.timeout(100) })).rejects.toMatchObject({
      name: 'AbortError',
    });
    await veth.set({ master: bridge });
    await Promise.all([veth.up(), pair.b.up()]);
    await bridge.ready();
    expect((await bridge.refresh()).info.flags).toContain('LOWER_UP');
  });

  test('ends when aborted, and when the link is gone', async () => {
    await veth.up();
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 30);
    await expect(veth.ready({ signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError' });
    const waiting = veth.ready();
    const again = await netns.links.get('v');
    await again.delete();
    await expect(waiting).rejects.toMatchObject({ code: 'ENODEV' });
  });

  test('ends when the namespace is closed', async () => {
    await veth.up();
    const waiting = veth.ready();
    const settled = waiting.catch((error) => error.code);
    await netns.close();
    expect(await settled).toBe('ERR_NSNET_CLOSED');
  });
});
