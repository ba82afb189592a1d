import { existsSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import bindings from 'bindings';
import { libc } from './libc.js';
import { type Attempt, loadError, platformError } from './load-error.js';

/** The directory of this package, wherever in it this code was put. */
function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json')) && directory !== '/') directory = dirname(directory);
  return directory;
}

/** Where the add-on may be, best first: in a checkout what was built there wins over a prebuilt binary. */
function places(root: string): string[] {
  // For development: sanitizer builds, and builds for another C library.
  const chosen = process.env.NSNET_BINARY;
  if (chosen !== undefined && isAbsolute(chosen)) return [chosen];
  return [
    join(root, 'build', 'Release', 'nsnet.node'),
    join(root, 'prebuilds', `${process.platform}-${process.arch}`, `nsnet.${libc()}.node`),
  ];
}

/**
 * Loads the add-on. One place at a time and by its full path: bindings' own list looks into directories that are none
 * of ours, and ends at the first file that cannot be loaded.
 */
export function load(root = packageRoot()): unknown {
  if (process.platform !== 'linux') throw platformError();
  const attempts: Attempt[] = [];
  for (const path of places(root)) {
    if (!existsSync(path)) {
      attempts.push({ path });
      continue;
    }
    try {
      return bindings({
        bindings: basename(path),
        module_root: dirname(path),
        try: [['module_root', 'bindings']],
      });
    } catch (error) {
      attempts.push({ path, error: error as Error });
    }
  }
  throw loadError(root, attempts);
}
