import { existsSync, rmSync } from 'node:fs';
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

/** lib/ to dist/ */
export const provideLibrary = () =>
  compile('compile the library (tsc)', 'tsconfig.json', 'lib', at('dist'), at('dist/index.js'));

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
