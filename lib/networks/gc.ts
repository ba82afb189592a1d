import { Changes } from '../firewall/changes.js';
import { type AnyNetns, openInternals } from '../namespaces/network.js';
import { followMarks } from './open-ports.js';
import { Owner } from './owner.js';
import { deleteDevice, removeNetwork } from './remove.js';
import { FINAL, tableOf } from './rules.js';
import { readState } from './state.js';

/** What gc() has removed. */
export interface Collected {
  /** Networks by name. */
  networks: string[];
  /** Endpoints by network and name, and halves of what was being made by their device. */
  endpoints: string[];
  /** nft tables whose network is gone. */
  tables: string[];
}

/** Removes what those have left that were killed: networks, endpoints, halves of them, and rules without a network. */
export async function collect(netns: AnyNetns, signal?: AbortSignal): Promise<Collected> {
  const inner = openInternals(netns);
  const state = await readState(inner, signal);
  const owners = [
    ...state.networks.flatMap(({ owner, endpoints }) => [owner, ...endpoints.map((one) => one.owner)]),
    ...state.others.map(({ owner }) => owner),
  ].filter((owner) => owner !== undefined);
  const alive = await Owner.alive(inner, owners);
  const isDead = (owner: string | undefined) => owner !== undefined && !alive.has(owner);
  const collected: Collected = { networks: [], endpoints: [], tables: [] };
  for (const network of state.networks) {
    const { name } = network.settings;
    const dead = network.endpoints.filter(({ owner }) => isDead(owner));
    const lives = network.endpoints.length > dead.length;
    for (const endpoint of dead) {
      await deleteDevice(inner, endpoint.index, endpoint.device);
      collected.endpoints.push(`${name}/${endpoint.name ?? endpoint.device}`);
    }
    const { gatewayMode, internal } = network.settings;
    if (dead.length > 0 && gatewayMode === 'routed' && !internal) await followMarks(netns, name);
    // Somebody uses it still.
    if (!isDead(network.owner) || lives) continue;
    if (network.router) await deleteDevice(inner, network.index, network.device);
    else await removeNetwork(netns, { ...network, endpoints: [] });
    collected.networks.push(name);
  }
  for (const { index, device, owner } of state.others) {
    if (!isDead(owner)) continue;
    await deleteDevice(inner, index, device);
    collected.endpoints.push(device);
  }
  await collectTables(netns, collected);
  return collected;
}

/** Removes one network if who made it is gone and nobody is connected to it. */
export async function collectNetwork(netns: AnyNetns, name: string): Promise<void> {
  const inner = openInternals(netns);
  const state = await readState(inner);
  const found = state.networks.find(({ settings }) => settings.name === name);
  if (found?.owner === undefined || found.endpoints.length > 0) return;
  const alive = await Owner.alive(inner, [found.owner]);
  if (!alive.has(found.owner)) await removeNetwork(netns, found);
}

async function collectTables(netns: AnyNetns, collected: Collected): Promise<void> {
  const { tables } = await netns.nftables.list();
  const { networks } = await readState(openInternals(netns));
  const needed = new Set(networks.map(({ settings }) => tableOf(settings.name)));
  for (const { family, name, owner, comment } of tables) {
    const ours = name.startsWith(tableOf('')) && comment?.endsWith('of nsnet');
    if (family !== 'inet' || !ours || owner !== undefined || needed.has(name)) continue;
    await netns.nftables.apply(new Changes().addTable({ family, name }).deleteTable({ family, name }), FINAL);
    collected.tables.push(name);
  }
}
