import { readdirSync, readlinkSync } from 'node:fs';
import { Netns, type Scope, Veth } from 'nsnet';

/** Two namespaces with a cable between them, and the addresses of either end. */
export interface Cable {
  near: Netns;
  far: Netns;
  ends: [near: Veth, far: Veth];
}

export const NEAR = { inet: '192.168.7.1', inet6: 'fd07::1' } as const;
export const FAR = { inet: '192.168.7.2', inet6: 'fd07::2' } as const;

/** Both ends are up, and their addresses usable at once. */
export async function cable(scope: Scope): Promise<Cable> {
  const [near, far] = await Promise.all([scope.use(Netns.create()), scope.use(Netns.create())]);
  return { near, far, ends: await connect(near, NEAR, far, FAR) };
}

/**
 * A cable from one namespace to another, once it is ready to be used. Addresses are not checked for duplicates, which
 * would take 2 seconds.
 */
export async function connect(
  a: Netns,
  atA: { inet: string; inet6: string },
  b: Netns,
  atB: { inet: string; inet6: string },
  names = ['eth0', 'eth0'],
): Promise<[Veth, Veth]> {
  const end = (netns: Netns, { inet, inet6 }: { inet: string; inet6: string }, name?: string) => ({
    netns,
    name,
    up: true,
    addresses: [`${inet}/24`, `${inet6}/64`],
  });
  await Promise.all([a, b].map((netns) => netns.sysctl('net.ipv6.conf.default.accept_dad', 0)));
  const pair = await Veth.create(end(a, atA, names[0]), end(b, atB, names[1]));
  await Promise.all([pair.a.ready(), pair.b.ready()]);
  return [pair.a, pair.b];
}

/** Open sockets of this process. */
export function sockets(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;
}

export async function collect<T>(run: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of run) all.push(each);
  return all;
}
