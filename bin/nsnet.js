#!/usr/bin/env node
// What `npx nsnet` starts. A clone has no dist/ before it is built; npx remembers a command that it could not find, so
// there must be one from the beginning.
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const command = new URL('../dist/cli.js', import.meta.url);
if (existsSync(command)) await import(command.href);
else {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  process.stderr.write(`nsnet: this clone is not built yet. Type: cd '${root}' && npm run build\n`);
  process.exitCode = 1;
}
