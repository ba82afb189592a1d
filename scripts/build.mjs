// npm run build: the add-on, dist/ and the examples.
import { prepare } from './prepare.mjs';
import { say } from './support/output.mjs';
import { main } from './support/step.mjs';

await main(async () => {
  await prepare('build');
  say('build/Release/nsnet.node, dist/ and build/examples/ are up to date');
});
