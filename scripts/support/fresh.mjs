import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { at } from './root.mjs';

const changed = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** The files below a directory, or the file itself. */
export function filesOf(path) {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return [];
  if (!found.isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => filesOf(join(path, name)));
}

/** Whether `product` was made after the last change of all `sources` (files and directories). */
export function isFresh(product, sources) {
  const made = Math.max(changed(product), changed(stampOf(product)));
  return changed(product) > 0 && sources.flatMap(filesOf).every((file) => changed(file) <= made);
}

// A build that finds nothing to change leaves its product as old as it was; the stamp tells that it looked.
const stampOf = (product) => at('build/stamps', relative(at('.'), product).replaceAll('/', '-'));

export function markFresh(product) {
  mkdirSync(at('build/stamps'), { recursive: true });
  writeFileSync(stampOf(product), '');
}
