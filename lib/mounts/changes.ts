import { abortError } from '../syscalls/errors.js';
import { Layer } from './layer.js';

/** What a layer changes in those below it. */
export interface LayerChange {
  type: 'added' | 'changed' | 'removed';
  /** In the overlay: '/etc/hosts'. */
  path: string;
}

/** What the lowers show at a name. */
interface Shown {
  directory: boolean;
  /** Those that a directory there consists of, the topmost first. */
  layers: Layer[];
}

/** What the lowers show at names in a directory, those given that it consists of; names that they do not show are left out. */
async function shownBy(
  lowers: readonly Layer[],
  path: string,
  names: Iterable<string>,
): Promise<Map<string, Shown>> {
  const shown = new Map<string, Shown>();
  let open = [...names];
  for (const layer of lowers) {
    if (open.length === 0) break;
    const entries = await layer.entries(path, open);
    open = open.filter((name) => {
      const entry = entries.get(name);
      if (!entry) return true;
      const above = shown.get(name);
      if (entry.kind === 'directory') {
        if (above) above.layers.push(layer);
        else shown.set(name, { directory: true, layers: [layer] });
        return !entry.opaque;
      }
      if (!above && entry.kind === 'other') shown.set(name, { directory: false, layers: [] });
      return false;
    });
  }
  return shown;
}

/** What an upper layer says. */
export async function readChanges(
  upper: string,
  lower: readonly string[],
  signal?: AbortSignal,
): Promise<LayerChange[]> {
  const held: Layer[] = [];
  const hold = async (path: string) => {
    if (signal?.aborted) throw abortError(signal);
    const layer = await Layer.open(path);
    if (layer) held.push(layer);
    return layer;
  };
  try {
    const top = await hold(upper);
    if (!top) return [];
    const lowers: Layer[] = [];
    for (const path of lower) {
      const layer = await hold(path);
      if (layer) lowers.push(layer);
    }
    const changes = await differences(top, lowers, signal);
    return changes.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  } finally {
    await Promise.all(held.map((layer) => layer.close()));
  }
}

async function differences(
  upper: Layer,
  all: readonly Layer[],
  signal: AbortSignal | undefined,
): Promise<LayerChange[]> {
  const changes: LayerChange[] = [];
  /** A directory of the upper, with the lowers that have it, too; `replaced` if what they show there is hidden. */
  const walk = async (path: string, lowers: readonly Layer[], replaced: boolean): Promise<void> => {
    if (signal?.aborted) throw abortError(signal);
    const inside = path && `${path}/`;
    const entries = await upper.list(path);
    const shown = replaced ? new Map<string, Shown>() : await shownBy(lowers, path, entries.keys());
    if (replaced) {
      for (const name of await hiddenBy(entries, lowers, path))
        changes.push({ type: 'removed', path: `/${inside}${name}` });
    }
    for (const [name, { kind, opaque, redirected }] of entries) {
      const at = `/${inside}${name}`;
      const below = shown.get(name);
      if (kind === 'whiteout') {
        if (below) changes.push({ type: 'removed', path: at });
        continue;
      }
      changes.push({ type: below ? 'changed' : 'added', path: at });
      if (kind !== 'directory') continue;
      const merges = below?.directory === true;
      await walk(inside + name, below?.layers ?? [], !merges || redirected || opaque);
    }
  };
  await walk('', all, false);
  return changes;
}

/** What a directory of the upper no longer shows of the lowers. */
async function hiddenBy(
  entries: ReadonlyMap<string, { kind: string }>,
  lowers: readonly Layer[],
  path: string,
): Promise<Iterable<string>> {
  const names = new Set<string>();
  for (const layer of lowers) for (const name of await layer.names(path)) names.add(name);
  for (const [name, { kind }] of entries) if (kind !== 'whiteout') names.delete(name);
  return (await shownBy(lowers, path, names)).keys();
}
