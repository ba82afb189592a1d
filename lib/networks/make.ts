import { randomBytes } from 'node:crypto';
import { Bridge } from '../links/bridge.js';
import type { Link } from '../links/link.js';
import type { AnyNetns, Internals } from '../namespaces/network.js';
import { NsnetError, withDetails, withNotUndone } from '../syscalls/errors.js';
import { quietIpv6 } from './cable.js';
import { forward } from './forwarding.js';
import { GROUP, linkName, networkMark, subnetMark } from './marks.js';
import { gatewayOf, type NetworkOptions, type Settings } from './options.js';
import { attachOverlay } from './overlay.js';
import { checkOverlap, freeSubnets, noSubnet } from './pools.js';
import { removeNetwork } from './remove.js';
import { applyRouterRules, applyRules, FINAL, openedFor } from './rules.js';
import { encodeSettings } from './settings.js';
import { readState } from './state.js';
import { setSysctls } from './sysctls.js';
import { inTurn } from './turn.js';
import { uplinksOf } from './uplinks.js';

/** Where a network's device is made, and whose it is. */
export interface Site {
  netns: AnyNetns;
  inner: Internals;
  owner: string;
  /** Whether it is a router of the network's own, which does as the host says. */
  router?: boolean;
}

export const subjectOf = (name: string, { subject }: Internals) => `network '${name}' in ${subject}`;

/**
 * Makes the device of a network, its rules, and only then its addresses: nothing is reachable that is not protected. What
 * fails is undone.
 */
export async function makeNetwork(site: Site, options: NetworkOptions, settings: Settings): Promise<Bridge> {
  const bridge = await device(site, options, settings);
  try {
    await furnish(site, options, settings, bridge);
    return bridge;
  } catch (error) {
    throw await undo(site, bridge, error);
  }
}

async function undo({ netns, inner }: Site, bridge: Bridge, error: unknown): Promise<unknown> {
  try {
    const { networks } = await readState(inner);
    const found = networks.find(({ index }) => index === bridge.index);
    if (found) await removeNetwork(netns, found);
    return error;
  } catch (undoing) {
    return withNotUndone(error, undoing);
  }
}

/**
 * Has `make` make a network, with a subnet that is free if none is asked for. Its name and its subnet are alternative names
 * of its device: of two that want the same, one gets it.
 */
export function withSubnet<T>(
  site: Site,
  asked: Settings,
  make: (settings: Settings) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  // Each would try what the others have taken, and alternative names do not tell of subnets that overlap.
  return inTurn(site.inner, 'making', () => withSubnetInTurn(site, asked, make, signal), signal);
}

async function withSubnetInTurn<T>(
  site: Site,
  asked: Settings,
  make: (settings: Settings) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const subject = subjectOf(asked.name, site.inner);
  const { networks } = await readState(site.inner, signal);
  if (networks.some(({ settings }) => settings.name === asked.name)) throw nameTaken(subject);
  checkOverlap([asked.subnet, asked.subnet6], networks, subject);
  if (asked.subnet || asked.subnet6) return make(asked);
  for await (const subnet of freeSubnets(site.netns, networks)) {
    const gateway = gatewayOf('gateway', undefined, subnet, asked.isolated);
    try {
      return await make({ ...asked, subnet, gateway });
    } catch (error) {
      const { code } = error as NsnetError;
      if (code !== 'EEXIST' || !(await isThere(site, subnetMark(subnet)))) throw error;
    }
  }
  throw noSubnet(subject);
}

const isThere = ({ netns }: Site, altName: string) =>
  netns.links.get(altName).then(
    () => true,
    () => false,
  );

export function nameTaken(subject: string): NsnetError {
  return new NsnetError('EEXIST', 'file already exists', {
    subject,
    hint: 'There is a network of this name already: Network.open() gives it',
  });
}

/** Where this process may not change the host. */
export function noPower(subject: string, cause: unknown): NsnetError {
  const { syscall } = cause as NsnetError;
  const hint =
    'This needs CAP_NET_ADMIN in the user namespace that owns the network namespace: run it as root, or have a ' +
    'namespace of your own play the host, as `netns: await Netns.create()`';
  return new NsnetError('EPERM', 'operation not permitted', { syscall, subject, hint, cause });
}

/** A vxlan takes 50 bytes of each packet (RFC 7348). */
export function mtuOf({ mtu, driver }: NetworkOptions): number {
  return mtu ?? (driver === 'vxlan' ? 1450 : 1500);
}

async function device(site: Site, options: NetworkOptions, settings: Settings): Promise<Bridge> {
  const { netns, owner, inner } = site;
  const { name, subnet, subnet6 } = settings;
  const { bridge: wanted, signal } = options;
  const subnets = [subnet, subnet6].flatMap((one) => (one ? [subnetMark(one)] : []));
  const bridge = await Bridge.create({
    netns,
    name: linkName(owner),
    linkGroup: GROUP,
    mtu: mtuOf(options),
    // Of its own: else it would be the lowest of its ports', and change with them.
    mac: `02:42:${randomBytes(4)
      .toString('hex')
      .replace(/..(?=.)/g, '$&:')}`,
    alias: encodeSettings(settings, owner),
    altNames: [networkMark(name), ...subnets],
    signal,
  }).catch((error) => {
    const { code } = error as NsnetError;
    const subject = subjectOf(name, inner);
    if (code === 'EPERM') throw noPower(subject, error);
    throw code === 'EEXIST' ? withDetails(nameTaken(subject), { cause: error }) : error;
  });
  if (wanted === undefined) return bridge;
  try {
    await bridge.set({ name: wanted });
    return bridge;
  } catch (error) {
    await bridge.delete();
    if ((error as NsnetError).code !== 'EEXIST') throw error;
    throw new NsnetError('EEXIST', 'file already exists', {
      subject: `link '${wanted}' in ${inner.subject}`,
      hint: 'Another link there has this name',
    });
  }
}

async function furnish(
  site: Site,
  options: NetworkOptions,
  settings: Settings,
  bridge: Bridge,
): Promise<void> {
  const { inner } = site;
  const { subnet, subnet6, gateway, gateway6, internal } = settings;
  await Promise.all([
    setSysctls(inner, quietIpv6(bridge.name, settings)),
    (site.router ? applyRouterRules : applyRules)(site.netns, settings, bridge.name),
  ]);
  options.signal?.throwIfAborted();
  if (options.driver === 'vxlan') await attachOverlay(site, options, settings, bridge);
  const work = [];
  if (subnet && gateway !== undefined) work.push(bridge.addAddress(subnet.cidr(gateway)));
  if (subnet6 && gateway6 !== undefined)
    work.push(bridge.addAddress({ address: subnet6.cidr(gateway6), dad: false }));
  work.push(bridge.up());
  await Promise.all(work);
  if (internal || site.router) return;
  await turnOn(site, settings, bridge);
}

/** Has the host forward between the network and its other devices. */
export async function turnOn({ netns, inner }: Site, settings: Settings, bridge: Link): Promise<void> {
  const { name } = settings;
  const open = (devices: readonly string[]) => netns.nftables.apply(openedFor(name, devices), FINAL);
  const network = { device: bridge.name, name, families: familiesOf(settings), open };
  await forward(inner, network, await uplinksOf(netns));
}

export function familiesOf({ subnet, subnet6 }: Settings): (4 | 6)[] {
  return [...(subnet ? [4 as const] : []), ...(subnet6 ? [6 as const] : [])];
}
