import { type AnyNetns, openInternals } from '../namespaces/network.js';
import { all } from './all.js';
import { deleteDevice } from './devices.js';
import { stopForwardingForNobody } from './forwarding.js';
import { followMarks } from './open-ports.js';
import { Owner } from './owner.js';
import { deleteEndpoint, removeNetwork } from './remove.js';
import { deleteRules } from './rules.js';
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
    await all(dead.map((endpoint) => deleteEndpoint(inner, endpoint)));
    collected.endpoints.push(...dead.map((one) => `${name}/${one.name ?? one.device}`));
    const { gatewayMode, internal } = network.settings;
    if (dead.length > 0 && gatewayMode === 'routed' && !internal) await followMarks(netns, name);
    // Somebody uses it still.
    if (!isDead(network.owner) || lives) continue;
    // Much may have been removed since it was read, and somebody may have been connected to this one.
    const now = (await readState(inner, signal)).networks.find(({ index }) => index === network.index);
    if (!now || now.owner !== network.owner || now.endpoints.length > 0) continue;
    if (now.router) await deleteDevice(inner, now.index, now.device);
    else await removeNetwork(netns, now);
    collected.networks.push(name);
  }
  const halves = state.others.filter(({ owner }) => isDead(owner));
  await all(halves.map(({ index, device }) => deleteDevice(inner, index, device)));
  collected.endpoints.push(...halves.map(({ device }) => device));
  await stopForwardingForNobody(inner);
  collected.tables.push(...(await deleteRules(netns)));
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
