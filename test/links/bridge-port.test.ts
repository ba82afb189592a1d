// @kernels
// What a port of a bridge is set to, link groups, and a bridge's own options, with ip and bridge as witnesses.
import { Bridge, type BridgePort, Netns, Veth } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ipIn, runIn, shellIn } from '../netns/support/inside.js';
import { expectState, stateOf } from '../netns/support/state.js';

let netns: Netns;
let bridge: Bridge;
let other: Netns;
beforeEach(async () => {
  [netns, other] = await Promise.all([Netns.create(), Netns.create()]);
  // Detection of duplicates adds routes in its own time.
  for (const each of [netns, other]) await each.sysctl('net.ipv6.conf.default.disable_ipv6', 1);
  bridge = await Bridge.create({ netns, name: 'br0', up: true });
});
afterEach(async () => {
  await netns.close();
  await other.close();
});

const cable = (bridgePort?: BridgePort) =>
  Veth.create(
    { netns, name: 'p', master: bridge, bridgePort, up: true },
    { netns: other, name: 'q', up: true },
  );

const printed = async () =>
  JSON.parse(await runIn(netns, 'bridge', '-j', '-d', 'link', 'show', 'dev', 'p'))[0];

/** Each setting, the word of `bridge link set`, and the key under which `bridge -j` has it. */
const flags: [keyof BridgePort, string, string][] = [
  ['hairpin', 'hairpin', 'hairpin'],
  ['isolated', 'isolated', 'isolated'],
  ['learning', 'learning', 'learning'],
  ['flood', 'flood', 'flood'],
  ['broadcastFlood', 'bcast_flood', 'bcast_flood'],
  ['multicastFlood', 'mcast_flood', 'mcast_flood'],
  ['multicastToUnicast', 'mcast_to_unicast', 'mcast_to_unicast'],
  ['neighSuppress', 'neigh_suppress', 'neigh_suppress'],
  ['guard', 'guard', 'guard'],
  ['rootBlock', 'root_block', 'root_block'],
  ['fastLeave', 'fastleave', 'fastleave'],
  ['locked', 'locked', 'locked'],
  ['vlanTunnel', 'vlan_tunnel', 'vlan_tunnel'],
];

describe('a port of a bridge', () => {
  test.each(flags)('%s is what `bridge link set` calls %s', async (name, word, key) => {
    const { a } = await cable();
    const usual = a.info.bridgePort?.[name] as boolean;
    expect((await printed())[key]).toBe(usual);
    await a.set({ bridgePort: { [name]: !usual } });
    expect(a.info.bridgePort?.[name]).toBe(!usual);
    expect((await printed())[key]).toBe(!usual);
    await shellIn(netns, `bridge link set dev p ${word} ${usual ? 'on' : 'off'}`);
    expect((await a.refresh()).info.bridgePort?.[name]).toBe(usual);
  });

  test('at its making, at both ends of a cable', async () => {
    const there = await Bridge.create({ netns: other, name: 'br1' });
    const { a, b } = await Veth.create(
      { netns, name: 'p', master: bridge, bridgePort: { hairpin: true, cost: 7 } },
      {
        netns: other,
        name: 'q',
        master: 'br1',
        bridgePort: { isolated: true, learning: false, priority: 9 },
      },
    );
    expect(a.info.bridgePort).toMatchObject({ hairpin: true, isolated: false, cost: 7, priority: 32 });
    expect(b.info.bridgePort).toMatchObject({ hairpin: false, isolated: true, learning: false, priority: 9 });
    expect(await printed()).toMatchObject({ hairpin: true, isolated: false, cost: 7 });
    expect(there.info.bridgePort).toBeUndefined();
    const inner = await Bridge.create({ netns: other, name: 'br2' });
    expect(inner.info).not.toHaveProperty('bridgePort');
    const [found] = await netns.links.list({ master: bridge });
    expect(found?.info.bridgePort).toEqual(a.info.bridgePort);
  });

  test('together with its master, and what was read is taken', async () => {
    const { a } = await Veth.create({ netns, name: 'p' }, { netns: other, name: 'q' });
    await a.set({ master: 'br0', bridgePort: { isolated: true } });
    expect(a.info).toMatchObject({
      master: 'br0',
      bridgePort: { isolated: true },
      bridgePortState: 'disabled',
    });
    const { bridgePort } = a.info;
    await a.set({ master: null });
    expect(a.info.bridgePort).toBeUndefined();
    await a.set({ master: bridge, bridgePort });
    expect(a.info.bridgePort).toEqual(bridgePort);
  });

  test('its state', async () => {
    const { a } = await Veth.create({ netns, name: 'p', master: bridge }, { netns: other, up: true });
    expect(a.info.bridgePortState).toBe('disabled');
    await a.up();
    await a.ready();
    expect((await a.refresh()).info.bridgePortState).toBe('forwarding');
    expect(await printed()).toMatchObject({ state: 'forwarding' });
  });

  test('no port: EOPNOTSUPP, and with another kind of master as well', async () => {
    const { a } = await Veth.create({ netns, name: 'p' }, { netns: other, name: 'q' });
    await expect(a.set({ bridgePort: { guard: true } })).rejects.toMatchObject({
      code: 'EOPNOTSUPP',
      syscall: 'RTM_SETLINK',
      hint: 'The link is no port of a bridge: give `master` as well',
    });
  });

  test('a master that is none: nothing is left', async () => {
    await using first = await Veth.create({ netns, name: 'p' }, { netns: other, name: 'q' });
    const before = await stateOf(netns, other);
    await expect(
      Veth.create({ netns, master: first.a, bridgePort: { guard: true } }, { netns: other }),
    ).rejects.toMatchObject({ code: 'EOPNOTSUPP' });
    await expectState(before, 'afterwards', netns, other);
  });

  test.each([
    [{ hairpin: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ hairpn: true }, 'ERR_INVALID_ARG_VALUE'],
    [{ cost: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ cost: 65_536 }, 'ERR_OUT_OF_RANGE'],
    [{ priority: 64 }, 'ERR_OUT_OF_RANGE'],
    [{ state: 'forwarding' }, 'ERR_INVALID_ARG_VALUE'],
    [true, 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
  ])('%j is refused, and nothing is changed', async (bridgePort, code) => {
    const { a } = await cable();
    const before = await stateOf(netns);
    await expect(a.set({ bridgePort: bridgePort as BridgePort })).rejects.toMatchObject({ code });
    await expect(
      Veth.create({ netns, master: bridge, bridgePort: bridgePort as BridgePort }, { netns: other }),
    ).rejects.toMatchObject({ code });
    await expectState(before, 'afterwards', netns);
  });

  test('without a master there is no port to set', async () => {
    await expect(Bridge.create({ netns, bridgePort: { guard: true } })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: 'options.bridgePort needs a bridge as its `master`',
    });
  });

  test('a watch tells of what `bridge link set` changes', async () => {
    await cable();
    const watch = netns.links.watch({ snapshot: false });
    const next = watch.next();
    await shellIn(netns, 'bridge link set dev p isolated on');
    for (let result = await next; ; result = await watch.next()) {
      const { value } = result;
      if (value?.value.name === 'p' && value.value.info.bridgePort?.isolated) break;
    }
    await watch.return?.();
  });

  test('isolated ports do not reach each other', async () => {
    const third = await Netns.create();
    const ends = { netns, master: bridge, up: true, bridgePort: { isolated: true } };
    const a = await Veth.create(ends, { netns: other, name: 'e', addresses: ['10.0.0.1/24'], up: true });
    await Veth.create(ends, { netns: third, name: 'e', addresses: ['10.0.0.2/24'], up: true });
    const ping = async () => (await other.ping('10.0.0.2', { count: 3, interval: 500 })).received;
    expect(await ping()).toBe(0);
    await a.a.set({ bridgePort: { isolated: false } });
    expect(await ping()).toBeGreaterThan(0);
    await third.close();
  });
});

describe('a group', () => {
  // Older versions of ip print an empty object for each link that is left out.
  const inGroup = async (group: string) =>
    (await ipIn(netns, 'link', 'show', 'group', group)).flatMap(({ ifname }) => ifname ?? []).sort();

  test('at its making, of both ends, and later', async () => {
    const { a, b } = await Veth.create(
      { netns, name: 'p', linkGroup: 7 },
      { netns: other, name: 'q', linkGroup: 0xffff_ffff },
    );
    expect([a.info.linkGroup, b.info.linkGroup, bridge.info.linkGroup]).toEqual([7, 0xffff_ffff, 0]);
    expect(await inGroup('7')).toEqual(['p']);
    await a.set({ linkGroup: 9 });
    await bridge.set({ linkGroup: 9, mtu: 1400 });
    expect(await netns.links.describe()).toContain('group 9');
    expect(await inGroup('9')).toEqual(['br0', 'p']);
    expect((await netns.links.get('p')).info.linkGroup).toBe(9);
    await a.set({ linkGroup: 0 });
    expect(a.info.linkGroup).toBe(0);
  });

  test.each([-1, 1.5, 2 ** 32, '7'])('%j is refused', async (group) => {
    const refused = { code: typeof group === 'string' ? 'ERR_INVALID_ARG_TYPE' : 'ERR_OUT_OF_RANGE' };
    await expect(bridge.set({ linkGroup: group as number })).rejects.toMatchObject(refused);
    await expect(Bridge.create({ netns, linkGroup: group as number })).rejects.toMatchObject(refused);
  });
});

describe('a bridge', () => {
  test.each([
    ['nfCallIptables', 'nf_call_iptables', 1],
    ['nfCallIp6tables', 'nf_call_ip6tables', 1],
    ['nfCallArptables', 'nf_call_arptables', 1],
    ['multicastSnooping', 'mcast_snooping', 0],
  ] as const)('%s is what ip calls %s', async (name, key, value) => {
    const made = await Bridge.create({ netns, name: 'br1', [name]: value === 1 });
    const data = async () => (await ipIn(netns, 'link', 'show', 'br1'))[0]?.linkinfo.info_data[key];
    expect(made.info.options[name]).toBe(value === 1);
    expect(await data()).toBe(value);
    await made.set({ [name]: value === 0 });
    expect(made.info.options[name]).toBe(value === 0);
    expect(await data()).toBe(1 - value);
    await expect(made.set({ [name]: value })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
  });
});
