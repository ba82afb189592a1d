import type { AnyNetns } from '../namespaces/network.js';
import { NsnetError } from '../syscalls/errors.js';
import type { NetworkState } from './state.js';
import { Subnet } from './subnet.js';

/** What Docker hands out by default: 172.17.0.0/16 … 172.31.0.0/16, then 192.168.0.0/20 … 192.168.240.0/20. */
function* pools(): Generator<Subnet> {
  for (let i = 17; i <= 31; i++) yield Subnet.parse('subnet', `172.${i}.0.0/16`);
  for (let i = 0; i < 256; i += 16) yield Subnet.parse('subnet', `192.168.${i}.0/20`);
}

/** Subnets that nothing in the namespace uses: no route but default ones, no network. */
export async function* freeSubnets(
  netns: AnyNetns,
  networks: readonly NetworkState[],
): AsyncGenerator<Subnet> {
  const used = networks.flatMap(({ settings }) => settings.subnet ?? []);
  for (const { destination } of await netns.routes.list({ family: 'inet' })) {
    if (destination === 'default') continue;
    used.push(Subnet.parse('destination', destination.includes('/') ? destination : `${destination}/32`));
  }
  for (const { address } of await netns.addresses.list({ family: 'inet' })) {
    used.push(Subnet.parse('address', `${address.split('/')[0]}/32`));
  }
  for (const pool of pools()) if (!used.some((one) => one.overlaps(pool))) yield pool;
}

/** There is no subnet left to choose. */
export function noSubnet(subject: string): NsnetError {
  return new NsnetError('EADDRNOTAVAIL', 'address not available', {
    subject,
    hint: 'All subnets that networks choose from are in use: say which `subnet` to take',
  });
}

/** Throws if a network there has addresses of these subnets already. */
export function checkOverlap(
  subnets: readonly (Subnet | undefined)[],
  networks: readonly NetworkState[],
  subject: string,
): void {
  for (const { settings } of networks) {
    for (const subnet of subnets) {
      const taken = [settings.subnet, settings.subnet6].find((one) => one && subnet?.overlaps(one));
      if (!taken) continue;
      throw new NsnetError('EEXIST', 'file already exists', {
        subject,
        hint: `The subnet ${subnet} overlaps with ${taken} of network '${settings.name}'`,
      });
    }
  }
}
