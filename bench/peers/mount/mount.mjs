// The peers that most Node programs use today: mount(8) or fuse-overlayfs, then umount(8), by child_process.
// Usage: mount.mjs mount|fuse-overlayfs LOWERS.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

const PLACE = '/run/mounts';
const AGAIN = 10;

const [program, count] = process.argv.slice(2);
const lowers = Array.from({ length: Number(count) }, (_, i) => `${PLACE}/${i}`);
const target = `${PLACE}/target`;
for (const path of [target, `${PLACE}/upper`, `${PLACE}/work`, ...lowers])
  mkdirSync(path, { recursive: true });

const options = `lowerdir=${lowers.join(':')},upperdir=${PLACE}/upper,workdir=${PLACE}/work`;
const programs = {
  mount: ['mount', '-t', 'overlay', 'overlay', '-o', options, target],
  'fuse-overlayfs': ['fuse-overlayfs', '-o', options, target],
};

function run(file, ...args) {
  const { error, status, stderr } = spawnSync(file, args, { encoding: 'utf8' });
  if (error) throw error;
  if (status !== 0) throw new Error(`${file}: ${stderr.trim()}`);
}

const samples = [];
for (let i = 0; i <= AGAIN; i++) {
  const start = process.hrtime.bigint();
  run(...programs[program]);
  run('umount', target);
  samples.push(Number(process.hrtime.bigint() - start));
}
const [first, ...again] = samples;
console.log(JSON.stringify({ first, again: again.sort((a, b) => a - b)[AGAIN >> 1] }));
