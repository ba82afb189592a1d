// @kernels
// Requests to one namespace are carried out in the order issued, awaited or not; each settles by itself.
import { Bridge, Netns, NsnetError, Veth } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ipIn } from '../netns/support/inside.js';
import { travelling } from '../netns/support/traffic.js';

let netns: Netns;
beforeEach(async () => {
  netns = await Netns.create();
});
afterEach(() => netns.close());

const codes = async (work: Promise<unknown>[]) =>
  (await Promise.allSettled(work)).map((result) =>
    result.status === 'fulfilled' ? 'done' : result.reason.code,
  );

describe('nothing awaited', () => {
  test('a bridge, routes by its name, its removal', async () => {
    const work = [
      Bridge.create({ netns, name: 'br0', up: true }),
      netns.routes.add({ destination: '10.1.0.0/16', device: 'br0' }),
      netns.routes.add({ destination: '10.2.0.0/16', device: 'br0' }),
      netns.routes.list({ family: 'inet' }).then((routes) => routes.length),
      netns.routes.delete({ destination: '10.1.0.0/16' }),
      netns.routes.list({ family: 'inet' }).then((routes) => routes.map(({ destination }) => destination)),
      netns.links.get('br0').then((link) => link.delete()),
    ] as const;
    expect(await Promise.all(work)).toMatchObject([
      { name: 'br0' },
      undefined,
      undefined,
      2,
      undefined,
      ['10.2.0.0/16'],
      undefined,
    ]);
    expect(await codes([netns.links.get('br0')])).toEqual(['ENODEV']);
  });

  test('a link before and after it is there, by name', async () => {
    const add = (address: string) => netns.addresses.add({ device: 'br0', address });
    const work = [
      add('10.0.0.1/24'),
      Bridge.create({ netns, name: 'br0' }),
      add('10.0.0.2/24'),
      netns.links.get('br0').then((link) => link.info.index),
    ];
    expect(await codes(work)).toEqual(['ENODEV', 'done', 'done', 'done']);
  });

  test('a change of name, and both names', async () => {
    const bridge = await Bridge.create({ netns, name: 'old' });
    const add = (device: string, address: string) => netns.addresses.add({ device, address });
    const work = [
      add('old', '10.0.0.1/24'),
      bridge.set({ name: 'new' }),
      add('old', '10.0.0.2/24'),
      add('new', '10.0.0.3/24'),
    ];
    expect(await codes(work)).toEqual(['done', 'done', 'ENODEV', 'done']);
    expect((await netns.addresses.list({ device: 'new' })).map(({ address }) => address)).toEqual([
      '10.0.0.1/24',
      '10.0.0.3/24',
    ]);
  });

  test('a name that passes from one link to another', async () => {
    const [one, two] = await Promise.all([
      Bridge.create({ netns, name: 'one' }),
      Bridge.create({ netns, name: 'two' }),
    ]);
    const add = (address: string) => netns.addresses.add({ device: 'one', address });
    expect(
      await codes([
        add('10.0.0.1/24'),
        one.set({ name: 'was-one' }),
        two.set({ name: 'one' }),
        add('10.0.0.2/24'),
        one.delete(),
        add('10.0.0.3/24'),
      ]),
    ).toEqual(Array(6).fill('done'));
    expect((await netns.addresses.list({ device: two.index })).map(({ address }) => address)).toEqual([
      '10.0.0.2/24',
      '10.0.0.3/24',
    ]);
  });

  test('a name removed and made anew', async () => {
    const first = await Bridge.create({ netns, name: 'br0' });
    const add = (address: string) => netns.addresses.add({ device: 'br0', address });
    const work = [
      add('10.0.0.1/24'),
      first.delete(),
      add('10.0.0.2/24'),
      Bridge.create({ netns, name: 'br0' }),
      add('10.0.0.3/24'),
    ];
    expect(await codes(work)).toEqual(['done', 'done', 'ENODEV', 'done', 'done']);
    expect((await ipIn(netns, '-4', 'addr', 'show', 'dev', 'br0'))[0]?.addr_info).toMatchObject([
      { local: '10.0.0.3' },
    ]);
  });

  test('an address added and removed two hundred times', async () => {
    const item = { device: 'lo', address: '10.0.0.1/32' };
    const work = Array.from({ length: 400 }, (_, i) =>
      i % 2 === 0 ? netns.addresses.add(item) : netns.addresses.delete(item),
    );
    expect(new Set(await codes(work))).toEqual(new Set(['done']));
    expect((await netns.addresses.list({ family: 'inet' })).map(({ address }) => address)).toEqual([
      '127.0.0.1/8',
    ]);
  });

  test('a cable, its master, its far end', async () => {
    const work = [
      Bridge.create({ netns, name: 'br0' }),
      Veth.create({ netns, name: 'a', master: 'br0' }, { netns, name: 'b' }),
      netns.addresses.add({ device: 'b', address: '10.0.0.1/24' }),
      netns.links.get('a').then((link) => link.info.master),
    ] as const;
    expect(await codes([...work])).toEqual(['done', 'done', 'done', 'done']);
    expect(await work[3]).toBe('br0');
  });

  test('settles in order', async () => {
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 600 }, (_, i) =>
        netns.routes
          .add({ destination: `10.${i >> 8}.${i & 255}.0/24`, device: 'lo' })
          .then(() => order.push(i)),
      ),
    );
    expect(order).toEqual(Array.from({ length: 600 }, (_, i) => i));
  });
});

describe('one that fails', () => {
  test('stops none: the third of five', async () => {
    const destinations = ['10.1.0.0/16', '10.2.0.0/16', '10.1.0.0/16', '10.3.0.0/16', '10.4.0.0/16'];
    const results = await Promise.allSettled(
      destinations.map((destination) => netns.routes.add({ destination, device: 'lo' })),
    );
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    const { reason } = results[2] as PromiseRejectedResult;
    expect(reason).toBeInstanceOf(NsnetError);
    expect(reason).toMatchObject({
      code: 'EEXIST',
      syscall: 'RTM_NEWROUTE',
      subject: expect.stringContaining('10.1.0.0/16'),
    });
    expect((await netns.routes.list()).map(({ destination }) => destination)).toEqual([
      '10.1.0.0/16',
      '10.2.0.0/16',
      '10.3.0.0/16',
      '10.4.0.0/16',
    ]);
  });

  test('is found in a full batch, whichever it is', async () => {
    const bad = new Set([0, 2, 63, 64, 65, 127, 128, 255, 256, 257, 400, 511, 512]);
    const results = await Promise.allSettled(
      Array.from({ length: 513 }, (_, i) =>
        netns.routes.add({
          destination: `10.${i >> 8}.${i & 255}.0/24`,
          ...(bad.has(i) ? { gateway: '10.255.0.1' } : { device: 'lo' }),
        }),
      ),
    );
    const failed = results.flatMap(({ status }, i) => (status === 'rejected' ? [i] : []));
    expect(failed).toEqual([...bad]);
    for (const i of bad) {
      expect((results[i] as PromiseRejectedResult).reason.subject).toContain(`10.${i >> 8}.${i & 255}.0/24`);
    }
    expect((await netns.routes.list()).length).toBe(513 - bad.size);
  });

  test('for its name: those behind it go on', async () => {
    const add = (device: string, i: number) => netns.addresses.add({ device, address: `10.0.0.${i}/32` });
    const work = [add('lo', 1), add('nothing', 2), add('lo', 3), add('nothing', 4), add('lo', 5)];
    expect(await codes(work)).toEqual(['done', 'ENODEV', 'done', 'ENODEV', 'done']);
  });

  test('that cannot even be written down', async () => {
    const add = (i: number) => netns.routes.add({ destination: `10.0.${i}.0/24`, device: 'lo' });
    const wrong = netns.routes.add({ destination: '10.0.9.0/24', device: 'lo', metric: 'high' as never });
    expect(await codes([add(1), wrong, add(2)])).toEqual(['done', 'ERR_INVALID_ARG_TYPE', 'done']);
  });
});

test('a name that others gave to another link meanwhile means that one', async () => {
  const { index: first } = await Bridge.create({ netns, name: 'wanted' });
  const add = (octet: number) => netns.addresses.add({ device: 'wanted', address: `10.${octet}.0.1/24` });
  await add(1);
  for (const octet of [2, 3]) {
    // Not up: older kernels do not rename what is.
    await ipIn(netns, 'link', 'set', 'wanted', 'name', `was${octet}`);
    await ipIn(netns, 'link', 'add', 'wanted', 'type', 'bridge');
    await add(octet);
  }
  const where = new Map(
    (await ipIn(netns, '-4', 'address')).map(({ ifname, addr_info }) => [ifname, addr_info[0]?.local]),
  );
  expect([...where]).toEqual([
    ['lo', '127.0.0.1'],
    ['was2', '10.1.0.1'],
    ['was3', '10.2.0.1'],
    ['wanted', '10.3.0.1'],
  ]);
  expect((await netns.links.get('was2')).index).toBe(first);
  await ipIn(netns, 'link', 'del', 'wanted');
  await expect(add(4)).rejects.toMatchObject({ code: 'ENODEV' });
});

describe('operations of several steps', () => {
  test('hold their place: a route over the address of a bridge, and its removal', async () => {
    const work = [
      Bridge.create({ netns, name: 'br0', addresses: ['10.0.0.1/24', 'fd00::1/64'], alias: 'x', up: true }),
      netns.routes.add({ destination: 'default', gateway: '10.0.0.2' }),
      netns.links.get('br0').then(({ info }) => info.alias),
      netns.addresses.list({ device: 'br0', family: 'inet' }).then((all) => all.length),
      netns.addresses.delete({ device: 'br0', address: '10.0.0.1/24' }),
      netns.routes.list({ family: 'inet' }).then((routes) => routes.length),
    ] as const;
    expect((await Promise.all(work)).slice(1)).toEqual([undefined, 'x', 1, undefined, 0]);
  });

  test('both ends of a cable, in both namespaces', async () => {
    await using other = await Netns.create();
    const work = [
      Veth.create(
        { netns, name: 'a', addresses: ['10.0.0.1/24'], altNames: ['here'], up: true },
        { netns: other, name: 'b', addresses: ['10.0.0.2/24'], altNames: ['there'], alias: 'far', up: true },
      ),
      netns.routes.add({ destination: '10.1.0.0/16', gateway: '10.0.0.2' }),
      other.routes.add({ destination: '10.1.0.0/16', gateway: '10.0.0.1' }),
      netns.links.get('here').then(({ name, info }) => [name, info.up, info.altNames]),
      other.links.get('there').then(({ name, info }) => [name, info.up, info.alias]),
    ] as const;
    expect((await Promise.all(work)).slice(1)).toEqual([
      undefined,
      undefined,
      ['a', true, ['here']],
      ['b', true, 'far'],
    ]);
  });

  test('cables crossing each other wait for each other, and never for ever', async () => {
    await using other = await Netns.create();
    const work = Array.from({ length: 20 }, (_, i) => {
      const [near, far] = i % 2 === 0 ? [netns, other] : [other, netns];
      const end = (at: Netns, name: string, n: number) => ({
        netns: at,
        name: `${name}${i}`,
        addresses: [`10.${i}.0.${n}/24`],
        up: true,
      });
      return Veth.create(end(near, 'near', 1), end(far, 'far', 2));
    });
    for (const pair of await Promise.all(work))
      expect([pair.a.info.up, pair.b.info.up]).toEqual([true, true]);
  });

  test('that fail hold nothing up', async () => {
    await Bridge.create({ netns, name: 'br0' });
    const again = Bridge.create({ netns, name: 'br0', addresses: ['10.0.0.1/24'], up: true });
    const after = netns.addresses.list({ device: 'br0' });
    await expect(again).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await after).toEqual([]);
    expect((await netns.links.get('br0')).info.up).toBe(false);
  });
});

describe('calls made together travel together', () => {
  test('a thousand at once need a handful of trips', async () => {
    const trips = await travelling(() =>
      Promise.all(
        Array.from({ length: 1000 }, (_, i) =>
          netns.routes.add({ destination: `10.${i >> 8}.${i & 255}.0/24`, device: 'lo' }),
        ),
      ),
    );
    const requests = trips.flat();
    expect(requests.filter((name) => name === 'RTM_NEWROUTE').length).toBe(1000);
    // One to learn what index lo has.
    expect(requests.length).toBeLessThanOrEqual(1010);
    expect(trips.length).toBeLessThanOrEqual(10);
  });

  test('of different kinds, too', async () => {
    await Bridge.create({ netns, name: 'br0', up: true });
    const { index } = await netns.links.get('br0');
    const trips = await travelling(() =>
      Promise.all([
        ...Array.from({ length: 50 }, (_, i) =>
          netns.routes.add({ destination: `10.1.${i}.0/24`, device: index }),
        ),
        ...Array.from({ length: 50 }, (_, i) =>
          netns.addresses.add({ device: index, address: `10.2.0.${i + 1}/32` }),
        ),
        ...Array.from({ length: 50 }, () => netns.links.get(index)),
      ]),
    );
    expect(trips.flat().length).toBe(150);
    // A queue this short goes in a few, so that the first are settled while the kernel is at work on the last.
    expect(trips.length).toBeLessThanOrEqual(5);
  });

  test('one alone is one trip', async () => {
    const trips = await travelling(() => netns.links.get('lo'));
    expect(trips).toEqual([['RTM_GETLINK']]);
  });

  test('a device’s name is asked for once in a burst', async () => {
    await ipIn(netns, 'link', 'add', 'br0', 'type', 'bridge');
    const start = performance.now();
    const trips = await travelling(() =>
      Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          netns.addresses.add({ device: 'br0', address: `10.0.0.${i + 1}/32` }),
        ),
      ),
    );
    // None where it is known from a moment ago, and still holds; what is known is forgotten every second.
    const seconds = Math.floor((performance.now() - start) / 1000);
    const asked = trips.flat().filter((name) => name === 'RTM_GETLINK').length;
    expect(asked).toBeLessThanOrEqual(1 + seconds);
  });
});
