import { spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packaged, root } from './root.mjs';
import { StepError } from './step.mjs';

/** Counts of one run, or of all: { passed, failed, skipped }. */
export const none = () => ({ passed: 0, failed: 0, skipped: 0 });

export const sum = (a, b) => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
});

/** The line that ends the output. */
export const closingLine = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`;

function countsOf(file) {
  if (!existsSync(file)) return { ...none(), failed: 1 };
  const report = JSON.parse(readFileSync(file, 'utf8'));
  // A file that cannot be imported, or leaves something behind, fails without a test of it failing.
  const broken = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** Runs it to its end, also when interrupted: then it is the child that reacts to the signal, and ends. */
async function runToEnd(file, args, options) {
  const ignore = () => {};
  process.on('SIGINT', ignore);
  const [code, signal] = await new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: 'inherit', ...options });
    child.on('error', reject);
    child.on('close', (...end) => resolve(end));
  });
  process.off('SIGINT', ignore);
  if (signal === 'SIGINT' || code === 130) throw new StepError('interrupted');
  return code;
}

/** Runs the tests and gives their counts; a run that breaks off, or ends badly with all tests passed, is one failure. */
export async function vitest(
  args,
  { node = process.execPath, checkout = root, home = tmpdir(), options = {} } = {},
) {
  const directory = mkdtempSync(join(home, 'nsnet-report-'));
  if (options.uid !== undefined) chownSync(directory, options.uid, options.gid);
  const report = join(directory, 'report.json');
  const program = packaged.vitest.replace(root, checkout);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  // This loader does not write a compiled configuration beside the original, which an ordinary user may not.
  const all = [program, 'run', '--configLoader=runner', ...reporters, ...args];
  try {
    const code = await runToEnd(node, all, { cwd: checkout, ...options });
    const counts = countsOf(report);
    if (code !== 0 && counts.failed === 0) counts.failed = 1;
    return counts;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
