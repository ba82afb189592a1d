// npm run lint: both languages, as they stand. npm run format: the same, and what can be put right is.
import { prepare } from './prepare.mjs';
import { filesOf } from './support/fresh.mjs';
import { coloured, excerpt, say } from './support/output.mjs';
import { at, packaged } from './support/root.mjs';
import { main, run, runNode, StepError, step } from './support/step.mjs';
import { missingTools } from './support/tools.mjs';

const fix = process.argv.includes('--fix');
const sources = ['native', 'bench']
  .flatMap((name) => filesOf(at(name)))
  .filter((file) => /\.(cc|c|h)$/.test(file));

const steps = {
  'JavaScript and TypeScript (biome)': () =>
    runNode(packaged.biome, [
      ...(fix ? ['check', '--write'] : ['ci']),
      `--colors=${coloured ? 'force' : 'off'}`,
    ]),
  'C and C++ (clang-format)': () =>
    run('clang-format', [...(fix ? ['-i'] : ['--dry-run', '-Werror']), ...sources]),
};

await main(async () => {
  await prepare('lint');
  if (missingTools(['lint']).length) delete steps['C and C++ (clang-format)'];
  let failed = 0;
  for (const [title, work] of Object.entries(steps)) {
    await step(title, work).catch((error) => {
      failed++;
      say(excerpt(error.output || error.message));
    });
  }
  if (failed)
    throw new StepError(
      fix ? 'not everything can be put right by itself' : 'npm run format puts most of this right',
    );
});
