import { randomBytes } from 'node:crypto';
import type { NftablesSession } from '../firewall/session.js';
import { Veth } from '../links/veth.js';
import { type AnyNetns, internals } from '../namespaces/network.js';
import { Netns } from '../netns/netns.js';
import { type NsnetError, withNotUndone } from '../syscalls/errors.js';
import { undoAll } from './all.js';
import { quietIpv6 } from './cable.js';
import { forward, stopForwarding, stopForwardingForNobody } from './forwarding.js';
import { familiesOf, nameTaken, type Site, subjectOf } from './make.js';
import { GROUP, linkName, networkMark, subnetMark } from './marks.js';
import type { Settings } from './options.js';
import { deleteRules, FINAL, guard, networkRules, openedFor } from './rules.js';
import { encodeSettings } from './settings.js';
import { readState } from './state.js';
import { setSysctls } from './sysctls.js';
import { uplinksOf } from './uplinks.js';

/**
 * The two ends of the cable between the host and a router know one another without having addresses of their own:
 * neighbours and routes are entered by hand, so that no subnet is used up, and the same pair serves every router.
 */
const HOST_END = { inet: '169.254.1.1', inet6: 'fe80::1' } as const;
const ROUTER_END = { inet: '169.254.1.2', inet6: 'fe80::2' } as const;

/**
 * The namespace that a network's bridge is in, when it is not the host's: it is held by this process alone, and with it
 * goes everything, the cable to the host, its routes and its rules included.
 */
export class Router {
  readonly netns: Netns;
  /** The host's end of the cable. */
  readonly uplink: Veth;
  readonly #rules: NftablesSession;
  readonly #name: string;

  private constructor(name: string, netns: Netns, uplink: Veth, rules: NftablesSession) {
    this.#name = name;
    this.netns = netns;
    this.uplink = uplink;
    this.#rules = rules;
  }

  /** Makes one for a network whose bridge is not there yet. EEXIST if the host knows a network of that name. */
  static async create(host: Site, settings: Settings, mtu: number): Promise<Router> {
    const netns = await Netns.create();
    let rules: NftablesSession | undefined;
    let uplink: Veth | undefined;
    try {
      const macs = [anyMac(), anyMac()] as const;
      uplink = await cable(host, netns, settings, mtu, macs);
      rules = await host.netns.nftables.session();
      await rules.apply(networkRules(settings, uplink.name, { owned: true }), FINAL);
      await setSysctls(host.inner, quietIpv6(uplink.name, settings));
      await route({ host, router: netns, uplink, rules, settings, macs });
      return new Router(settings.name, netns, uplink, rules);
    } catch (error) {
      const made = uplink;
      const undone = undoAll([
        async () => made && !host.netns.closed && leaveNothing(host, settings.name),
        async () => made && !host.netns.closed && made.delete(),
        async () => rules?.close(),
        () => netns.close(),
      ]);
      throw await undone.then(
        () => error,
        (undoing) => withNotUndone(error, undoing),
      );
    }
  }

  async close(): Promise<void> {
    await this.#stopForwarding();
    // The cable first: the kernel takes a while over those of a namespace that is gone.
    if (!this.uplink.netns.closed) await this.uplink.delete();
    await this.#rules.close();
    await this.netns.close();
    const { netns } = this.uplink;
    if (!netns.closed) await leaveNothing({ netns, inner: internals(netns) }, this.#name);
  }

  async #stopForwarding(): Promise<void> {
    const host = this.uplink.netns;
    if (host.closed) return;
    const inner = internals(host);
    const { networks } = await readState(inner);
    const own = networks.find(({ index }) => index === this.uplink.index);
    if (own) await stopForwarding(inner, own);
  }
}

/** What is noted at other devices, and guards them. */
async function leaveNothing({ netns, inner }: Pick<Site, 'netns' | 'inner'>, name: string): Promise<void> {
  await stopForwardingForNobody(inner);
  await deleteRules(netns, name);
}

function anyMac(): string {
  return `02:42:${randomBytes(4)
    .toString('hex')
    .replace(/..(?=.)/g, '$&:')}`;
}

async function cable(
  host: Site,
  router: Netns,
  settings: Settings,
  mtu: number,
  [hostMac, routerMac]: readonly [string, string],
): Promise<Veth> {
  const { name, subnet, subnet6 } = settings;
  const subnets = [subnet, subnet6].flatMap((one) => (one ? [subnetMark(one)] : []));
  const ends = await Veth.create(
    {
      netns: host.netns,
      name: linkName(host.owner),
      linkGroup: GROUP,
      mac: hostMac,
      mtu,
      alias: encodeSettings(settings, host.owner),
      altNames: [networkMark(name), ...subnets],
    },
    { netns: router, name: 'uplink', mac: routerMac, mtu },
  ).catch((error: NsnetError) => {
    throw error.code === 'EEXIST' ? nameTaken(subjectOf(name, host.inner)) : error;
  });
  return ends.a;
}

interface Cable {
  host: Site;
  router: Netns;
  uplink: Veth;
  rules: NftablesSession;
  settings: Settings;
  /** The host's and the router's. */
  macs: readonly [string, string];
}

/** The router passes on what it gets: that is what it is for. What may pass is decided at the host's end of the cable. */
async function route({
  host,
  router,
  uplink,
  rules,
  settings,
  macs: [hostMac, routerMac],
}: Cable): Promise<void> {
  const { subnet, subnet6, internal, isolated, name } = settings;
  const inside = (await router.links.get('uplink')) as Veth;
  await Promise.all([
    router.sysctl('net.ipv4.ip_forward', 1),
    subnet6 && router.sysctl('net.ipv6.conf.all.forwarding', 1),
  ]);
  await setSysctls(internals(router), quietIpv6(inside.name, settings));
  await Promise.all([uplink.up(), inside.up()]);
  if (isolated) return;
  for (const one of [subnet, subnet6]) {
    if (!one) continue;
    const { family } = one;
    await neighbour(host.netns, uplink, ROUTER_END[family], routerMac);
    await neighbour(router, inside, HOST_END[family], hostMac);
    const there = { destination: String(one), gateway: ROUTER_END[family], device: uplink, onlink: true };
    await host.netns.routes.add(there);
    // An internal network answers the host, and nobody else: what may pass is said by the rules.
    await router.routes.add({
      destination: 'default',
      family,
      gateway: HOST_END[family],
      device: inside,
      onlink: true,
    });
  }
  if (internal) return;
  const open = async (devices: readonly string[]) => {
    await rules.apply(openedFor(name, devices), FINAL);
    await host.netns.nftables.apply(guard(name, devices), FINAL);
  };
  const families = familiesOf(settings);
  const own = { device: uplink.name, name, families, open };
  await forward(host.inner, own, await uplinksOf(host.netns));
}

function neighbour(netns: AnyNetns, device: Veth, address: string, mac: string): Promise<void> {
  return netns.neighbours.add({ device, address, mac, state: 'permanent' });
}
