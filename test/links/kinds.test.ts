// @kernels
// Links of every kind can be read, and used, whether nsnet makes them or not.
import { Bridge, type LinkInfo, Netns, OtherLink, Veth } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ipIn, shellIn } from '../netns/support/inside.js';

let netns: Netns;
let other: Netns;

/** Not every kernel has every kind. */
const made = new Set<string>();
const kinds: [string, string][] = [
  ['dummy', 'ip link add dummy0 type dummy'],
  ['ifb', 'ip link add ifb0 type ifb'],
  ['macvlan', 'ip link add link veth0 name macvlan0 type macvlan mode bridge'],
  ['macvtap', 'ip link add link veth0 name macvtap0 type macvtap'],
  ['vlan', 'ip link add link veth0 name vlan0 type vlan id 7'],
  ['tun', 'ip tuntap add dev tun0 mode tun'],
  ['sit', 'ip link add sit1 type sit local 127.0.0.1'],
  ['bond', 'ip link add bond0 type bond'],
];

beforeAll(async () => {
  [netns, other] = await Promise.all([Netns.create(), Netns.create()]);
  await Bridge.create({ netns, name: 'bridge0' });
  await Veth.create({ netns, name: 'veth0' }, { netns: other, name: 'veth1' });
  for (const [kind, command] of kinds) {
    await shellIn(netns, command).then(
      () => made.add(kind),
      () => {},
    );
  }
});
afterAll(async () => {
  await netns.close();
  await other.close();
});

test('this kernel has some that nsnet has no class for', () => {
  expect(made.size).toBeGreaterThan(0);
});

describe.each(kinds)('%s', (kind) => {
  test('is read as other, with Linux’s name of its kind', async ({ skip }) => {
    skip(!made.has(kind), 'not in this kernel');
    const name = kind === 'sit' ? 'sit1' : `${kind}0`;
    const link = await netns.links.get(name);
    expect(link).toBeInstanceOf(OtherLink);
    expect(link).toMatchObject({ name, kind: 'other', owned: false });
    const { info } = link as OtherLink;
    expect(info.options.type).toBe(kind);
    const [printed] = await ipIn(netns, 'link', 'show', 'dev', name);
    // 'M-DOWN' is the parent's.
    const flags = printed?.flags.filter((flag: string) => flag !== 'M-DOWN');
    expect(info).toMatchObject({ index: printed?.ifindex, mtu: printed?.mtu, up: false, flags });
    // null: bound to no device, which older kernels say of sit.
    expect(info.parent).toBe(printed?.link ?? undefined);
    if (printed?.linkinfo?.info_data) expect(info.options.raw[2]).toBeInstanceOf(Uint8Array);
    expect(structuredClone(info)).toEqual(info);
  });

  test('is renamed, set up and removed', async ({ skip }) => {
    skip(!made.has(kind), 'not in this kernel');
    const name = kind === 'sit' ? 'sit1' : `${kind}0`;
    const link = await netns.links.get(name);
    await link.set({ name: 'renamed', alias: 'with an alias' });
    expect((await ipIn(netns, 'link', 'show', 'dev', 'renamed'))[0]).toMatchObject({
      ifindex: link.index,
      ifalias: 'with an alias',
      linkinfo: { info_kind: kind },
    });
    await link.delete();
    await expect(netns.links.get('renamed')).rejects.toMatchObject({ code: 'ENODEV' });
  });
});

test('lo is one of the others, without a type', async () => {
  const lo = await netns.links.get('lo');
  expect(lo).toMatchObject({ kind: 'other', index: 1, info: { up: true, state: 'unknown', mtu: 65536 } });
  expect((lo.info as LinkInfo<'other'>).options).toEqual({ raw: {} });
  expect(lo.info.mac).toBe('00:00:00:00:00:00');
  await expect(lo.delete()).rejects.toMatchObject({ name: 'NsnetError', code: 'EOPNOTSUPP' });
});

test('the lower device is the parent; a cable’s far end is none', async () => {
  const veth = await netns.links.get('veth0');
  expect(veth.info.parent).toBeUndefined();
  expect(veth.kind === 'veth' && veth.info.options).toEqual({});
});
