import { accessSync, constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

function cacheDirectory(): string {
  try {
    accessSync(at('.'), constants.W_OK);
    return at('./build/vitest');
  } catch {
    return `${tmpdir()}/nsnet-vitest-${process.getuid?.()}`;
  }
}

// Inherited by all that this run starts, so that another run at the same time can tell (test/support/leaks.ts).
process.env.NSNET_SUITE ??= String(process.pid);

export default defineConfig({
  cacheDir: cacheDirectory(),
  // The library as it was compiled (`npm test`, `npm run build`), imported by Node itself: hundreds of modules in each file's process.
  resolve: {
    alias: [
      { find: /^nsnet$/, replacement: at('./build/lib/index.js') },
      { find: /^nsnet\/(syscalls|netlink)$/, replacement: at('./build/lib/$1/index.js') },
      { find: /^nsnet\/undici$/, replacement: at('./build/lib/sockets/undici.js') },
      { find: /^(?:\.\.\/)+lib\/(.*)$/, replacement: at('./build/lib/$1') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/leaks.ts'],
    // A process a file, one after the other: the tests count descriptors and threads, and share one kernel.
    pool: 'forks',
    server: { deps: { external: [/\/build\/lib\//] } },
    maxWorkers: 1,
    // Of those that say that they may.
    maxConcurrency: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
