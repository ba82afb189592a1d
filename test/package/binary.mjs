import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { limits } from './limits.mjs';

const readelf = (option, file) =>
  execFileSync('readelf', ['-W', option, file], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });

/** Whether dotted version a is higher than b. */
function isHigher(a, b) {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}

const allowed = (list, name) => list.some((one) => (one instanceof RegExp ? one.test(name) : one === name));

/** What a binary needs and shows: { needed, exports, versions: { GLIBC: '2.28' }, bytes }. */
export function describeBinary(file) {
  const needed = [...readelf('-d', file).matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name);
  const exports = readelf('--dyn-syms', file)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(
      ([, , , , bind, , section]) => bind && bind !== 'LOCAL' && section !== 'UND' && /^\d+$/.test(section),
    )
    .map((columns) => columns[7].split('@')[0]);
  const versions = {};
  for (const [, name, version] of readelf('-V', file).matchAll(/Name: ([A-Z]+)_([\d.]+)/g)) {
    if (!versions[name] || isHigher(version, versions[name])) versions[name] = version;
  }
  return { needed, exports, versions, bytes: statSync(file).size };
}

/** What is wrong with a binary, a line each. */
export function binaryProblems(file, checkout) {
  const { needed, exports, versions, bytes } = describeBinary(file);
  const problems = [];
  for (const [name, version] of Object.entries(versions)) {
    const highest = limits.versions[name];
    if (!highest) problems.push(`needs ${name}_${version}`);
    else if (isHigher(version, highest))
      problems.push(`needs ${name}_${version}, and ${highest} is the highest allowed`);
  }
  for (const name of needed) if (!allowed(limits.needed, name)) problems.push(`needs the library ${name}`);
  for (const name of exports) if (!limits.exports.includes(name)) problems.push(`exports ${name}`);
  for (const name of limits.exports) if (!exports.includes(name)) problems.push(`does not export ${name}`);
  if (bytes > limits.bytes) problems.push(`has ${bytes} bytes, and ${limits.bytes} are allowed`);
  const dynamic = readelf('-d', file);
  if (/\((RPATH|RUNPATH|TEXTREL)\)/.test(dynamic)) problems.push('has an RPATH, RUNPATH or TEXTREL');
  if (!/\(FLAGS_1\).*\bNODELETE\b/.test(dynamic))
    problems.push('may be unloaded while its threads run (no NODELETE)');
  if (!/GNU_STACK .* RW\s/.test(readelf('-l', file))) problems.push('has an executable stack');
  if (readFileSync(file).includes(checkout)) problems.push(`contains the path ${checkout}`);
  return problems;
}
