import type { AnyNetns } from '../namespaces/network.js';
import { ownerOfLink, readMark } from './marks.js';

/**
 * Names of the devices by which others are reached: those that are up and have a global address or a default route, but
 * lo and what is a network's.
 */
export async function uplinksOf(netns: AnyNetns): Promise<string[]> {
  const [links, addresses, routes] = await Promise.all([
    netns.links.list({ up: true }),
    netns.addresses.list(),
    netns.routes.list({ destination: 'default' }),
  ]);
  const reaching = new Set([
    ...addresses.filter(({ scope }) => scope === 'global').map(({ device }) => device),
    ...routes.map(({ device }) => device),
  ]);
  return links
    .filter(({ name, info }) => {
      const own = ownerOfLink(name) !== undefined || info.altNames.some(isNetworks);
      return !own && !info.flags.includes('LOOPBACK') && reaching.has(name);
    })
    .map(({ name }) => name);
}

/** What was turned on for networks may be noted at any device. */
function isNetworks(altName: string): boolean {
  const mark = readMark(altName);
  return mark !== undefined && mark.type !== 'sysctl';
}
