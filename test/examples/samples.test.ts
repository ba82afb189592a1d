// The samples in README.md and docs/: each is a whole program, in JavaScript that TypeScript accepts, or says that it
// continues the one before. All are compiled as a user's would be, against what was built, and run.
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { end, shell } from '../doctor/support/conditions.js';
import { privileged } from '../support/privileges.js';

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

const CONTINUES = '// continues the sample above\n';

interface Sample {
  /** Where it begins: 'docs/links.md:6'. */
  where: string;
  text: string;
}

/** The programs in a file, each with what continues it. */
function samplesOf(file: string): Sample[] {
  const text = readFileSync(at(file), 'utf8');
  const samples: Sample[] = [];
  for (const { 1: sample = '', index } of text.matchAll(
    /^```(?:[jt]sx?|javascript|typescript)\n(.*?)^```$/gms,
  )) {
    const last = samples.at(-1);
    if (last && sample.startsWith(CONTINUES)) last.text += sample;
    else samples.push({ where: `${file}:${text.slice(0, index).split('\n').length + 1}`, text: sample });
  }
  return samples;
}

const docs = readdirSync(at('docs')).filter((name) => name.endsWith('.md'));
const samples = ['README.md', ...docs.map((name) => `docs/${name}`)].flatMap(samplesOf);

/** A project that has nsnet installed, with each sample as the file that a TypeScript user has, and as a JavaScript user's. */
let project: string;
const nameOf = ({ where }: Sample) => where.replace(/\W/g, '-');

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'nsnet-samples-'));
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(at('.'), join(project, 'node_modules/nsnet'));
  const compilerOptions = {
    target: 'ES2022',
    lib: ['ES2023', 'ESNext.Disposable'],
    module: 'NodeNext',
    strict: true,
    noEmit: true,
    typeRoots: [at('node_modules/@types')],
    types: ['node'],
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.mts'] }));
  for (const sample of samples) {
    for (const extension of ['mts', 'mjs']) {
      writeFileSync(join(project, `${nameOf(sample)}.${extension}`), sample.text);
    }
  }
});
afterAll(() => rmSync(project, { recursive: true }));

test('are found', () => {
  const files = new Set(samples.map(({ where }) => where.split(':')[0]));
  expect([...files]).toEqual(expect.arrayContaining(['README.md', 'docs/links.md', 'docs/namespaces.md']));
});

test('compile', async () => {
  const tsc = at('node_modules/typescript/bin/tsc');
  const outcome = await end(process.execPath, tsc, '-p', project, '--pretty', 'false');
  expect(outcome).toEqual({ code: 0, stdout: '', stderr: '' });
});

/** Names that samples pin are nobody else's: root runs them with a /run of their own. */
const apart = privileged ? ['unshare', '--mount', ...shell('mount -t tmpfs tmpfs /run && exec "$@"')] : [];

test.concurrent.each(samples)('$where runs', async (sample) => {
  const [file = '', ...args] = [...apart, process.execPath, join(project, `${nameOf(sample)}.mjs`)];
  expect(await end(file, ...args)).toMatchObject({ code: 0, stderr: '' });
});
