// Compiled, never run: links narrow by kind and by instanceof, and wrong options are refused by the compiler.
import {
  type AnyLink,
  Bridge,
  Link,
  type LinkInfo,
  type LinkKinds,
  type LinkRef,
  Netns,
  OtherLink,
  Veth,
  type VethPair,
  Vxlan,
} from 'nsnet';
import type { Equal, Expect } from './assert.js';

export async function narrowing(netns: Netns): Promise<void> {
  const link: AnyLink = await netns.links.get('eth0');

  if (link.kind === 'bridge') {
    const bridge: Bridge = link;
    const ports: Promise<Link[]> = bridge.ports();
    const stp: boolean | undefined = link.info.options.stp;
    // @ts-expect-error: a bridge has no far end
    link.peer();
    void [ports, stp];
  } else if (link.kind === 'veth') {
    const peer: Veth | undefined = await link.peer();
    // @ts-expect-error: a cable has no ports
    link.ports();
    void peer;
  } else if (link.kind === 'vxlan') {
    const vxlan: Vxlan = link;
    const id: number = vxlan.info.options.id;
    void id;
  } else {
    const other: OtherLink = link;
    const raw: Record<number, Uint8Array> = other.info.options.raw;
    // @ts-expect-error: no such option
    void other.info.options.stp;
    void raw;
  }

  if (link instanceof Veth) {
    const kind: 'veth' = link.kind;
    void (kind satisfies keyof LinkKinds);
  }
  if (link instanceof OtherLink) {
    const type: string | undefined = link.info.options.type;
    void type;
  }

  // @ts-expect-error: no such kind
  if (link.kind === 'teapot') void link;

  // Every kind has a branch above.
  type Kinds = AnyLink['kind'];
  type _Kinds = Expect<Equal<Kinds, 'veth' | 'bridge' | 'vxlan' | 'other'>>;
}

export async function reading(link: AnyLink, pair: VethPair): Promise<void> {
  type _Netns = Expect<Equal<typeof link.netns, Netns>>;
  const info: LinkInfo = link.info;
  const { index, name, up, state, mtu, altNames } = info;
  type _Fields = Expect<
    Equal<
      [typeof index, typeof name, typeof up, typeof state, typeof mtu, typeof altNames],
      [number, string, boolean, string, number, string[]]
    >
  >;
  const mac: string | undefined = info.mac;
  // @ts-expect-error: it may have none
  const always: string = info.mac;
  const [a, b] = pair;
  const ends: (Veth | undefined)[] = [a, b];
  const first: Veth = pair.a;
  // @ts-expect-error: constants
  link.index = 5;
  // @ts-expect-error: constants
  pair.a = first;
  const { rxBytes, txPackets }: { rxBytes: number; txPackets: number } = await link.stats();
  const same: AnyLink = await link.refresh();
  void [mac, always, ends, rxBytes, txPackets, same];
}

export async function making(netns: Netns, signal: AbortSignal): Promise<void> {
  const bridge: Bridge = await Bridge.create({
    ...{
      netns,
      name: 'br0',
      up: true,
      mtu: 1400,
      mac: '02:00:00:00:00:01',
      alias: 'a',
      altNames: ['b'],
      master: null,
    },
    addresses: ['10.0.0.1/24', { address: 'fd00::1/64', dad: false, valid: 1000 }],
    ...{ stp: true, vlanFiltering: false, ageingTime: 1000, signal },
  });
  const pair: VethPair = await Veth.create(
    { netns, master: bridge },
    { netns: await Netns.create(), name: 'eth0' },
  );
  const refs: LinkRef[] = [bridge, pair.a, 'eth0', 5];

  const vxlan = await Vxlan.create({
    netns,
    id: 42,
    local: '10.0.0.1',
    parent: bridge,
    ttl: 'inherit',
    port: 4789,
  });
  await vxlan.set({ remote: '10.0.0.2', bridgePort: { learning: false }, linkGroup: 7 });
  // @ts-expect-error: a network has a number
  await Vxlan.create({ netns });

  // @ts-expect-error: netns is required, nothing configures the host by being forgotten
  await Bridge.create({ name: 'br0' });
  // @ts-expect-error: of both ends
  await Veth.create({ netns }, { name: 'eth0' });
  // @ts-expect-error: a cable has two ends
  await Veth.create({ netns });
  // @ts-expect-error: an object, not its name
  await Bridge.create({ netns: 'test1' });
  // @ts-expect-error: an option of bridges
  await Veth.create({ netns, stp: true }, { netns });
  // @ts-expect-error: misspelt
  await Bridge.create({ netns, nmae: 'x' });
  // @ts-expect-error: of another type
  await Bridge.create({ netns, mtu: '1500' });
  // @ts-expect-error: an address belongs to the link, whose device is not given again
  await Bridge.create({ netns, addresses: [{ device: 'eth0', address: '10.0.0.1/24' }] });
  // @ts-expect-error: only kinds that can be made have create()
  await Link.create({ netns });
  // @ts-expect-error: nor the others
  await OtherLink.create({ netns });
  void refs;
}

export async function changing(veth: Veth, bridge: Bridge, any: AnyLink, to: Netns): Promise<void> {
  await veth.set({ name: 'eth0', mtu: 1400, master: bridge, altNames: [], alias: '' });
  await bridge.set({ stp: true, master: null });
  await any.set({ mtu: 1400 });
  await veth.moveTo(to, { name: 'eth0', addresses: ['10.0.0.1/24'], up: true });
  await veth.addAddress('10.0.0.1/24');
  await veth.addAddress({ address: '10.0.0.1/24', label: 'eth0:x' });
  await veth.ready({ signal: AbortSignal.timeout(1000) });
  // @ts-expect-error: an option of bridges
  await veth.set({ stp: true });
  // @ts-expect-error: up() and down() do that
  await veth.set({ up: true });
  // @ts-expect-error: addAddress() does that
  await veth.set({ addresses: [] });
  // @ts-expect-error: moveTo() does that
  await veth.set({ netns: to });
  // @ts-expect-error: not by its name
  await veth.moveTo('test2');
  // @ts-expect-error: not while it is moved
  await veth.moveTo(to, { mtu: 1400 });
  // @ts-expect-error: the prefix is part of the address
  await veth.addAddress('10.0.0.1', 24);
}
