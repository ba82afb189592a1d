// npm run tidy: clang-tidy on the add-on's sources, as many at a time as there are processors.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { prepare } from './prepare.mjs';
import { at } from './support/root.mjs';
import { main, run, StepError, step } from './support/step.mjs';
import { missingTools } from './support/tools.mjs';

const flags = [
  '-std=gnu++17',
  '-D_GNU_SOURCE',
  '-D_FILE_OFFSET_BITS=64',
  '-DNAPI_VERSION=8',
  '-DNAPI_CPP_EXCEPTIONS',
];
const headers = [
  'node_modules/node-addon-api',
  'node_modules/node-api-headers/include',
  'build/Release/obj/gen',
];

await main(async () => {
  await prepare('tidy');
  if (missingTools(['tidy']).length) throw new StepError('clang-tidy is not there');
  const { sources } = JSON.parse(readFileSync(at('native/sources.json'), 'utf8'));
  const found = [];
  const worker = async () => {
    for (let source = sources.shift(); source !== undefined; source = sources.shift()) {
      const args = ['--quiet', source, '--', ...flags, ...headers.flatMap((path) => ['-isystem', at(path)])];
      await run('clang-tidy', args).catch((error) => found.push(error.output || error.message));
    }
  };
  await step('C++ (clang-tidy)', async () => {
    await Promise.all(Array.from({ length: availableParallelism() }, worker));
    if (found.length)
      throw new StepError(`clang-tidy finds fault with ${found.length} files`, found.join('\n'));
  });
});
