#!/usr/bin/env node
// The benchmark: `npm run bench`, or node bench/run.mjs [scenario…] [--runs N] [--json FILE] [--markdown FILE].
// Progress goes to standard error, results to standard output. The exit code tells whether it ran, not how fast.
import { writeFileSync } from 'node:fs';
import { writeBatches } from './harness/batches.mjs';
import { goals } from './harness/goals.mjs';
import { host } from './harness/host.mjs';
import { isolationProblem } from './harness/isolate.mjs';
import { measure } from './harness/measure.mjs';
import { parseOptions, usage } from './harness/options.mjs';
import { prepare } from './harness/prepare.mjs';
import { markdown, textGoals, textTable } from './harness/report.mjs';
import { scenarios } from './harness/scenarios.mjs';

const log = (line) => process.stderr.write(`${line}\n`);
const names = scenarios.map(({ name }) => name);

function options() {
  try {
    return parseOptions(process.argv.slice(2), names);
  } catch (error) {
    log(`${error.message}\n\n${usage}${names.join(', ')}`);
    process.exit(2);
  }
}

async function main() {
  const chosen = options();
  if (chosen.help) return console.log(usage + names.join(', '));
  const problem = isolationProblem();
  if (problem) {
    log(`cannot make namespaces for the programs: ${problem}`);
    process.exit(1);
  }
  const selected = scenarios.filter(({ name }) => chosen.names.includes(name));
  const used = new Set(
    selected.flatMap(({ rows }) => rows.flatMap((row) => [row.peer, row.needs ?? row.peer])),
  );
  if (selected.some((scenario) => scenario.prepare)) used.add('ip');
  const reasons = prepare([...used], { install: chosen.install, log });
  writeBatches();

  const results = [];
  for (const scenario of selected) {
    results.push(await measure(scenario, { runs: chosen.runs, reasons, log }));
    console.log(textTable(results.at(-1), scenario));
  }
  const reached = goals(results);
  if (reached.length) console.log(textGoals(reached));

  const record = { date: new Date().toISOString(), host: host(), runs: chosen.runs, results, goals: reached };
  if (chosen.json) writeFileSync(chosen.json, `${JSON.stringify(record, null, 2)}\n`);
  if (chosen.markdown) writeFileSync(chosen.markdown, markdown(record, scenarios));
}

await main();
