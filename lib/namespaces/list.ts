import { readdir, stat } from 'node:fs/promises';
import { abortError } from '../syscalls/errors.js';
import type { NamespaceType } from '../syscalls/excursion.js';
import { Fd } from '../syscalls/fd.js';
import { native } from '../syscalls/native.js';
import { pinnedNames } from './names.js';
import type { NamespaceInfo } from './namespace.js';

/** Namespaces that a process is in, as far as /proc shows, and the network namespaces that have a name. */
export async function listNamespaces(
  types: readonly NamespaceType[],
  signal?: AbortSignal,
): Promise<NamespaceInfo[]> {
  const found = new Map<string, NamespaceInfo>();
  const note = (type: NamespaceType, id: number) => {
    const key = `${type}:${id}`;
    let info = found.get(key);
    if (!info) {
      info = { type, id, pids: [] };
      found.set(key, info);
    }
    return info;
  };
  const pids = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name)).map(Number);
  for (const pid of pids.sort((a, b) => a - b)) {
    if (signal?.aborted) throw abortError(signal);
    await Promise.all(
      types.map(async (type) => {
        // A process may be gone by now, or not ours to look into.
        const status = await stat(`/proc/${pid}/ns/${type}`).catch(() => undefined);
        if (status) note(type, status.ino).pids.push(pid);
      }),
    );
  }
  if (types.includes('net')) {
    for (const { id, name, path } of await pinnedNames()) Object.assign(note('net', id), { name, path });
  }
  for (const info of found.values()) await relate(info);
  return [...found.values()].sort((a, b) => types.indexOf(a.type) - types.indexOf(b.type) || a.id - b.id);
}

async function relate(info: NamespaceInfo): Promise<void> {
  const path = info.path ?? `/proc/${info.pids[0]}/ns/${info.type}`;
  const opened = await native().open([], false, path, 0o4000, 0);
  if ('errno' in opened) return;
  const fd = new Fd(opened);
  const known = native().nsInfo(fd.native);
  if (typeof known !== 'number' && known[1] === info.id) {
    if (known[3] >= 0) info.uid = known[3];
    const owner = await idOf(native().nsUser(fd.native));
    if (owner !== undefined) info.owner = owner;
    if (info.type === 'pid' || info.type === 'user') {
      const parent = await idOf(native().nsParent(fd.native));
      if (parent !== undefined) info.parent = parent;
    }
  }
  await fd.close();
}

async function idOf(related: ReturnType<ReturnType<typeof native>['nsUser']>): Promise<number | undefined> {
  if (typeof related === 'number') return undefined;
  const fd = new Fd(related);
  const info = native().nsInfo(related);
  await fd.close();
  return typeof info === 'number' ? undefined : info[1];
}
