import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** A path in this checkout. */
export const at = (...parts) => join(root, ...parts);

/** A program among the development dependencies, as arguments for node. */
export const packaged = {
  biome: at('node_modules/@biomejs/biome/bin/biome'),
  cmakeJs: at('node_modules/cmake-js/bin/cmake-js'),
  nodeGyp: at('node_modules/node-gyp/bin/node-gyp.js'),
  prebuildify: at('node_modules/prebuildify/bin.js'),
  tsc: at('node_modules/typescript/bin/tsc'),
  vitest: at('node_modules/vitest/vitest.mjs'),
};
