// Two directories shown as one: the upper hides the lower, and what is changed goes to the upper alone. The overlay is
// mounted in no directory, and is used by its path: that takes no privileges. An upper cannot be on an overlay itself: in a
// container, TMPDIR=/dev/shm.
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OverlayMount } from 'nsnet';

const directory = mkdtempSync(join(tmpdir(), 'overlay-'));
const layer = (name: string, files: string[]) => {
  const path = join(directory, name);
  mkdirSync(path);
  for (const file of files) writeFileSync(join(path, file), `from ${name}`);
  return path;
};
const lower = layer('lower', ['in_lower.txt', 'in_both.txt']);
const upper = layer('upper', ['in_upper.txt', 'in_both.txt']);
const work = layer('work', []);

// As mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged
const overlay = await OverlayMount.create({ lower: [lower], upper, work });
const merged = overlay.path;

const files = ['in_lower.txt', 'in_both.txt', 'in_upper.txt'];
const contentOf = (path: string) => {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (!status) return '–';
  return status.isCharacterDevice() ? 'whiteout' : readFileSync(path, 'utf8');
};
const show = (when: string) => {
  const rows = files.map((file) => [
    file,
    ...[lower, upper, merged].map((path) => contentOf(join(path, file))),
  ]);
  for (const row of [[when, 'lower', 'upper', 'merged'], ...rows]) {
    console.log(row.map((cell, i) => (i < 3 ? cell.padEnd(14) : cell)).join(''));
  }
};

show('before');
console.log(`\nrm ${files.map((file) => `merged/${file}`).join(' ')}\n`);
for (const file of files) rmSync(join(merged, file));
show('after');

console.log('\nthe upper has');
for (const { type, path } of await overlay.changes()) console.log(`${type} ${path}`);

await overlay.close();
chmodSync(join(work, 'work'), 0o700); // overlayfs leaves it without permissions
rmSync(directory, { recursive: true });
