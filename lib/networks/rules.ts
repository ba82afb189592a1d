import { Changes } from '../firewall/changes.js';
import { nft } from '../firewall/nft.js';
import type { Chain, RuleSpec } from '../firewall/types.js';
import { type AnyNetns, openInternals } from '../namespaces/network.js';
import type { NsnetError } from '../syscalls/errors.js';
import { GROUP } from './marks.js';
import type { Settings } from './options.js';
import { readState } from './state.js';

export const tableOf = (network: string) => `nsnet-${network}`;

type Rule = RuleSpec['expressions'];

const { meta, ip, ip6, ct, th, concat, accept, drop, goto, masquerade } = nft;

/** Nothing is read for the sake of undoing: what networks change, they know how to make again. */
export const FINAL = { reversible: false } as const;

/** Of a network in mode 'routed': addresses, protocols and ports that everybody may reach. */
export const OPEN = { inet: 'open4', inet6: 'open6' } as const;

export const OPEN_TYPES = {
  inet: ['ipv4_addr', 'inet_proto', 'inet_service'],
  inet6: ['ipv6_addr', 'inet_proto', 'inet_service'],
} as const;

/** Behind the translations of whoever runs the host: of chains of one priority the last one made is asked first. */
const SOURCE = 110;

/** Devices that forward for the sake of networks only. */
const OPENED = 'opened';

/** The host was no router before: it is one for networks only. */
const STRANGERS: Rule[] = [
  [ct.state('established', 'related'), accept()],
  [ct.status('dnat'), accept()],
  [drop()],
];
const FROM_OPENED: Rule = [meta('iifname').inSet(OPENED), meta('oifgroup').isNot(GROUP), goto('strangers')];

function addChain(
  changes: Changes,
  table: string,
  name: string,
  rules: readonly Rule[],
  hook: Partial<Chain> = {},
): void {
  const family = 'inet';
  changes.addChain({ family, table, name, ...hook });
  for (const expressions of rules) changes.addRule({ family, table, chain: name, expressions });
}

/** What guards a host that was made a router for a network which may go with its process at any time. */
const guardOf = (network: string) => `${tableOf(network)}/opened`;

/** The same in a table of its own, which stays until what was turned on is turned off. */
export function guard(network: string, devices: readonly string[]): Changes {
  const family = 'inet';
  const table = guardOf(network);
  const own = { family, name: table } as const;
  const changes = new Changes()
    .addTable(own)
    .deleteTable(own)
    .addTable({ family, name: table, comment: `forwarding for '${network}' of nsnet` });
  changes.addSet({ family, table, name: OPENED, type: 'ifname' });
  addChain(changes, table, 'strangers', STRANGERS);
  const hook = { type: 'filter', hook: 'forward', priority: 'filter' } as const;
  addChain(changes, table, 'forward', [FROM_OPENED], hook);
  return changes.addElements({ family, table, name: OPENED, type: 'ifname' }, devices);
}

/** Has what comes by these devices go to networks, or back, and nowhere else. */
export function openedFor(network: string, devices: readonly string[]): Changes {
  const set = { family: 'inet', table: tableOf(network), name: OPENED, type: 'ifname' } as const;
  return new Changes().addElements(set, devices);
}

/**
 * The rules of a network that is behind one device, put in the place of those that are there, in one transaction. They are
 * about the device and its subnets: nothing else is looked at or held up.
 */
export async function applyRules(netns: AnyNetns, settings: Settings, device: string): Promise<void> {
  await netns.nftables.apply(networkRules(settings, device), FINAL);
}

/** Whether a network's chains and rules are all there. */
export async function areIntact(netns: AnyNetns, settings: Settings, device: string): Promise<boolean> {
  const table = tableOf(settings.name);
  const { tables, chains, rules } = await netns.nftables.list({ family: 'inet', table });
  const made = networkRules(settings, device).list;
  const count = (what: string) => made.filter((change) => change.op === 'add' && change.what === what).length;
  return (
    tables.some(({ name }) => name === table) &&
    chains.filter((one) => one.table === table).length === count('chain') &&
    rules.filter((one) => one.table === table).length === count('rule')
  );
}

/**
 * Deletes the rules of networks that are gone, of all or of one name, and tells which. Who makes a network makes its device
 * first, and then puts its own table in the place of one that is there: so what is deleted is that very table, by its handle.
 */
export async function deleteRules(netns: AnyNetns, network?: string): Promise<string[]> {
  const { nftables } = netns;
  const tables =
    network === undefined
      ? (await nftables.list({ family: 'inet' })).tables
      : await Promise.all([tableOf(network), guardOf(network)].map((name) => nftables.table('inet', name)));
  const ours = tables
    .flatMap((one) => one ?? [])
    .filter(
      ({ name, comment, owner }) =>
        name.startsWith(tableOf('')) && comment?.endsWith('of nsnet') && owner === undefined,
    );
  if (ours.length === 0) return [];
  const { networks } = await readState(openInternals(netns));
  const needed = new Set(networks.flatMap(({ settings: { name } }) => [tableOf(name), guardOf(name)]));
  const deleted: string[] = [];
  for (const { family, name, handle } of ours) {
    if (needed.has(name)) continue;
    const changes = new Changes().deleteTable({ family, name, handle });
    await nftables.apply(changes, FINAL).then(
      () => deleted.push(name),
      (error: NsnetError) => {
        if (error.code !== 'ENOENT') throw error;
      },
    );
  }
  return deleted;
}

/** As changes; `owned`, the table goes with the socket that makes it. */
export function networkRules(settings: Settings, device: string, { owned = false } = {}): Changes {
  const { name, internal, isolated, gatewayMode } = settings;
  const family = 'inet';
  const table = tableOf(name);
  const own = { family, name: table } as const;
  const changes = new Changes();
  if (!owned) changes.addTable(own).deleteTable(own);
  changes.addTable({ ...own, comment: `network '${name}' of nsnet`, ...(owned && { flags: ['owner'] }) });
  const chain = (name: string, rules: Rule[], hook?: Partial<Chain>) =>
    addChain(changes, table, name, rules, hook);
  if (gatewayMode === 'routed' && !internal) {
    for (const [version, name] of Object.entries(OPEN)) {
      changes.addSet({ family, table, name, type: OPEN_TYPES[version as keyof typeof OPEN] });
    }
  }
  chain('to', into(settings, device));
  chain('from', [[internal ? drop() : accept()]]);
  changes.addSet({ family, table, name: OPENED, type: 'ifname' });
  chain('strangers', STRANGERS);
  const forward = [
    [meta('oifname').is(device), goto('to')],
    [meta('iifname').is(device), goto('from')],
    FROM_OPENED,
  ];
  chain('forward', forward, { type: 'filter', hook: 'forward', priority: 'filter' });
  if (isolated) {
    const input = [[meta('iifname').is(device), drop()]];
    chain('input', input, { type: 'filter', hook: 'input', priority: 'filter' });
  }
  if (!internal)
    chain('postrouting', leaving(settings, device), { type: 'nat', hook: 'postrouting', priority: SOURCE });
  return changes;
}

/** In a router of a network's own: what the host cannot see, as it stays within the bridge, and what is for it alone. */
export async function applyRouterRules(netns: AnyNetns, settings: Settings, bridge: string): Promise<void> {
  const { name, icc, internal, subnet, subnet6 } = settings;
  const family = 'inet';
  const table = tableOf(name);
  const changes = new Changes().addTable({ family, name: table });
  const inside = { family, table } as const;
  if (!icc) {
    const chain = 'forward';
    changes.addChain({ ...inside, name: chain, type: 'filter', hook: 'forward', priority: 'filter' });
    const within = [meta('iifname').is(bridge), meta('oifname').is(bridge), drop()];
    changes.addRule({ ...inside, chain, expressions: within });
  }
  if (internal) {
    // Its endpoints have no way out, and answer only whom they have for a neighbour.
    const chain = 'postrouting';
    changes.addChain({ ...inside, name: chain, type: 'nat', hook: 'postrouting', priority: SOURCE });
    for (const other of [
      subnet && ip.saddr.isNot(String(subnet)),
      subnet6 && ip6.saddr.isNot(String(subnet6)),
    ]) {
      if (!other) continue;
      changes.addRule({ ...inside, chain, expressions: [other, meta('oifname').is(bridge), masquerade()] });
    }
  }
  await netns.nftables.apply(changes, FINAL);
}

/** What comes to the network's endpoints, from anywhere but the host. */
function into({ internal, icc, gatewayMode }: Settings, device: string): Rule[] {
  const sibling = meta('iifname').is(device);
  if (internal) return [[sibling, icc ? accept() : drop()], [drop()]];
  const published = [ct.status('dnat'), accept()];
  const rules: Rule[] = [[ct.state('established', 'related'), accept()]];
  if (icc) rules.push([sibling, accept()]);
  rules.push(published);
  if (!icc) rules.push([sibling, drop()]);
  if (gatewayMode === 'nat') return [...rules, [drop()]];
  if (gatewayMode === 'nat-unprotected') {
    // Two networks are apart, whatever others may do.
    return [...rules, [meta('iifgroup').is(GROUP), drop()], [accept()]];
  }
  const open = (address: typeof ip.daddr | typeof ip6.daddr, set: string) => [
    concat(address, meta('l4proto'), th.dport).inSet(set),
    accept(),
  ];
  rules.push(open(ip.daddr, OPEN.inet), open(ip6.daddr, OPEN.inet6));
  rules.push([meta('l4proto').is('icmp'), accept()], [meta('l4proto').is('icmpv6'), accept()]);
  return [...rules, [drop()]];
}

function leaving({ subnet, subnet6, masquerade: masquerades }: Settings, device: string): Rule[] {
  const sources = [subnet && ip.saddr.in(String(subnet)), subnet6 && ip6.saddr.in(String(subnet6))];
  return sources.flatMap((source) => {
    if (!source) return [];
    const out = [source, meta('oifname').isNot(device), masquerade()];
    // A published port that is used from within its own network: the answer has to come back by the host.
    const hairpin = [source, meta('oifname').is(device), ct.status('dnat'), masquerade()];
    return masquerades ? [out, hairpin] : [hairpin];
  });
}
