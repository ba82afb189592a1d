import { Pause } from '../handles/lock.js';
import type { Link } from '../links/link.js';
import { altNamesRequest, explainLink } from '../links/requests.js';
import { Veth, type VethPair } from '../links/veth.js';
import { type AnyNetns, type Internals, internals } from '../namespaces/network.js';
import { parseAddress } from '../netlink/addresses.js';
import { IFF, RTM } from '../rtnetlink/constants.js';
import { link as linkCodec } from '../rtnetlink/link.js';
import { abortError, NsnetError } from '../syscalls/errors.js';
import { all } from './all.js';
import type { Wish } from './endpoint-options.js';
import type { Lease, Leases } from './leases.js';
import { aliasMark, GROUP, linkName, nameMark } from './marks.js';
import type { Settings } from './options.js';
import { type Sysctl, setSysctls } from './sysctls.js';

/** Where an endpoint is made. */
export interface Place {
  /** Where the bridge is. */
  host: AnyNetns;
  bridge: Link;
  mtu: number;
  settings: Settings;
  owner: string;
  leases: Leases;
  /** Of what is connected. */
  target: AnyNetns;
}

/** An endpoint as it was made. */
export interface Made {
  pair: VethPair;
  address?: string;
  address6?: string;
  /** Whether it got default routes. */
  routes: string[];
  /** Of what ports are published: lets its addresses go, once nothing leads to them any more. */
  letGo(): Promise<void>;
}

/** Names of devices in containers: eth0, or the next that is free. */
const DEVICES = 16;

/**
 * Makes an endpoint: a cable, its lease, its name, and only then its address, so that no two ever have the same. What
 * fails or is aborted is undone.
 */
export async function cable(place: Place, wish: Wish): Promise<Made> {
  const pair = await makePair(place);
  const leased: Lease[] = [];
  const letGo = async () => {
    await Promise.all(leased.map(({ hold }) => hold.close()));
  };
  try {
    const made = await furnish(place, wish, pair, leased);
    // In a routed network what is open goes with the device.
    if (wish.publish.length === 0 || place.settings.gatewayMode === 'routed') await letGo();
    if (wish.signal?.aborted) throw abortError(wish.signal);
    return { ...made, letGo };
  } catch (error) {
    await letGo();
    await pair.delete();
    place.leases.forget();
    throw error;
  }
}

/** The first device of every namespace. */
const LOOPBACK = 1;

/** As container engines have it: without it nobody would hear the resolver, which is at a loopback address. */
export function loopbackUp(inner: Internals): Promise<void> {
  return inner.route.run({
    name: 'RTM_SETLINK',
    type: RTM.SETLINK,
    flags: 0,
    codec: linkCodec,
    body: { index: LOOPBACK, flags: IFF.UP, change: IFF.UP },
    subject: `link 'lo' in ${inner.subject}`,
    explain: explainLink,
  });
}

async function makePair({ host, target, owner, mtu }: Place): Promise<VethPair> {
  for (let i = 0; ; i++) {
    const name = `eth${i}`;
    try {
      return await Veth.create({ netns: host, name: linkName(owner), mtu }, { netns: target, name, mtu });
    } catch (error) {
      if ((error as NsnetError).code !== 'EEXIST' || i === DEVICES) throw error;
      const names = new Set((await target.links.list()).map((link) => link.name));
      while (names.has(`eth${i + 1}`)) i++;
    }
  }
}

async function furnish(
  place: Place,
  wish: Wish,
  pair: VethPair,
  leased: Lease[],
): Promise<Omit<Made, 'letGo'>> {
  const { settings, target, host } = place;
  const { a: outer, b: inner } = pair;
  const here = internals(host);
  const there = internals(target);
  const quiet = setSysctls(there, quietIpv6(inner.name, settings));
  const named = here.route.run(names(here, outer.index, settings.name, wish)).catch((error) => {
    throw nameTaken(error, settings, wish, here);
  });
  const [address, address6] = await all([
    lease(place, wish, outer.index, 4, leased),
    lease(place, wish, outer.index, 6, leased),
    named,
    quiet,
  ]);
  const mac = wish.mac ?? (address === undefined ? undefined : macOf(address));
  const { icc } = settings;
  const port = outer.set({
    master: place.bridge,
    linkGroup: GROUP,
    bridgePort: { hairpin: icc, isolated: !icc },
  });
  const plugged = all([port, outer.up()]);
  // The MAC is set before it is up; all of this goes in one send.
  const ends: Promise<unknown>[] = [];
  if (mac !== undefined) ends.push(inner.set({ mac }));
  if (address !== undefined) ends.push(inner.addAddress(settings.subnet!.cidr(address)));
  if (address6 !== undefined)
    ends.push(inner.addAddress({ address: settings.subnet6!.cidr(address6), dad: false }));
  ends.push(inner.up());
  const gateways = settings.internal ? [] : [address && settings.gateway, address6 && settings.gateway6];
  const routes: string[] = [];
  for (const gateway of gateways) {
    if (gateway === undefined) continue;
    ends.push(
      target.routes.add({ destination: 'default', gateway, device: inner }).then(
        () => routes.push(gateway),
        // It has a way out already, by another network.
        (error) => {
          if ((error as NsnetError).code !== 'EEXIST') throw error;
        },
      ),
    );
  }
  await all([plugged, ...ends]);
  await forwarding(outer, wish.signal);
  return { pair, address, address6, routes };
}

/** How long a bridge is waited for, in milliseconds. */
const PATIENCE = 2000;

/**
 * The kernel tells the bridge of the cable's carrier a moment later, and until then the bridge drops what comes: whoever
 * sends in that moment waits a second for an answer to ARP. Looking at the end hurries it (linkwatch_sync_dev()).
 */
async function forwarding(end: Veth, signal?: AbortSignal): Promise<void> {
  for (const pause = new Pause(signal, PATIENCE); !pause.over; await pause.pass()) {
    await end.refresh({ signal });
    if (end.info.bridgePortState === 'forwarding') return;
  }
}

async function lease(
  { settings, leases }: Place,
  wish: Wish,
  index: number,
  family: 4 | 6,
  leased: Lease[],
): Promise<string | undefined> {
  const subnet = family === 4 ? settings.subnet : settings.subnet6;
  if (!subnet) return undefined;
  const wanted = family === 4 ? wish.address : wish.address6;
  const range = family === 4 ? settings.range : settings.range6;
  const taken = await (wanted === undefined
    ? leases.takeFree(settings, subnet, range ?? subnet, index)
    : leases.takeThis(settings, wanted, index));
  leased.push(taken);
  return taken.address;
}

function names(here: Internals, index: number, network: string, { name, aliases }: Wish) {
  const marks = [nameMark(network, name), ...aliases.map((alias) => aliasMark(network, alias))];
  return altNamesRequest('add', here, () => index, marks, here.subject);
}

function nameTaken(
  error: NsnetError,
  settings: Settings,
  { name }: Wish,
  { subject }: Internals,
): NsnetError {
  if (error.code !== 'EEXIST') return error;
  return new NsnetError('EEXIST', 'file already exists', {
    subject: `endpoint '${name}' of network '${settings.name}' in ${subject}`,
    hint: 'An endpoint of the network has this name: choose another one, or disconnect() it first',
  });
}

/**
 * Routers are believed by nobody (CVE-2020-10749, CVE-2020-13401), and without IPv6 in the network there is none in its
 * endpoints, not even link-local (CVE-2024-32473).
 */
export function quietIpv6(device: string, { subnet6 }: Settings): Sysctl[] {
  const conf = `ipv6/conf/${device}`;
  if (!subnet6) return [[`${conf}/disable_ipv6`, 1]];
  return [
    [`${conf}/accept_ra`, 0],
    [`${conf}/autoconf`, 0],
    // Nobody asks for a neighbour from an address that is tentative still, and that would be a second.
    [`${conf}/accept_dad`, 0],
  ];
}

/** As Docker made them for long: 02:42 and the IPv4 address. What is remembered of an address stays right. */
function macOf(address: string): string {
  return `02:42:${Buffer.from(parseAddress(address).bytes)
    .toString('hex')
    .replace(/..(?=.)/g, '$&:')}`;
}
