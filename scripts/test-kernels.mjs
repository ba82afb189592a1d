// Runs the tests on other kernels than this machine's, as root and as an ordinary user. See --help.
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runKernel } from '../test/kernels/matrix.mjs';
import { summarize } from '../test/kernels/report.mjs';
import { selectMarked } from '../test/kernels/selection.mjs';
import { needTools } from '../test/kernels/tools.mjs';

const versions = ['6.1', '6.12'];
const usage = `node scripts/test-kernels.mjs [options] [-- filters of vitest]

Boots Debian's kernels ${versions.join(' and ')} in QEMU on a read-only view of this machine and runs the tests there.
  --kernel VERSION   this kernel only (repeatable)
  --only-marked      only test files with "// @kernels" in their first five lines
  --isolate          a process per test file: slower by some 5 s each
  --timeout MINUTES  for all tests on one kernel (60)
Kernels are kept in .cache/kernels, or in $NSNET_CACHE/kernels.`;

const options = {
  kernel: { type: 'string', multiple: true, default: versions },
  'only-marked': { type: 'boolean', default: false },
  isolate: { type: 'boolean', default: false },
  timeout: { type: 'string', default: '60' },
  help: { type: 'boolean', default: false },
};

async function main() {
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  if (values.help) return console.log(usage);
  const unknown = values.kernel.filter((version) => !versions.includes(version));
  const minutes = Number(values.timeout);
  if (unknown.length > 0 || !(minutes > 0)) throw new Error(`bad arguments\n\n${usage}`);

  const project = dirname(dirname(fileURLToPath(import.meta.url)));
  if (!existsSync(join(project, 'node_modules/vitest')))
    throw new Error('vitest is missing: run `npm ci` first');
  const filters = values['only-marked'] ? selectMarked(project, positionals) : positionals;
  const vitest = [
    ...['run', '--configLoader=runner', '--pool=forks', '--maxWorkers=1', '--no-file-parallelism'],
    ...['--testTimeout=600000', '--hookTimeout=600000', values.isolate ? '--isolate' : '--no-isolate'],
    ...['--reporter=verbose', '--reporter=./test/kernels/guest-reporter.mjs', ...filters],
  ];
  const cache = join(resolve(project, process.env.NSNET_CACHE ?? '.cache'), 'kernels');
  const tools = needTools();
  const chosen = [...new Set(values.kernel)];
  // An emulated machine has one processor, and uses one.
  const atOnce = Math.min(chosen.length, availableParallelism());
  const outcomes = await inTurn(chosen, atOnce, async (version, quiet) => {
    const lines = [];
    const say = quiet ? (line) => lines.push(line) : console.log;
    const outcome = await runKernel({ version, tools, cache, project, vitest, minutes, say });
    if (outcome.error) say(outcome.error.message);
    return { ...outcome, lines };
  });
  for (const { lines } of outcomes) if (lines.length) console.log(lines.join('\n'));
  const { table, ok } = summarize(outcomes);
  console.log(`\n${table}`);
  if (!ok) process.exitCode = 1;
}

/** Does it with each, so many at a time; told of each whether others are under way that print already. */
async function inTurn(all, atOnce, work) {
  const results = [];
  let [next, printing] = [0, false];
  const worker = async () => {
    while (next < all.length) {
      const place = next++;
      const quiet = printing;
      printing = true;
      results[place] = await work(all[place], quiet);
      if (!quiet) printing = false;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
