// npm run typecheck: the library as it is compiled, then the tests, examples and benchmarks against its sources.
import { prepare } from './prepare.mjs';
import { packaged } from './support/root.mjs';
import { main, runNode, step } from './support/step.mjs';

await main(async () => {
  await prepare('typecheck');
  await step('lib', () => runNode(packaged.tsc, ['-p', 'tsconfig.json', '--noEmit']));
  await step('tests, examples, benchmarks', () => runNode(packaged.tsc, ['-p', 'tsconfig.check.json']));
});
