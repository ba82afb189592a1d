// npm run prebuilds: prebuilds/linux-<architecture>/nsnet.<libc>.node for the system that this runs on. It is built
// from nothing, in a directory of its own, so build/ stays as it is.
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepare } from './prepare.mjs';
import { headerDirectory } from './support/addon.mjs';
import { at, packaged, root } from './support/root.mjs';
import { main, runNode, step } from './support/step.mjs';

export async function makePrebuilds() {
  const directory = mkdtempSync(join(tmpdir(), 'nsnet-prebuild-'));
  for (const part of ['package.json', 'binding.gyp', 'native']) {
    cpSync(at(part), join(directory, part), { recursive: true });
  }
  symlinkSync(at('node_modules'), join(directory, 'node_modules'));
  const headers = headerDirectory();
  const env = { ...process.env, PATH: `${at('node_modules/.bin')}${delimiter}${process.env.PATH}` };
  if (headers) env.npm_config_nodedir = headers;
  const target = ['-t', process.versions.node];
  const args = [
    '--napi',
    '--strip',
    '--tag-libc',
    '--name',
    'nsnet',
    ...target,
    '--cwd',
    directory,
    '--out',
    root,
  ];
  await step('build the add-on for the package (prebuildify)', () =>
    runNode(packaged.prebuildify, args, { env }),
  );
  rmSync(directory, { recursive: true });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    await prepare('package');
    await makePrebuilds();
  });
}
