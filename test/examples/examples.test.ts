// The short examples print what is kept beside them, apart from times and ids.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { run } from '../support/witness.js';

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

const named = (suffix: string) =>
  readdirSync(at('examples'))
    .filter((file) => file.endsWith(suffix))
    .map((file) => file.slice(0, -suffix.length));

/** What differs from run to run, and from machine to machine. */
function fixed(output: string): string {
  return output
    .replace(/\d+\.\d+ ms/g, '# ms')
    .replace(/(net|user) \d{10}/g, '$1 #')
    .replace(/uid \d+/g, 'uid #');
}

test.each(named('.out'))('%s', async (name) => {
  const output = await run(process.execPath, [at(`build/examples/${name}.js`)]);
  expect(fixed(output)).toBe(fixed(readFileSync(at(`examples/${name}.out`), 'utf8')));
});

test('each example has its output kept, or a test of its own', () => {
  expect(named('.ts').filter((name) => !named('.out').includes(name))).toEqual(['ping-lab']);
});

/** Packages that examples show nsnet with. */
const OTHERS = ['ws'];

test('an example uses what users can import, and nothing else', () => {
  for (const name of named('.ts')) {
    const source = readFileSync(at(`examples/${name}.ts`), 'utf8');
    const imported = [...source.matchAll(/ from '([^']+)'/g)].map(([, module]) => module);
    expect(imported).toContain('nsnet');
    expect(
      imported.filter((module = '') => ![...OTHERS, 'nsnet'].includes(module) && !module.startsWith('node:')),
    ).toEqual([]);
  }
});
