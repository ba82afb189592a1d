import { Pace } from '../handles/pace.js';
import { abortError, systemError } from '../syscalls/errors.js';
import { CLONE, type NamespaceType } from '../syscalls/excursion.js';
import { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import type { NamespaceInfo } from './namespace.js';
import { typeOfFlag } from './types.js';

const ECANCELED = -125;
const ESTALE = -116;
/** Numbers that one namespace is told by. */
const NUMBERS = 8;

/** What /proc shows at the time. */
export interface Census {
  /** By type, by flag, and id. */
  namespaces: NamespaceInfo[];
  /** The files under /run/netns that mean a network namespace, sorted. */
  names: { name: string; id: number }[];
}

/**
 * Reads it, on a thread of the add-on's. With `holders` also what only descriptors, threads, mounts and relatives
 * keep.
 */
export async function census(
  types: readonly NamespaceType[],
  holders: boolean,
  signal?: AbortSignal,
): Promise<Census> {
  if (signal?.aborted) throw abortError(signal);
  const flags = types.reduce((sum, type) => sum | CLONE[type], 0);
  const [scanned, stop] = native().scanNamespaces(flags, holders);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const told = await scanned;
    if (told === ECANCELED || signal?.aborted) throw abortError(signal);
    if (typeof told === 'number') throw systemError(told, 'openat', { subject: '/proc' });
    return { namespaces: await decode(told, signal), names: namesOf(told[3]) };
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** Finds one by whatever keeps it, `first` being a process to begin with; undefined if nothing does. */
export async function findNamespace(
  { type, id, uniqueId = 0 }: Pick<NamespaceInfo, 'type' | 'id' | 'uniqueId'>,
  first: number,
): Promise<Fd | undefined> {
  const found = await native().findNamespace(CLONE[type], id, uniqueId, first)[0];
  if (found === ESTALE || found === ECANCELED) return undefined;
  if (typeof found === 'number') throw systemError(found, 'openat', { subject: '/proc' });
  return new Fd(found);
}

async function decode(
  [numberBytes, pidBytes, paths]: Uint8Array[],
  signal: AbortSignal | undefined,
): Promise<NamespaceInfo[]> {
  const numbers = new Float64Array((numberBytes as Uint8Array).buffer);
  const allPids = new Int32Array((pidBytes as Uint8Array).buffer);
  const namespaces: NamespaceInfo[] = [];
  const pace = new Pace();
  let pidsAt = 0;
  let pathsAt = 0;
  for (let at = 0; at < numbers.length; at += NUMBERS) {
    const [flag, id, uid, owner, parent, uniqueId, pids, path] = numbers.subarray(at, at + NUMBERS);
    const info: NamespaceInfo = {
      type: typeOfFlag(flag as number) as NamespaceType,
      id: id as number,
      pids: part(allPids, pidsAt, pids as number),
    };
    pidsAt += pids as number;
    if (uniqueId) info.uniqueId = uniqueId;
    if (path) info.path = textOf(paths as Uint8Array, pathsAt, pathsAt + path);
    pathsAt += path as number;
    if (uid !== -1) info.uid = uid;
    if (owner) info.owner = owner;
    if (parent) info.parent = parent;
    namespaces.push(info);
    if (pace.due) {
      await pace.turn();
      if (signal?.aborted) throw abortError(signal);
    }
  }
  return namespaces;
}

/** By hand: Array.from() takes forty times as long, and a machine may have many processes. */
function part(all: Int32Array, start: number, length: number): number[] {
  const numbers = new Array<number>(length);
  for (let i = 0; i < length; i++) numbers[i] = all[start + i] as number;
  return numbers;
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}

function namesOf(bytes: Uint8Array): Census['names'] {
  const lines = textOf(bytes, 0, bytes.length).split('\0').slice(0, -1);
  const names = lines.map((line) => {
    const blank = line.indexOf(' ');
    return { name: line.slice(blank + 1), id: Number(line.slice(0, blank)) };
  });
  return names.sort((a, b) => (a.name < b.name ? -1 : 1));
}
