// Makes a checkout ready for what is named: node scripts/prepare.mjs lab|test|… . What is ready already costs nothing.
import { fileURLToPath } from 'node:url';
import { provideAddon } from './support/addon.mjs';
import { provideDependencies } from './support/dependencies.mjs';
import { main, StepError } from './support/step.mjs';
import { provideTools } from './support/tools.mjs';
import { provideExamples, provideLibrary } from './support/typescript.mjs';

const all = [provideAddon, provideLibrary, provideExamples];

/** What each script needs: system tools by purpose (support/tools.mjs), and what has to be built. */
const needs = {
  build: { tools: [], build: all },
  lab: { tools: [], build: all },
  test: { tools: ['test'], build: all },
  bench: { tools: ['test'], build: all },
  kernels: { tools: ['test'], build: all },
  sanitize: { tools: ['build', 'test', 'sanitize'], build: all },
  runtimes: { tools: [], build: [provideAddon, provideLibrary] },
  package: { tools: ['build', 'package'], build: [provideLibrary] },
  lint: { tools: ['lint'], build: [] },
  tidy: { tools: ['tidy'], build: [provideAddon] },
  typecheck: { tools: [], build: [] },
};

function checkSystem() {
  if (process.platform !== 'linux') throw new StepError(`nsnet needs Linux; this is ${process.platform}.`);
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new StepError(`nsnet needs Node.js 20.19 or newer; this is ${process.version}.`);
  }
}

export async function prepare(purpose) {
  if (!Object.hasOwn(needs, purpose)) {
    throw new StepError(`Expected one of ${Object.keys(needs).join(', ')} but received '${purpose}'`);
  }
  checkSystem();
  const { tools, build } = needs[purpose];
  await provideTools(tools);
  await provideDependencies();
  for (const provide of build) await provide();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(() => prepare(process.argv[2]));
