// The runtimes that the library is for, each from npm, in the version that the table in README.md was made with.
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { npmProgram } from './npm.mjs';
import { say } from './output.mjs';
import { at } from './root.mjs';
import { run, runNode, StepError, step } from './step.mjs';

// The packages for one platform hold the program itself: those that choose among them need install scripts.
const node = (version) => ({
  name: `node${version.split('.')[0]}`,
  title: `Node.js ${version.split('.')[0]}`,
  version,
  package: `node-linux-${process.arch}`,
  program: 'bin/node',
  args: [],
});

export const runtimes = [
  node('20.19.6'),
  node('22.23.3'),
  node('24.21.0'),
  node('26.10.0'),
  {
    name: 'bun',
    title: 'Bun',
    version: '1.4.5',
    package: `@oven/bun-linux-${process.arch === 'arm64' ? 'aarch64' : process.arch}`,
    program: 'bin/bun',
    args: ['--no-install'],
  },
  {
    name: 'deno',
    title: 'Deno',
    version: '2.9.6',
    package: `@deno/linux-${process.arch}-glibc`,
    program: 'deno',
    args: ['run', '--allow-all', '--no-lock', '--cached-only'],
  },
];

const directoryOf = ({ name, version }) => at('build/runtimes', `${name}-${version}`);

/** The program's path. */
export const programOf = (runtime) =>
  `${directoryOf(runtime)}/node_modules/${runtime.package}/${runtime.program}`;

/** Into a directory beside, and renamed when it is whole: an interrupted one is fetched again. */
async function fetch(runtime) {
  const whole = directoryOf(runtime);
  const partial = `${whole}.partial-${process.pid}`;
  try {
    mkdirSync(partial, { recursive: true });
    const args = ['install', '--prefix', partial, '--ignore-scripts', '--no-save', '--no-audit', '--no-fund'];
    await runNode(npmProgram(), [...args, '--loglevel=error', `${runtime.package}@${runtime.version}`]);
    rmSync(whole, { recursive: true, force: true });
    renameSync(partial, whole);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  // That it runs here: the packages are for glibc.
  await run(programOf(runtime), ['--version']);
  say(`  ${runtime.title} ${runtime.version}`);
}

/** Those named, or all. */
export function chosenRuntimes(names) {
  const unknown = names.filter((name) => !runtimes.some((runtime) => runtime.name === name));
  if (unknown.length) {
    const known = runtimes.map(({ name }) => name).join(', ');
    throw new StepError(`Expected some of ${known} but received ${unknown.join(', ')}`);
  }
  return names.length ? runtimes.filter(({ name }) => names.includes(name)) : runtimes;
}

/** Fetches what is not in build/runtimes yet. */
export async function provideRuntimes(chosen) {
  const missing = chosen.filter((runtime) => !existsSync(programOf(runtime)));
  if (missing.length === 0) return;
  const titles = missing.map(({ title, version }) => `${title} ${version}`).join(', ');
  await step(`fetch ${titles} (npm)`, async () => {
    say('');
    await Promise.all(missing.map(fetch));
  });
}
