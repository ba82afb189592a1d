// Compiled, never run: networks take what a program would write, and the compiler refuses what nobody can mean.
import {
  type ConnectToOptions,
  type Endpoint,
  type Netns,
  Network,
  type NetworkInfo,
  NetworkSandbox,
  type Published,
  type PublishedProtocol,
  type PublishedSpec,
  type Veth,
} from 'nsnet';
import type { Equal, Expect } from './assert.js';

export async function networks(netns: Netns, pid: number): Promise<void> {
  const network: Network = await Network.create({ name: 'mynet' });
  const driver = 'vxlan';
  await Network.create({ name: 'n', driver, id: 1, local: '192.0.2.1', peers: [], subnet: '10.9.0.0/16' });
  // @ts-expect-error: without the driver it does nothing
  await Network.create({ name: 'n', id: 1, local: '192.0.2.1' });
  // @ts-expect-error: no such option
  await Network.create({ name: 'n', subnets: '10.9.0.0/16' });
  // @ts-expect-error: needed
  await Network.create({ name: 'n', driver });
  // @ts-expect-error: names of other engines' containers are not known
  await network.connect('web');
  const list: NetworkInfo[] = await Network.list({ netns });
  await network.connect(pid, { name: 'web', aliases: ['www'], publish: ['8888:80', { containerPort: 80 }] });

  const endpoint: Endpoint = await network.connect(netns);
  const link: Veth = endpoint.link;
  const inside: Netns = endpoint.netns;
  const sandbox = await NetworkSandbox.create('bridge', { netns: inside });
  await network.connect(sandbox.netns);
  void [list, link];
}

export type Ports = Expect<Equal<Endpoint['published'], Published[]>>;
export type Wanted = Expect<Equal<ConnectToOptions['publish'], (string | PublishedSpec)[] | undefined>>;
export type Protocol = Expect<Equal<Published['protocol'], PublishedProtocol>>;
