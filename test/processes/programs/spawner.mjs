// Starts processes one after another until it is killed: spawner.mjs OPTIONS SECONDS; prints the pid of each.
import { spawn } from '../../../dist/index.js';

const [options, seconds] = process.argv.slice(2);
for (;;) {
  const started = await spawn('sleep', [seconds], { stdio: 'ignore', ...JSON.parse(options) });
  process.stdout.write(`${started.pid}\n`);
  if (JSON.parse(options).detached) started.release();
}
