// npm run test:runtimes [-- node22 bun …]: each row of the table in README.md in every runtime, as this user and, where
// that is root, as an ordinary user. It fails where the table says anything else; --write writes the table anew.
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  constants,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { areas, titles } from '../test/runtimes/rows.mjs';
import { agrees, cellOf, isReplaced, replaceTable, tableOf } from '../test/runtimes/table.mjs';
import { prepare } from './prepare.mjs';
import { ordinaryUser, readableCheckout } from './support/ordinary-user.mjs';
import { say } from './support/output.mjs';
import { at, root } from './support/root.mjs';
import { chosenRuntimes, programOf, provideRuntimes, runtimes } from './support/runtimes.mjs';
import { main, StepError, step } from './support/step.mjs';

const TIMEOUT = 60_000;
const documents = ['README.md', 'docs/runtimes.md'].map((name) => at(name));

const isTold = (outcome) => outcome === 'works' || outcome === 'typed error';

/** Row → 'works', 'typed error', or a text that says what is wrong. */
function outcomesOf(area, output, errors, ending) {
  const lines = output.split('\n').filter((line) => line.startsWith('{"row":'));
  const told = new Map(lines.map((line) => JSON.parse(line)).map((line) => [line.row, line]));
  const rows = Object.keys(areas[area]);
  const outcomes = rows.map((row) => {
    const { result, error } = told.get(row) ?? {};
    return [row, result === 'failed' ? error : (result ?? `nothing was told, ${ending}\n${errors}`)];
  });
  // The last row is blamed for what was told by all and did not end.
  if (ending !== 'exit code 0' && isTold(outcomes.at(-1)[1])) {
    outcomes.at(-1)[1] = `all of ${area} was told, and then ${ending}\n${errors}`;
  }
  return outcomes;
}

function runArea(runtime, area, { checkout, program, options }) {
  const args = [...runtime.args, join(checkout, 'test/runtimes/area.mjs'), area];
  return new Promise((resolve, reject) => {
    const child = spawn(program(runtime), args, {
      ...options,
      cwd: checkout,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let ending;
    const timer = setTimeout(() => {
      ending = `it had not ended by itself after ${TIMEOUT} ms`;
      child.kill('SIGKILL');
    }, TIMEOUT);
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      errors += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      ending ??= signal === null ? `exit code ${code}` : `ended by ${signal}`;
      resolve(outcomesOf(area, output, errors, ending));
    });
  });
}

/** All areas, some at a time: those that wait for something leave the processors to the others. */
async function runRows(runtime, user) {
  const outcomes = [];
  const waiting = Object.keys(areas);
  const worker = async () => {
    for (let area = waiting.shift(); area !== undefined; area = waiting.shift()) {
      outcomes.push(...(await runArea(runtime, area, user)));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return new Map(outcomes);
}

const canExecute = (path, { options }) =>
  spawnSync(path, ['--version'], { ...options, cwd: '/' }).status === 0;

/** Who runs the rows: this user, and for root somebody ordinary, with a checkout and programs that they can read. */
function users(directory) {
  const env = {
    ...process.env,
    DENO_DIR: join(directory, 'deno'),
    DENO_NO_UPDATE_CHECK: '1',
    NO_COLOR: '1',
    NODE_NO_WARNINGS: '1',
  };
  const self = {
    name: `uid ${process.getuid()}`,
    checkout: root,
    program: programOf,
    options: { env },
    end() {},
  };
  if (process.getuid() !== 0) return [self];
  const user = ordinaryUser();
  const checkout = readableCheckout(user);
  const program = (runtime) => {
    if (canExecute(programOf(runtime), user)) return programOf(runtime);
    const copy = join(user.home, runtime.name);
    copyFileSync(programOf(runtime), copy, constants.COPYFILE_FICLONE);
    chmodSync(copy, 0o755);
    return copy;
  };
  const programs = new Map();
  const once = (runtime) => {
    if (!programs.has(runtime)) programs.set(runtime, program(runtime));
    return programs.get(runtime);
  };
  const theirs = { ...env, ...user.options.env, DENO_DIR: join(user.home, 'deno') };
  return [
    { ...self, name: 'root' },
    {
      name: `uid ${user.options.uid}`,
      checkout,
      program: once,
      options: { ...user.options, env: theirs },
      end: user.remove,
    },
  ];
}

/** Runtime → user's name → row → outcome. */
async function findOut(chosen, all) {
  const found = new Map();
  for (const runtime of chosen) {
    const byUser = new Map();
    found.set(runtime.name, byUser);
    for (const user of all) {
      await step(`${runtime.title} ${runtime.version} as ${user.name}: ${titles.length} rows`, async () => {
        byUser.set(user.name, await runRows(runtime, user));
      });
    }
  }
  return found;
}

/** What failed, each with where and why. */
function failures(chosen, found) {
  return chosen.flatMap((runtime) =>
    [...found.get(runtime.name)].flatMap(([user, outcomes]) =>
      [...outcomes]
        .filter(([, outcome]) => !isTold(outcome))
        .map(([title, outcome]) => `${runtime.title} ${runtime.version} as ${user}: ${title}\n${outcome}`),
    ),
  );
}

/** Where the documents say anything else than what was found. */
function lies(chosen, found) {
  return documents.flatMap((document) => {
    const table = tableOf(readFileSync(document, 'utf8'));
    const surplus = [...table.keys()]
      .filter((title) => !titles.includes(title))
      .map((title) => `no such row: ${title}`);
    const cells = chosen.flatMap((runtime) =>
      titles.flatMap((title) => {
        const outcomes = [...found.get(runtime.name)].map(([user, all]) => [user, all.get(title)]);
        const told = table.get(title)?.get(runtime.title);
        return agrees(told, outcomes)
          ? []
          : [`${title}, ${runtime.title}: '${told}', found '${cellOf(outcomes)}'`];
      }),
    );
    return [...surplus, ...cells].map((line) => `${document}: ${line}`);
  });
}

async function check(chosen, all, write) {
  const found = await findOut(chosen, all);
  const failed = failures(chosen, found);
  if (failed.length) throw new StepError(`${failed.length} rows failed`, failed.join('\n\n'));
  if (write) {
    if (chosen.length < runtimes.length || all.length < 2) {
      throw new StepError('--write needs all runtimes, and root');
    }
    for (const document of documents) {
      const text = readFileSync(document, 'utf8');
      if (!isReplaced(text)) throw new StepError(`${document} has no place for the table`);
      writeFileSync(document, replaceTable(text, runtimes, titles, found));
    }
  }
  const wrong = lies(chosen, found);
  if (wrong.length) {
    throw new StepError(
      'The table is not what was found: npm run test:runtimes -- --write',
      wrong.join('\n'),
    );
  }
  say(`${chosen.length * all.length * titles.length} outcomes, all as the table says`);
}

await main(async () => {
  const args = process.argv.slice(2).filter((argument) => argument !== '--verbose');
  const chosen = chosenRuntimes(args.filter((argument) => argument !== '--write'));
  await prepare('runtimes');
  await provideRuntimes(chosen);
  const directory = mkdtempSync(join(tmpdir(), 'nsnet-runtimes-'));
  const all = users(directory);
  try {
    await check(chosen, all, args.includes('--write'));
  } finally {
    for (const user of all) user.end();
    rmSync(directory, { recursive: true });
  }
});
