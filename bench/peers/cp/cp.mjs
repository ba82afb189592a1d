// What most programs do to copy a directory: start `cp -a`, or call node:fs. Usage: cp.mjs copy cp|fs small|large.
import { spawnSync } from 'node:child_process';
import { cp, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const [, way, what] = process.argv.slice(2);
const place = `${process.env.NSNET_BENCH_COPY ?? '/run'}/nsnet-copy`;
const source = `${place}/${what}`;
const target = `${place}/copied`;
const AGAIN = way === 'fs' ? 1 : 5; // node:fs takes seconds

const ways = {
  async cp() {
    const run = spawnSync('cp', ['-a', source, target], { encoding: 'utf8' });
    if (run.error) throw run.error;
    if (run.status !== 0) throw new Error(run.stderr.trim());
  },
  fs: () => cp(source, target, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true }),
};

const samples = [];
for (let i = 0; i <= AGAIN; i++) {
  spawnSync('sync', ['-f', place]);
  const start = process.hrtime.bigint();
  await ways[way]();
  samples.push(Number(process.hrtime.bigint() - start));
  await rm(target, { recursive: true });
  await sleep(100);
}
const [first, ...again] = samples;
console.log(JSON.stringify({ first, again: again.sort((a, b) => a - b)[AGAIN >> 1] }));
