import { getLinkRequest, linkAnswer } from '../links/devices.js';
import { altNamesRequest } from '../links/requests.js';
import type { Internals } from '../namespaces/network.js';
import type { NsnetError } from '../syscalls/errors.js';
import { sysctlMark } from './marks.js';
import { type NetworkState, type Note, readState } from './state.js';
import { readSysctls, type Sysctl, setSysctls } from './sysctls.js';
import { inTurn } from './turn.js';

/** What was turned on for networks, and how it is turned off again. */
const KEYS = {
  /** IPv4, per device. */
  f4: (device: string) => `ipv4/conf/${device}/forwarding`,
  /** The same of a device that was excepted, as the namespace forwarded already. */
  x4: (device: string) => `ipv4/conf/${device}/forwarding`,
  /** IPv6, per device (Linux 6.17). */
  f6: (device: string) => `ipv6/conf/${device}/force_forwarding`,
  /** IPv6 of the whole namespace, before that. */
  all6: () => 'ipv6/conf/all/forwarding',
  /** That a device listens to routers though the namespace forwards. */
  ra: (device: string) => `ipv6/conf/${device}/accept_ra`,
} as const;

const ON: Record<Key, number> = { f4: 1, x4: 1, f6: 1, all6: 1, ra: 2 };
const OFF: Record<Key, number> = { f4: 0, x4: 0, f6: 0, all6: 0, ra: 1 };

type Key = keyof typeof KEYS;

const isKey = (key: string): key is Key => Object.hasOwn(KEYS, key);

const ALL4 = 'ipv4/conf/all/forwarding';

/** Devices of a namespace that others are reached by. */
export type Uplinks = readonly string[];

/** The network that is forwarded for. */
export interface Forwarded {
  index: number;
  device: string;
  name: string;
  families: readonly (4 | 6)[];
  /** Its device goes with its process: what is turned on is noted at the devices that it is of. */
  fleeting?: boolean;
  /** Called before, with the devices that forwarded nothing until now: what they may pass on. */
  open(devices: readonly string[]): Promise<unknown>;
}

/**
 * Has the namespace forward between a network and its uplinks: per device, and not the namespace as a whole where it
 * can be helped. What is turned on is noted at the network's device first, so that it is turned off again with it.
 */
export function forward(inner: Internals, network: Forwarded, uplinks: Uplinks): Promise<void> {
  return inTurn(inner, 'forwarding', () => forwardInTurn(inner, network, uplinks));
}

async function forwardInTurn(inner: Internals, network: Forwarded, uplinks: Uplinks): Promise<void> {
  const { networks, stale } = await readState(inner);
  const { index, device, name, families, fleeting = false } = network;
  const noted = notesOf([...networks, { sysctls: stale }]);
  // Also what is on for another network, which may go first.
  const wanted = (key: Key, uplink: string, value?: string) =>
    value === String(OFF[key]) || noted.has(`${key}:${uplink}`);
  const turnOn: [Key, string][] = [];
  if (families.includes(4)) {
    await setSysctls(inner, [[KEYS.f4(device), 1]]);
    const [all, ...now] = await readSysctls(inner, [ALL4, ...uplinks.map(KEYS.f4)]);
    for (const [i, uplink] of uplinks.entries()) {
      const known = (['x4', 'f4'] as const).find((key) => noted.has(`${key}:${uplink}`));
      const key = known ?? (all === '1' ? 'x4' : 'f4');
      if (wanted(key, uplink, now[i])) turnOn.push([key, uplink]);
    }
  }
  if (families.includes(6)) turnOn.push(...(await forward6(inner, device, uplinks, wanted)));
  if (turnOn.length === 0) return;
  await network.open([...new Set(turnOn.flatMap(([key, uplink]) => (key === 'all6' ? uplinks : [uplink])))]);
  const own = notesOf(networks.filter(({ settings }) => settings.name === name));
  const notes = new Map<number | string, string[]>();
  for (const [key, uplink] of turnOn) {
    if (own.has(`${key}:${uplink}`)) continue;
    // What is of all devices is noted at one of them.
    const at = fleeting ? (key === 'all6' ? (uplinks[0] ?? index) : uplink) : index;
    notes.set(at, [...(notes.get(at) ?? []), sysctlMark(name, key, uplink)]);
  }
  for (const [at, marks] of notes) {
    const place = typeof at === 'number' ? at : await indexOf(inner, at);
    await inner.route.run(altNamesRequest('add', inner, () => place, marks, inner.subject));
  }
  await setSysctls(
    inner,
    turnOn.map(([key, uplink]): Sysctl => [KEYS[key](uplink), ON[key]]),
  );
}

async function forward6(
  inner: Internals,
  device: string,
  uplinks: Uplinks,
  wanted: (key: Key, uplink: string, value?: string) => boolean,
): Promise<[Key, string][]> {
  const [all] = await readSysctls(inner, [KEYS.all6()]);
  if (all === undefined || (all === '1' && !wanted('all6', 'all'))) return [];
  // Not by the network's own device, which somebody may have deleted.
  const [perDevice, ...own] = await readSysctls(inner, ['all', ...uplinks].map(KEYS.f6));
  if (perDevice !== undefined) {
    await setSysctls(inner, [[KEYS.f6(device), 1]]);
    return uplinks.filter((uplink, i) => wanted('f6', uplink, own[i])).map((uplink) => ['f6', uplink]);
  }
  // The switch would delete default routes that a router announced (rt6_purge_dflt_routers()), but of devices whose
  // accept_ra is 2. Those that listen to no router have none.
  const accepts = await readSysctls(inner, uplinks.map(KEYS.ra));
  const listening = uplinks.filter((uplink, i) => wanted('ra', uplink, accepts[i]));
  return [...listening.map((uplink): [Key, string] => ['ra', uplink]), ['all6', 'all']];
}

function notesOf(networks: readonly Pick<NetworkState, 'sysctls'>[]): Set<string> {
  return new Set(networks.flatMap(({ sysctls }) => sysctls.map(({ key, device }) => `${key}:${device}`)));
}

/**
 * Turns off what was turned on for a network that is being removed, but what another one needs. Of several that are removed
 * at once the last one does it: its note goes, too.
 */
export function stopForwarding(inner: Internals, network: NetworkState): Promise<void> {
  const { index, settings, sysctls } = network;
  if (sysctls.length === 0) return Promise.resolve();
  return inTurn(inner, 'forwarding', async () => {
    const { networks } = await readState(inner);
    // Somebody else has been quicker.
    const still = networks.find((one) => one.index === index && one.settings.name === settings.name);
    if (!still) return;
    const needed = notesOf(networks.filter((other) => other !== still));
    await turnOff(inner, settings.name, still.sysctls, needed);
  });
}

/** The same for networks that are gone with their process, and have left notes at other devices. */
export async function stopStale(inner: Internals): Promise<void> {
  if ((await readState(inner)).stale.length === 0) return;
  await inTurn(inner, 'forwarding', async () => {
    const { networks, stale } = await readState(inner);
    for (const note of stale) await turnOff(inner, note.network, [note], notesOf(networks));
  });
}

async function turnOff(
  inner: Internals,
  network: string,
  sysctls: readonly Note[],
  needed: Set<string>,
): Promise<void> {
  // Who has made the namespace a router meanwhile needs it, too.
  const [all] = await readSysctls(inner, [ALL4]);
  const isNeeded = ({ key, device }: Note) => needed.has(`${key}:${device}`) || (key === 'f4' && all === '1');
  await setSysctls(
    inner,
    sysctls
      .filter((note) => isKey(note.key) && !isNeeded(note))
      .map(({ key, device }): Sysctl => [KEYS[key as Key](device), OFF[key as Key]]),
  );
  for (const { key, device, at } of sysctls) {
    const note = [sysctlMark(network, key, device)];
    await inner.route.run(altNamesRequest('delete', inner, () => at, note, inner.subject)).catch(isGone);
  }
}

async function indexOf(inner: Internals, device: string): Promise<number> {
  return linkAnswer(await inner.route.request(getLinkRequest(device, inner.subject))).index;
}

function isGone(error: NsnetError): void {
  if (error.code !== 'ENODEV' && error.code !== 'EINVAL') throw error;
}
