import type { Steps } from '../syscalls/steps.js';
import { bitsOf, CAPABILITIES, type Capability } from './capabilities.js';
import { PR } from './constants.js';
import type { CapabilitySets, SpawnOptions } from './types.js';

/** _LINUX_CAPABILITY_VERSION_3. */
const VERSION = 0x20080522;

const SETS = ['bounding', 'permitted', 'effective', 'inheritable', 'ambient'] as const;

/** A list is each of the five. */
export function setsOf({ capabilities }: SpawnOptions): CapabilitySets | undefined {
  if (!Array.isArray(capabilities)) return capabilities as CapabilitySets | undefined;
  return Object.fromEntries(SETS.map((name) => [name, capabilities as Capability[]]));
}

/**
 * Who it is from now on: groups, then ids, with the capabilities that are to be kept over that. Whether that changes
 * anything.
 */
export function addIdentity(steps: Steps, options: SpawnOptions, mayBeDenied: boolean): boolean {
  const { uid, gid, groups, noNewPrivileges = false } = options;
  const sets = setsOf(options);
  if (sets?.bounding) {
    const kept = new Set<string>(sets.bounding);
    for (const [number, name] of CAPABILITIES.entries()) {
      // A kernel that does not know one says EINVAL; what was dropped is read back by nobody else.
      if (!kept.has(name)) steps.add('prctl', [PR.CAPBSET_DROP, number, 0, 0, 0], { optional: number > 37 });
    }
  }
  if (sets && uid !== undefined && uid !== 0) steps.add('prctl', [PR.SET_KEEPCAPS, 1, 0, 0, 0]);
  const list = groups ?? (uid !== undefined || gid !== undefined ? [] : undefined);
  if (list) {
    const bytes = Buffer.alloc(list.length * 4);
    for (const [i, one] of list.entries()) bytes.writeUInt32LE(one, i * 4);
    // Where setgroups(2) is denied, in a user namespace of one id, there are none to be dropped.
    steps.add('setgroups', [list.length, bytes], { optional: groups === undefined && mayBeDenied });
  }
  if (gid !== undefined) steps.add('setresgid', [gid, gid, gid]);
  if (uid !== undefined) steps.add('setresuid', [uid, uid, uid]);
  if (sets) addSets(steps, sets);
  if (noNewPrivileges) steps.add('prctl', [PR.SET_NO_NEW_PRIVS, 1, 0, 0, 0]);
  return sets !== undefined || list !== undefined || gid !== undefined || uid !== undefined;
}

function addSets(steps: Steps, { permitted: given, effective, inheritable, ambient }: CapabilitySets): void {
  const permitted = given ?? [...new Set([...(effective ?? []), ...(inheritable ?? []), ...(ambient ?? [])])];
  const header = Buffer.alloc(8);
  header.writeUInt32LE(VERSION, 0);
  const data = Buffer.alloc(24);
  const sets = [effective ?? permitted, permitted, inheritable ?? ambient ?? []];
  for (const [i, set] of sets.entries()) {
    const [low, high] = bitsOf(set);
    data.writeUInt32LE(low, i * 4);
    data.writeUInt32LE(high, 12 + i * 4);
  }
  steps.add('capset', [header, data]);
  steps.add('prctl', [PR.CAP_AMBIENT, PR.CAP_AMBIENT_CLEAR_ALL, 0, 0, 0]);
  for (const name of ambient ?? [])
    steps.add('prctl', [PR.CAP_AMBIENT, PR.CAP_AMBIENT_RAISE, CAPABILITIES.indexOf(name), 0, 0]);
}
