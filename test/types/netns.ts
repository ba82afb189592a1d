// Compiled, never run: namespaces and their collections.
import { createSocket } from 'node:dgram';
import { get } from 'node:http';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import {
  type Address,
  type AddressSpec,
  type AnyLink,
  type Change,
  type Collection,
  type Handle,
  type Listing,
  Namespace,
  type NamespaceInfo,
  Netns,
  NsnetError,
  type Route,
  type RouteSpec,
  Scope,
  type View,
} from 'nsnet';
import type { Equal, Expect } from './assert.js';

export async function making(signal: AbortSignal): Promise<void> {
  const anonymous: Netns = await Netns.create();
  const named: Netns = await Netns.create('test1');
  const all: Netns = await Netns.create({ name: 'test1', loopback: false, signal });
  const user: Namespace = await Namespace.create('user');
  await Netns.create({ user });
  const opened: Netns[] = [
    await Netns.open('test1'),
    await Netns.open({ path: '/proc/1/ns/net' }),
    await Netns.open({ fd: 5 }),
    await Netns.ofProcess(5),
    await Netns.ofProcess({ pid: 5 }),
    await Netns.current(),
  ];
  const infos: NamespaceInfo[] = await Netns.list();
  for (const info of infos) opened.push(await Netns.open(info));
  for (const info of await Namespace.list({ type: 'mnt', signal })) {
    const some: Namespace = await Namespace.open(info);
    const numbers: (number | undefined)[] = [info.id, info.uniqueId, info.uid, info.owner, info.parent];
    void [some, numbers];
  }

  // @ts-expect-error: misspelt
  await Netns.create({ nmae: 'test1' });
  // @ts-expect-error: of another type
  await Netns.create({ loopback: 'no' });
  // @ts-expect-error: which one?
  await Netns.open();
  // @ts-expect-error: a number is no source: { fd } or ofProcess(pid)
  await Netns.open(5);
  // @ts-expect-error: made by create()
  void new Netns();
  // @ts-expect-error: a pid namespace needs a process in it
  await Namespace.create('pid');
  // @ts-expect-error: no such type
  await Namespace.current('disk');
  void [anonymous, named, all];
}

export async function reading(netns: Netns): Promise<void> {
  type _Type = Expect<Equal<typeof netns.type, 'net'>>;
  const numbers: number[] = [netns.id, netns.fd];
  const name: string | undefined = netns.name;
  // @ts-expect-error: an anonymous one has none
  const always: string = netns.name;
  // @ts-expect-error: constants
  netns.name = 'x';
  const handle: Handle = netns;
  const owned: boolean = handle.owned;
  const same: Netns = netns.release();
  const owner: Namespace<'user'> = await netns.owner();
  await netns.attach('other');
  await netns.delete();
  await netns.close();
  await netns[Symbol.asyncDispose]();
  void [numbers, name, always, owned, same, owner];
}

export async function sysctls(netns: Netns): Promise<void> {
  const value: string = await netns.sysctl('net.ipv4.ip_forward');
  await netns.sysctl('net.ipv4.ip_forward', true);
  await netns.sysctl('net.ipv4.ip_default_ttl', 64);
  await netns.sysctl('net.ipv4.ip_local_port_range', '1 2');
  // @ts-expect-error: text, a number or a truth
  await netns.sysctl('net.ipv4.ip_forward', null);
  void value;
}

export async function collections(netns: Netns, signal: AbortSignal): Promise<void> {
  const addresses: Collection<AddressSpec, Address> = netns.addresses;
  const routes: Collection<RouteSpec, Route> = netns.routes;
  const links: Pick<View<AnyLink, object>, 'list' | 'describe'> = netns.links;

  // A listing is awaited, or looped over.
  const listing: Listing<Route> = netns.routes.list({ family: 'inet', table: 'all', signal });
  const listed: Route[] = await netns.routes.list();
  for await (const route of listing) {
    type _Route = Expect<Equal<typeof route, Route>>;
    const { destination, family, table, scope, protocol } = route;
    const texts: (string | number)[] = [destination, family, table, scope, protocol];
    const device: string | undefined = route.device;
    void [texts, device];
  }
  // What is listed is taken.
  for (const route of listed) await netns.routes.replace(route);
  for (const address of await netns.addresses.list({ device: 'eth0' })) {
    const device: string = address.device;
    await netns.addresses.delete(address, { signal });
    void device;
  }
  const found: AnyLink[] = await netns.links.list({ kind: 'veth', up: true, master: 'br0' });
  const text: string = await netns.links.describe({ up: true });

  await netns.addresses.add({
    device: 'eth0',
    address: '10.0.0.1/24',
    peer: '10.0.0.2/24',
    valid: 1000,
    preferred: 500,
    dad: false,
  });
  await netns.routes.add({
    destination: 'default',
    gateway: '10.0.0.1',
    metric: 5,
    table: 100,
    scope: 'link',
    protocol: 3,
  });
  await netns.routes.add({
    destination: '10.9.0.0/16',
    nextHops: [{ gateway: '10.0.0.1', weight: 2 }, { device: 'eth0' }],
  });

  // @ts-expect-error: on which device?
  await netns.addresses.add({ address: '10.0.0.1/24' });
  // @ts-expect-error: where to?
  await netns.routes.add({ gateway: '10.0.0.1' });
  // @ts-expect-error: nsnet's names are written out
  await netns.routes.add({ destination: 'default', via: '10.0.0.1' });
  // @ts-expect-error: a family is 'inet' or 'inet6'
  netns.routes.list({ family: 4 });
  // @ts-expect-error: no such kind
  netns.links.list({ kind: 'teapot' });
  // @ts-expect-error: links are made by their classes
  netns.links.add({ name: 'eth0' });
  void [addresses, routes, links, found, text];
}

export async function watchingNamespaces(signal: AbortSignal): Promise<void> {
  for await (const change of Namespace.watch({ type: 'net', interval: 100, snapshot: false, signal })) {
    type _Change = Expect<Equal<typeof change, Change<NamespaceInfo>>>;
    if (change.type === 'changed') void change.previous.pids;
  }
  const named: AsyncIterableIterator<Change<NamespaceInfo>> = Netns.watch({ interval: 100, signal });
  // @ts-expect-error: they are all of one type
  Netns.watch({ type: 'uts' });
  // @ts-expect-error: no such type
  Namespace.watch({ type: 'disk' });
  void named;
}

export async function watching(netns: Netns, signal: AbortSignal): Promise<void> {
  for await (const change of netns.routes.watch({ family: 'inet', snapshot: false, signal })) {
    type _Change = Expect<Equal<typeof change, Change<Route>>>;
    if (change.type === 'added') {
      const initial: boolean = change.initial;
      void initial;
    } else if (change.type === 'changed') {
      const previous: Route = change.previous;
      void previous;
    } else {
      // @ts-expect-error: what is removed was not anything before
      void change.previous;
    }
    const value: Route = change.value;
    void value;
  }
}

export async function scopes(): Promise<void> {
  const scope = new Scope();
  const [netns, again]: [Netns, Netns] = await Promise.all([
    scope.use(Netns.create()),
    scope.use(await Netns.create()),
  ]);
  const moved: Scope = scope.move();
  const disposable: AsyncDisposable = moved;
  // @ts-expect-error: something that can be disposed of
  await scope.use(5);
  void [netns, again, disposable];
}

export function errors(error: unknown): string | undefined {
  if (!(error instanceof NsnetError)) return undefined;
  type _Code = Expect<Equal<typeof error.code, string>>;
  type _Optional = Expect<
    Equal<
      [
        typeof error.errno,
        typeof error.syscall,
        typeof error.hint,
        typeof error.kernel,
        typeof error.attribute,
      ],
      [number | undefined, string | undefined, string | undefined, string | undefined, string | undefined]
    >
  >;
  const reasons: Error[] | undefined = error.notUndone;
  // @ts-expect-error: constants
  error.code = 'EPERM';
  return reasons ? error.message : error.subject;
}

export async function names(netns: Netns, signal: AbortSignal): Promise<void> {
  netns.hosts.set('web', '10.0.0.1').set('db', ['10.0.0.2', 'fd00::2']);
  netns.nameservers = ['10.0.0.53:5353'];
  const addresses: string[] = await netns.resolve('web');
  const six: string[] = await netns.resolve('web', 'AAAA', { signal });
  const [mail] = await netns.resolve('web', 'MX');
  const exchange: string | undefined = mail?.exchange;
  const { serial }: { serial: number } = await netns.resolve('web', 'SOA');
  const texts: string[][] = await netns.resolve('web', 'TXT');
  // @ts-expect-error: of all types at once there is nothing
  await netns.resolve('web', 'ANY');
  const back: string[] = await netns.reverse('10.0.0.1', { signal });
  connect({ host: 'web', port: 80, lookup: netns.lookup });
  get({ host: 'web', lookup: netns.lookup });
  createSocket({ type: 'udp4', lookup: netns.lookup });
  netns.lookup('web', { all: true }, (error, all) => void [error?.code, all.length]);
  netns.lookup('web', 4, (error, address, family) => void [error, address.length, family + 1]);
  const { family }: { family: number } = await promisify(netns.lookup)('web', 4);
  void [addresses, six, exchange, serial, texts, back, family];
}
