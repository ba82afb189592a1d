import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isFresh, markFresh } from './fresh.mjs';
import { at, packaged } from './root.mjs';
import { runNode, StepError, step } from './step.mjs';
import { cure, installTools, missingTools, names } from './tools.mjs';

const product = at('build/Release/nsnet.node');
const sources = [at('native'), at('binding.gyp')];

/** Where Node's headers are, if they came with it; without them node-gyp downloads them. */
export function headerDirectory() {
  if (process.env.npm_config_nodedir) return process.env.npm_config_nodedir;
  const prefix = dirname(dirname(process.execPath));
  const header = join(prefix, 'include/node/node_version.h');
  if (!existsSync(header)) return undefined;
  const text = readFileSync(header, 'utf8');
  const numbers = ['MAJOR', 'MINOR', 'PATCH'].map(
    (part) => new RegExp(`NODE_${part}_VERSION (\\d+)`).exec(text)?.[1],
  );
  return numbers.join('.') === process.versions.node ? prefix : undefined;
}

const hasPrebuild = () => {
  const directory = at('prebuilds', `${process.platform}-${process.arch}`);
  return existsSync(directory) && readdirSync(directory).some((name) => name.endsWith('.node'));
};

/** Builds the add-on unless it is newer than its sources; without a compiler a prebuilt one does. */
export async function provideAddon() {
  if (isFresh(product, sources)) return;
  if (missingTools(['build']).length && hasPrebuild()) return;
  const missing = await installTools(['build']);
  if (missing.length)
    throw new StepError(`The add-on cannot be built without ${names(missing)}. ${cure(missing)}`);
  const headers = headerDirectory();
  const args = ['configure', 'build', '--jobs=max', ...(headers ? [`--nodedir=${headers}`] : [])];
  await step('build the add-on (node-gyp)', () => runNode(packaged.nodeGyp, args));
  markFresh(product);
}
