// What npm runs before it packs: the compiled library and the binary for this system, so that a tarball made here
// works. Nothing of this runs when the package is installed.

import { makePrebuilds } from './prebuilds.mjs';
import { prepare } from './prepare.mjs';
import { isFresh } from './support/fresh.mjs';
import { at } from './support/root.mjs';
import { main } from './support/step.mjs';

await main(async () => {
  await prepare('package');
  const { glibcVersionRuntime } = process.report.getReport().header;
  const libc = glibcVersionRuntime ? 'glibc' : 'musl';
  const binary = at('prebuilds', `linux-${process.arch}`, `nsnet.${libc}.node`);
  if (!isFresh(binary, [at('native'), at('binding.gyp')])) await makePrebuilds();
});
