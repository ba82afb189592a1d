import type { NamespaceType } from '../syscalls/excursion.js';
import { census } from './census.js';
import { labels, pathOf } from './names.js';
import type { NamespaceInfo } from './namespace.js';

/** All that this process may see. */
export async function listNamespaces(
  types: readonly NamespaceType[],
  signal?: AbortSignal,
): Promise<NamespaceInfo[]> {
  const { namespaces, names } = await census(types, true, signal);
  if (!types.includes('net')) return namespaces;
  const known = new Map<number, NamespaceInfo>();
  for (const info of namespaces) if (info.type === 'net') known.set(info.id, info);
  for (const { name, id } of names) {
    const info = known.get(id);
    if (info && info.name === undefined) Object.assign(info, { name, path: pathOf(name) });
  }
  for (const { name, id } of await labels()) {
    const info = known.get(id);
    if (info && info.name === undefined) label(info, name);
  }
  return namespaces;
}

/** The network namespaces that have a name, once for each name: pinned ones first. */
export async function listNamed(signal?: AbortSignal): Promise<NamespaceInfo[]> {
  const labelled = await labels();
  // A namespace of this process's own may have nothing but a descriptor of this process.
  const { namespaces, names } = await census(['net'], labelled.length > 0, signal);
  const known = new Map(namespaces.map((info) => [info.id, info]));
  const infoOf = (id: number): NamespaceInfo => ({ ...(known.get(id) ?? { type: 'net', id, pids: [] }) });
  return [
    ...names.map(({ name, id }) => Object.assign(infoOf(id), { name, path: pathOf(name) })),
    ...labelled.map(({ name, id }) => label(infoOf(id), name)),
  ];
}

/** A label leads to it, as long as this process lives; where else it is mounted is told all the same. */
function label(info: NamespaceInfo, name: string): NamespaceInfo {
  if (info.path?.startsWith('/proc/')) delete info.path;
  info.name = name;
  return info;
}
