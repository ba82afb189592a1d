// Runs a scenario's programs in turn, then all again, so that a slow moment of the machine meets them all alike.
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from './files.mjs';
import { isolated } from './isolate.mjs';
import { peers } from './peers.mjs';
import { median } from './statistics.mjs';

const SETTLE = 300; // ms: the kernel finishes what the last program left to it
const TOO_LONG = 300_000;

/** One sample of every phase; of a scenario with parts a program is run for each, and its figures are the part's. */
function sampleOf(row, { parts, ...scenario }) {
  if (!parts) return runOnce(row, scenario);
  const samples = parts.map((part) =>
    Object.entries(runOnce(row, scenario, part)).map(([key, value]) => [key + part, value]),
  );
  return Object.fromEntries(samples.flat());
}

function runOnce(row, scenario, ...part) {
  const command = peers[row.peer].command(scenario.name, ...(row.args ?? []), ...part);
  const [file, ...args] = isolated(command, scenario);
  const env = { ...process.env, NODE_OPTIONS: '', NSNET_BENCH_BUILD: build };
  const run = spawnSync(file, args, { encoding: 'utf8', timeout: TOO_LONG, env });
  if (run.error) throw run.error;
  if (run.status !== 0) {
    const said = run.stderr.trim().split('\n');
    const cause = said.find((line) => /^[\w.]*(Error|Exception)\b/.test(line)) ?? said.at(-1);
    throw new Error(cause || `ended by ${run.signal ?? run.status}`);
  }
  return JSON.parse(run.stdout);
}

function summary({ row, samples, reason }) {
  const phases = {};
  for (const sample of samples) {
    for (const [key, value] of Object.entries(sample)) {
      phases[key] ??= { samples: [] };
      phases[key].samples.push(value * (row.times ?? 1));
    }
  }
  for (const phase of Object.values(phases)) phase.median = median(phase.samples);
  return { label: row.label, peer: row.peer, baseline: row.baseline === true, reason, phases };
}

/** @returns the scenario's rows with medians and samples; a row that could not be measured has a reason instead */
export async function measure(scenario, { runs, reasons, log }) {
  const states = scenario.rows.map((row) => ({
    row,
    samples: [],
    reason: reasons[row.peer] ?? (row.needs && reasons[row.needs] ? `needs ${row.needs}` : undefined),
  }));
  for (let run = 1; run <= runs; run++) {
    for (const state of states) {
      if (state.reason) continue;
      log(`${scenario.name} ${run}/${runs}: ${state.row.label}`);
      try {
        state.samples.push(sampleOf(state.row, scenario));
      } catch (error) {
        state.reason = `failed: ${error.message}`;
        state.samples = [];
      }
      await sleep(SETTLE);
    }
  }
  return { name: scenario.name, title: scenario.title, rows: states.map(summary) };
}

/** What the ratios of a phase refer to: the best of the baseline rows, or undefined. */
export function baseline(result, key) {
  const medians = result.rows
    .filter((row) => row.baseline && row.phases[key])
    .map((row) => row.phases[key].median);
  return medians.length ? Math.min(...medians) : undefined;
}
