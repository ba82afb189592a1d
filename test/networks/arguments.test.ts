// What cannot be meant is refused with a typed error, and nothing is changed.
import { Endpoint, Netns, Network, Scope } from 'nsnet';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { failure } from '../sockets/streams.js';
import { containers, expectSeen, hostOnLan, type Seen, seen } from './hosts.js';

const scope = new Scope();
let host: Netns;
let one: Netns;
let network: Network;
let internal: Network;
let before: Seen;

beforeAll(async () => {
  ({ host } = await hostOnLan(scope));
  [one] = (await containers(scope, 1)) as [Netns];
  network = await scope.use(Network.create({ netns: host, name: 'mynet', subnet: '10.1.0.0/24' }));
  internal = await scope.use(Network.create({ netns: host, name: 'internal', internal: true }));
});
afterAll(() => scope[Symbol.asyncDispose]());
beforeEach(async () => {
  before = await seen(host);
});

const TYPE = 'ERR_INVALID_ARG_TYPE';
const VALUE = 'ERR_INVALID_ARG_VALUE';
const RANGE = 'ERR_OUT_OF_RANGE';

async function refused(asked: Promise<unknown>, code: string | string[], about: string): Promise<void> {
  const error = await failure(asked);
  expect([code].flat(), `${about}: ${error.message}`).toContain(error.code);
  expect(error instanceof TypeError || error instanceof RangeError, about).toBe(true);
}

const create: [object, string | string[]][] = [
  ...[undefined, null, 1, '', ' ', 'a/b', '../x', '.a', '-a', 'a b', 'a\0', 'ä', 'a:b', 'x'.repeat(41)].map(
    (name): [object, string[]] => [{ name }, [TYPE, VALUE]],
  ),
  ...['', '10.0.0.0', '10.0.0.1/24', '10.0.0.0/31', '10.0.0.0/33', '0.0.0.0/0', 'fd00::/64', 1, null].map(
    (subnet): [object, string[]] => [{ subnet }, [TYPE, VALUE, RANGE]],
  ),
  ...['10.0.0.0/24', 'fd00::1/64', 'fd00::/127', '::/0', 1].map((subnet6): [object, string[]] => [
    { subnet6 },
    [TYPE, VALUE, RANGE],
  ]),
  ...['10.0.0.0', '10.0.0.255', '10.0.1.1', 'fd00::1', '10.0.0.1/24', 'x', 1].map(
    (gateway): [object, string[]] => [{ subnet: '10.0.0.0/24', gateway }, [TYPE, VALUE]],
  ),
  [{ gateway: '10.0.0.1' }, [TYPE, VALUE]],
  [{ subnet: '10.0.0.0/24', gateway6: 'fd00::1' }, [TYPE, VALUE]],
  [{ subnet6: 'fd00::/64', gateway6: 'fd01::1' }, VALUE],
  ...['10.0.1.0/28', '10.0.0.0/16', '10.0.0.1/28', 'fd00::/80', 'x', 1].map((range): [object, string[]] => [
    { subnet: '10.0.0.0/24', range },
    [TYPE, VALUE],
  ]),
  [{ range: '172.17.5.0/24' }, VALUE],
  ...[67, 65536, 1500.5, '1500', Number.NaN, null].map((mtu): [object, string[]] => [{ mtu }, [TYPE, RANGE]]),
  [{ subnet6: 'fd00::/64', mtu: 1279 }, RANGE],
  ...['', 'x'.repeat(16), 'a/b', 'a b', '.', 1, '*', 'e*', 'all', 'default'].map(
    (bridge): [object, string[]] => [{ bridge }, [TYPE, VALUE]],
  ),
  ...['internal', 'isolated', 'icc', 'masquerade', 'router'].flatMap((flag): [object, string][] => [
    [{ [flag]: 1 }, TYPE],
    [{ [flag]: 'yes' }, TYPE],
    [{ [flag]: null }, TYPE],
  ]),
  [{ isolated: true, internal: false }, [TYPE, VALUE]],
  [{ isolated: true, subnet: '10.0.0.0/24', gateway: '10.0.0.1' }, [TYPE, VALUE]],
  ...['bridge', '', null, 1].map((gatewayMode): [object, string[]] => [{ gatewayMode }, [TYPE, VALUE]]),
  ...['macvlan', '', null, 1].map((driver): [object, string[]] => [{ driver }, [TYPE, VALUE]]),
  ...[{}, 'x', 1, null].map((netns): [object, string] => [{ netns }, TYPE]),
  ...[{}, 'x', null].map((signal): [object, string] => [{ signal }, TYPE]),
  [{ what: 1 }, [TYPE, VALUE]],
  [{ id: 1 }, [TYPE, VALUE]],
  ...[0, 16777216, 1.5, '1', undefined].map((id): [object, string[]] => [
    { driver: 'vxlan', id, local: '192.0.2.10' },
    [TYPE, RANGE],
  ]),
  [{ driver: 'vxlan', id: 1 }, [TYPE, VALUE]],
  [{ driver: 'vxlan', id: 1, local: '192.0.2.10', peers: ['fd00::1'] }, VALUE],
  [{ driver: 'vxlan', id: 1, local: '192.0.2.10', peers: '192.0.2.1' }, [TYPE, VALUE]],
  [{ driver: 'vxlan', id: 1, local: '192.0.2.10', group: '239.1.1.1' }, [TYPE, VALUE]],
  [{ driver: 'vxlan', id: 1, local: '192.0.2.10', port: 0 }, RANGE],
];

test('create', async () => {
  for (const [options, code] of create)
    await refused(
      Network.create({ netns: host, name: 'x', ...options } as never),
      code,
      JSON.stringify(options),
    );
  for (const options of [undefined, null, 'mynet', 1])
    await refused(Network.create(options as never), TYPE, String(options));
  await expectSeen(host, before);
});

test('what is refused is said in words that lead on', async () => {
  const words = async (options: object) =>
    (await failure(Network.create({ netns: host, name: 'x', ...options } as never))).message;
  const unknown = await words({ subnets: '10.0.0.0/24' });
  expect(unknown).toMatch(/^Unknown key 'subnets' in options: did you mean 'subnet'\? Known: name, /);
  expect(unknown.match(/\bsignal\b/g)).toHaveLength(1);
  expect(await words({ local: '192.0.2.10' })).toBe("local needs driver: 'vxlan'");
  expect(await words({ subnet: 'fd00::/64' })).toContain('subnet6 takes IPv6');
  expect(await words({ subnet6: '10.0.0.0/24' })).toContain('subnet takes IPv4');
  expect((await failure(network.disconnect('nobody'))).message).toContain('Nothing is connected to it');
});

const connect: [object, string | string[]][] = [
  ...['', '.', 'a/b', '../x', '-a', 'a b', 'a:b', 'x'.repeat(64), 1, null].map((name): [object, string[]] => [
    { name },
    [TYPE, VALUE],
  ]),
  ...['www', { 0: 'a' }, [1], [''], ['a b'], ['a', null]].map((aliases): [object, string[]] => [
    { aliases },
    [TYPE, VALUE],
  ]),
  ...['10.1.0.0', '10.1.0.255', '10.1.0.1', '10.2.0.2', 'fd00::2', '10.1.0.2/24', '10.1.0', '', 1, null].map(
    (address): [object, string[]] => [{ address }, [TYPE, VALUE]],
  ),
  [{ address6: 'fd00::2' }, [TYPE, VALUE]],
  ...['', '02:00', '02-00-00-00-00-01', 'x', 1, null].map((mac): [object, string[]] => [
    { mac },
    [TYPE, VALUE],
  ]),
  // To several, and to none.
  [{ mac: '01:00:5e:00:00:01' }, VALUE],
  [{ mac: '00:00:00:00:00:00' }, VALUE],
  ...[
    '80',
    [''],
    ['x'],
    ['80:'],
    ['0'],
    ['65536'],
    ['1:2:3:4'],
    ['8080:80/icmp'],
    [null],
    [{}],
    ['1-3:1-2'],
  ].map((publish): [object, string[]] => [{ publish }, [TYPE, VALUE, RANGE]]),
  [{ resolver: 1 }, TYPE],
  [{ signal: {} }, TYPE],
  [{ ip: '10.1.0.2' }, [TYPE, VALUE]],
];

test('connect', async () => {
  for (const [options, code] of connect)
    await refused(network.connect(one, options as never), code, JSON.stringify(options));
  for (const options of [null, 'web', 1])
    await refused(network.connect(one, options as never), TYPE, String(options));
  await refused(internal.connect(one, { publish: ['80'] }), [TYPE, VALUE], 'internal');
  for (const target of [undefined, null, {}, 'web', '1', network])
    await refused(network.connect(target as never), TYPE, String(target));
  for (const target of [0, -1, 1.5, Number.NaN, 2 ** 31])
    await refused(network.connect(target), [RANGE, TYPE], String(target));
  // A program with the host's own network, as docker run --network host has it.
  await using program = await host.spawn('sleep', ['30'], { stdio: 'ignore' });
  for (const target of [host, program, program.pid])
    await refused(network.connect(target), VALUE, `the host as ${target}`);
  const closed = await Netns.create();
  await closed.close();
  expect(await failure(network.connect(closed))).toMatchObject({ code: 'ERR_NSNET_CLOSED' });
  expect(await failure(network.connect(0x7fffffff))).toMatchObject({ code: 'ESRCH' });
  await expectSeen(host, before);
  expect(await one.links.list()).toHaveLength(1);
});

describe('others', () => {
  test('open, list, gc', async () => {
    for (const name of [undefined, '', 'a b', 1])
      await refused(Network.open(name as never), [TYPE, VALUE], String(name));
    for (const place of [null, 1, { netns: {} }, { signal: 1 }, { name: 'x' }]) {
      const about = JSON.stringify(place);
      await refused(Network.open('mynet', place as never), [TYPE, VALUE], about);
      await refused(Network.list(place as never), [TYPE, VALUE], about);
      await refused(Network.gc(place as never), [TYPE, VALUE], about);
    }
  });

  test('disconnect, remove, inspect', async () => {
    for (const name of [undefined, '', 'a b', 1])
      await refused(network.disconnect(name as never), [TYPE, VALUE], String(name));
    await refused(network.disconnect('x', { signal: 1 } as never), TYPE, 'signal');
    await refused(network.inspect({ signal: 1 } as never), TYPE, 'signal');
    await refused(network.inspect(null as never), TYPE, 'null');
    await refused(network.disconnect('x', null as never), TYPE, 'null');
    for (const options of [null, 1, { force: 1 }, { signal: 1 }, { forced: true }])
      await refused(network.remove(options as never), [TYPE, VALUE], JSON.stringify(options));
    await expectSeen(host, before);
  });

  test('new', () => {
    expect(() => new (Network as never as { new (): unknown })()).toThrow(TypeError);
    expect(() => new (Endpoint as never as { new (): unknown })()).toThrow(TypeError);
  });
});
