import { cpSync, existsSync, rmSync } from 'node:fs';
import { relative } from 'node:path';
import { filesOf, isFresh, markFresh } from './fresh.mjs';
import { at, packaged } from './root.mjs';
import { runNode, step } from './step.mjs';

/** Takes away what was compiled from files that are gone. */
function prune(output, input) {
  for (const file of filesOf(output)) {
    const source = at(input, relative(output, file).replace(/(\.d)?\.(js|ts)$/, '.ts'));
    if (/\.(js|ts)$/.test(file) && !existsSync(source)) rmSync(file);
  }
}

async function compile(title, project, input, output, product, others = []) {
  if (isFresh(product, [at(input), at(project), at('tsconfig.json'), ...others])) return;
  await step(title, () => runNode(packaged.tsc, ['-p', project]));
  prune(output, input);
  markFresh(product);
}

const entries = ['index', 'syscalls/index', 'netlink/index', 'sockets/undici', 'cli'];
const dist = at('dist');

/** lib/ to build/lib/, module by module, and that to dist/. */
export async function provideLibrary() {
  const compiled = at('build/lib');
  await compile('compile the library (tsc)', 'tsconfig.json', 'lib', compiled, `${compiled}/index.js`);
  if (isFresh(`${dist}/index.js`, [compiled, at('scripts/support/typescript.mjs')])) return;
  await step('bundle the library (rolldown)', () => bundle(compiled));
  markFresh(`${dist}/index.js`);
}

// Node takes some 0.7 ms for each module that it imports, and there are hundreds of small ones.
async function bundle(compiled) {
  const { rolldown } = await import('rolldown');
  const build = await rolldown({
    input: Object.fromEntries(entries.map((name) => [name, `${compiled}/${name}.js`])),
    platform: 'node',
    external: [/^[^./]/],
    treeshake: false,
  });
  rmSync(dist, { recursive: true, force: true });
  await build.write({ dir: dist, format: 'esm', chunkFileNames: 'chunks/[name].js' });
  await build.close();
  cpSync(compiled, dist, { recursive: true, filter: (path) => !path.endsWith('.js') });
}

/** examples/ to build/examples/ */
export const provideExamples = () =>
  compile(
    'compile the examples (tsc)',
    'tsconfig.examples.json',
    'examples',
    at('build/examples'),
    at('build/examples/ping-lab.js'),
    [at('dist/index.d.ts')],
  );
