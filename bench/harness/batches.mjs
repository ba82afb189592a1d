// The files that prepare a namespace for a scenario with `ip -batch`.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { routes } from '../peers/ip/commands.mjs';
import { build } from './files.mjs';

/** lo, a bridge, and four veth pairs: ten links. */
function links() {
  const pairs = [0, 1, 2, 3].flatMap((i) => [
    `link add a${i} up master br0 type veth peer name b${i}`,
    `link set b${i} up`,
  ]);
  return ['link set lo up', 'link add br0 up type bridge', ...pairs];
}

export function writeBatches() {
  writeFileSync(join(build, 'links.batch'), `${links().join('\n')}\n`);
  writeFileSync(join(build, 'routes.batch'), `${routes(100_000).join('\n')}\n`);
}
