// Routes that cannot be, and routes that are looked for.
import { Bridge, Netns, type RouteSpec } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectState, stateOf } from './support/state.js';

let netns: Netns;
let device: Bridge;
beforeAll(async () => {
  netns = await Netns.create();
  device = await Bridge.create({ netns, name: 'br0', up: true, addresses: ['10.0.0.1/24'] });
  await device.set({ altNames: ['the-bridge'] });
  await netns.sysctl('net.ipv6.conf.br0.disable_ipv6', true);
});
afterAll(() => netns.close());

describe('refused before anything is sent', () => {
  const malformed = [
    ...[
      '',
      'everywhere',
      '10.9.0.0',
      '10.9.0.0/',
      '10.9.0.0/33',
      '10.9.0.0/016',
      '10.9.0/16',
      '10.9.0.0/16/16',
    ],
    ...['010.9.0.0/16', '10.9.0.0 /16', 'fd09::', 'fd09::/129', 'fd09:::/32', 'DEFAULT', '10.9.0.0/16\0'],
  ];
  test.each(malformed)('%j as a destination', async (destination) => {
    const before = await stateOf(netns);
    for (const call of ['add', 'replace', 'delete'] as const) {
      await expect(netns.routes[call]({ destination, device })).rejects.toMatchObject({
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_VALUE',
      });
    }
    await expectState(before, 'afterwards', netns);
  });

  test.each([
    ['10.9.0.1/16', '10.9.0.0/16'],
    ['10.0.0.1/0', '0.0.0.0/0'],
    ['fd09::1/32', 'fd09::/32'],
    ['fd09:0:0:ffff::/49', 'fd09:0:0:8000::/49'],
  ])('%s has bits beyond its prefix: %s is suggested', async (destination, canonical) => {
    await expect(netns.routes.add({ destination, device })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining(`'${canonical}'`),
    });
  });

  const destination = '10.9.0.0/16';
  test.each([
    [{}, 'ERR_INVALID_ARG_TYPE'],
    [{ destination: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{ destination, gateway: '10.0.0.2/24' }, 'ERR_INVALID_ARG_VALUE'],
    [{ destination, gateway: 'router' }, 'ERR_INVALID_ARG_VALUE'],
    [{ destination, gateway: 'fd00::2' }, 'ERR_INVALID_ARG_VALUE'],
    [{ destination, family: 'inet6' }, 'ERR_INVALID_ARG_VALUE'],
    [{ destination, family: 'inet4' }, 'ERR_INVALID_ARG_VALUE'],
    [{ destination, source: 'fd00::1' }, 'ERR_INVALID_ARG_VALUE'],
    [{ destination, metric: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ destination, metric: 2 ** 32 }, 'ERR_OUT_OF_RANGE'],
    [{ destination, metric: '5' }, 'ERR_INVALID_ARG_TYPE'],
    [{ destination, table: 'mine' }, 'ERR_INVALID_ARG_VALUE'],
    [{ destination, table: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ destination, table: null }, 'ERR_INVALID_ARG_TYPE'],
    [{ destination, scope: 'everywhere' }, 'ERR_INVALID_ARG_VALUE'],
    [{ destination, scope: 256 }, 'ERR_OUT_OF_RANGE'],
    [{ destination, protocol: 'hearsay' }, 'ERR_INVALID_ARG_VALUE'],
    [{ destination, type: 'hole' }, 'ERR_INVALID_ARG_VALUE'],
    [{ destination, device: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ destination, device: null }, 'ERR_INVALID_ARG_TYPE'],
    [{ destination, nextHops: [] }, 'ERR_INVALID_ARG_TYPE'],
    [{ destination, nextHops: [{ gateway: '10.0.0.2', weight: 0 }] }, 'ERR_OUT_OF_RANGE'],
    [{ destination, nextHops: [{ gateway: '10.0.0.2', weight: 257 }] }, 'ERR_OUT_OF_RANGE'],
    [{ destination, nextHops: [{ gateway: 'fd00::2' }] }, 'ERR_INVALID_ARG_VALUE'],
    [{ destination, nextHops: [{ via: '10.0.0.2' }] }, 'ERR_INVALID_ARG_VALUE'],
    [{ destination, dev: 'br0' }, 'ERR_INVALID_ARG_VALUE'],
  ])('%j', async (spec, code) => {
    const before = await stateOf(netns);
    await expect(netns.routes.add(spec as never)).rejects.toMatchObject({ code });
    await expectState(before, 'afterwards', netns);
  });

  test('a device of another namespace', async () => {
    await using other = await Netns.create();
    await using foreign = await Bridge.create({ netns: other, name: 'other0' });
    for (const spec of [{ device: foreign }, { nextHops: [{ device: foreign }] }]) {
      await expect(netns.routes.add({ destination, ...spec })).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
        message: expect.stringContaining('not of'),
      });
    }
  });
});

describe('refused by the kernel, in its words', () => {
  test.each<[RouteSpec, object]>([
    [
      { destination: '10.9.0.0/16', gateway: '10.7.7.7' },
      { code: 'ENETUNREACH', hint: expect.any(String) },
    ],
    [
      { destination: '10.9.0.0/16', device: 'nothing' },
      { code: 'ENODEV', subject: expect.any(String) },
    ],
    [{ destination: '10.9.0.0/16', device: 9999 }, { code: 'ENODEV' }],
    [{ destination: '10.0.0.0/24', device: 'br0', scope: 'link' }, { code: 'EEXIST' }],
    [
      { destination: '10.9.0.0/16', device: 'br0', source: '10.7.7.7' },
      { code: 'EINVAL', kernel: expect.any(String) },
    ],
    [{ destination: '10.9.0.0/16', nextHops: [{ device: 'nothing' }] }, { code: 'ENODEV' }],
  ])('%j', async (spec, error) => {
    const before = await stateOf(netns);
    await expect(netns.routes.add(spec)).rejects.toMatchObject({ name: 'NsnetError', ...error });
    await expectState(before, 'afterwards', netns);
  });

  test('by a device that is down', async () => {
    await using down = await Bridge.create({ netns, name: 'br-down' });
    await expect(netns.routes.add({ destination: '10.9.0.0/16', device: down })).rejects.toMatchObject({
      code: 'ENETDOWN',
      hint: 'The device is down',
    });
  });

  test('what is not there cannot be deleted', async () => {
    await expect(netns.routes.delete({ destination: '10.9.0.0/16' })).rejects.toMatchObject({
      code: 'ESRCH',
      syscall: 'RTM_DELROUTE',
      subject: 'route to 10.9.0.0/16 in an unnamed netns',
    });
  });
});

describe('list()', () => {
  beforeAll(async () => {
    await netns.routes.add({
      destination: '10.1.0.0/16',
      gateway: '10.0.0.2',
      protocol: 'static',
      metric: 5,
    });
    await netns.routes.add({ destination: '10.2.0.0/16', device, table: 99 });
    await netns.routes.add({ destination: '10.3.0.0/16', type: 'blackhole' });
  });
  const found = async (filter: object) =>
    (await netns.routes.list({ family: 'inet', ...filter })).map(({ destination }) => destination);

  test.each([
    [{}, ['10.0.0.0/24', '10.1.0.0/16', '10.3.0.0/16']],
    [{ table: 99 }, ['10.2.0.0/16']],
    [{ table: 12345 }, []],
    [{ destination: '10.1.0.0/16' }, ['10.1.0.0/16']],
    [{ gateway: '10.0.0.2' }, ['10.1.0.0/16']],
    [{ protocol: 'static' }, ['10.1.0.0/16']],
    [{ metric: 5 }, ['10.1.0.0/16']],
    [{ type: 'blackhole' }, ['10.3.0.0/16']],
    [{ device: 'br0' }, ['10.0.0.0/24', '10.1.0.0/16']],
    [{ device: 'the-bridge' }, ['10.0.0.0/24', '10.1.0.0/16']],
    [{ device: 'nothing' }, []],
    [{ scope: 'link' }, ['10.0.0.0/24']],
    [{ source: '10.0.0.1' }, ['10.0.0.0/24']],
  ])('with %j', async (filter, destinations) => {
    expect(await found(filter)).toEqual(destinations);
  });

  test('with a link, or its index', async () => {
    expect(await found({ device })).toEqual(['10.0.0.0/24', '10.1.0.0/16']);
    expect(await found({ device: device.index })).toEqual(['10.0.0.0/24', '10.1.0.0/16']);
  });

  test('of unicast routes alone', async () => {
    expect(await found({ type: 'unicast' })).toEqual(['10.0.0.0/24', '10.1.0.0/16']);
  });

  test.each([{ tabel: 1 }, { family: 'inet4' }, { table: 'mine' }, { device: 0 }])(
    'refuses %j',
    async (filter) => {
      await expect(async () => netns.routes.list(filter as never)).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_(INVALID_ARG_VALUE|OUT_OF_RANGE)$/),
      });
    },
  );
});
