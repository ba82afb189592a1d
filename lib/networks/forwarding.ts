import { altNamesRequest } from '../links/requests.js';
import type { Internals } from '../namespaces/network.js';
import type { NsnetError } from '../syscalls/errors.js';
import { sysctlMark } from './marks.js';
import { type HostState, type NetworkState, type Note, readState } from './state.js';
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

/** The first device of every namespace. What is of no device is noted there. */
const LOOPBACK = 1;

/** Devices of a namespace that others are reached by. */
export type Uplinks = readonly string[];

/** The network that is forwarded for. */
export interface Forwarded {
  device: string;
  name: string;
  families: readonly (4 | 6)[];
  /** Called before, with the devices that forwarded nothing until now: what they may pass on. */
  open(devices: readonly string[]): Promise<unknown>;
}

/**
 * Has the namespace forward between a network and its uplinks: per device, and not the namespace as a whole where it
 * can be helped. What is turned on is noted first, so that it is turned off again with the network.
 */
export function forward(inner: Internals, network: Forwarded, uplinks: Uplinks): Promise<void> {
  return inTurn(inner, 'forwarding', () => forwardInTurn(inner, network, uplinks));
}

async function forwardInTurn(inner: Internals, network: Forwarded, uplinks: Uplinks): Promise<void> {
  const { notes, indexes } = await readState(inner);
  const { device, name, families } = network;
  const noted = setOf(notes);
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
  const own = setOf(notes.filter((note) => note.network === name));
  await Promise.all(
    turnOn.map(async ([key, uplink]) => {
      const index = key === 'all6' ? LOOPBACK : indexes.get(uplink);
      if (index === undefined || own.has(`${key}:${uplink}`)) return;
      const mark = sysctlMark(name, key, uplink);
      await inner.route.run(altNamesRequest('add', inner, () => index, [mark], inner.subject)).catch(isGone);
    }),
  );
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

const keyOf = ({ key, device }: Note) => `${key}:${key === 'all6' ? 'all' : device}`;
const setOf = (notes: readonly Note[]) => new Set(notes.map(keyOf));

/**
 * Turns off what was turned on for a network that is being removed, but what another one needs. Of several that are removed
 * at once the last one does it: its notes go, too.
 */
export function stopForwarding(inner: Internals, { index, settings }: NetworkState): Promise<void> {
  // Somebody may have removed it, and made another one of that name.
  const another = (one: NetworkState) => one.settings.name === settings.name && one.index !== index;
  return turnOff(inner, ({ network }, { networks }) => network === settings.name && !networks.some(another));
}

/** The same for networks that are gone without having been removed. */
export function stopForwardingForNobody(inner: Internals): Promise<void> {
  return turnOff(inner, ({ network }, { networks }) =>
    networks.every(({ settings }) => settings.name !== network),
  );
}

async function turnOff(inner: Internals, ends: (note: Note, state: HostState) => boolean): Promise<void> {
  const before = await readState(inner);
  if (!before.notes.some((note) => ends(note, before))) return;
  await inTurn(inner, 'forwarding', async () => {
    const state = await readState(inner);
    const ending = state.notes.filter((note) => ends(note, state));
    const needed = setOf(state.notes.filter((note) => !ending.includes(note)));
    // Who has made the namespace a router meanwhile needs it, too.
    const [all] = await readSysctls(inner, [ALL4]);
    const off = ending.filter(
      (note) => isKey(note.key) && !(all === '1' && note.key === 'f4') && !needed.has(keyOf(note)),
    );
    await setSysctls(
      inner,
      off.map(({ key, device }): Sysctl => [KEYS[key as Key](device), OFF[key as Key]]),
    );
    await Promise.all(
      ending.map(({ index, text }) =>
        inner.route.run(altNamesRequest('delete', inner, () => index, [text], inner.subject)).catch(isGone),
      ),
    );
  });
}

function isGone(error: NsnetError): void {
  if (error.code !== 'ENODEV' && error.code !== 'EINVAL') throw error;
}
