import { spawn, spawnSync } from 'node:child_process';
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

/** Root's tests have a network of their own and names that nobody else sees: the machine is not the lab. */
const PRIVATE = [
  'ip link set lo up',
  'mount -t tmpfs tmpfs /run',
  'mkdir /run/netns',
  'mount -t tmpfs tmpfs /run/netns',
  'exec "$@"',
].join(' && ');

function apart(command) {
  const wrapped = (inner) => ['unshare', '--mount', '--net', 'sh', '-c', PRIVATE, 'sh', ...inner];
  const [file, ...args] = wrapped(['true']);
  return spawnSync(file, args).status === 0 ? wrapped(command) : command;
}

/** Files that are run again at most: more do not fail by a machine's slow moment. */
const MOST_AGAIN = 3;

/**
 * Runs the tests and gives their counts. With NSNET_AGAIN the few files that failed are run once more by themselves, and
 * both outcomes are said: a machine that others share has moments that no patience of a test foresees.
 */
export async function vitest(args, how) {
  const { files = [], errors = 0, ...counts } = await runOnce(args, how);
  const few = files.length > 0 && files.length <= MOST_AGAIN && errors === 0;
  if (!few || !process.env.NSNET_AGAIN) return counts;
  console.log(`\n── failed, and run again by themselves: ${files.join(' ')} ──`);
  const again = await runOnce([...args.filter((arg) => arg.startsWith('-')), ...files], how);
  console.log(`\n── at first ${counts.failed} failed, by themselves ${again.failed} ──`);
  return again.failed > 0 ? counts : { ...counts, passed: counts.passed + counts.failed, failed: 0 };
}

/** A run that breaks off, or ends badly with all tests passed, is one failure. */
async function runOnce(
  args,
  { node = process.execPath, checkout = root, home = tmpdir(), options = {} } = {},
) {
  const directory = mkdtempSync(join(home, 'nsnet-counts-'));
  if (options.uid !== undefined) chownSync(directory, options.uid, options.gid);
  const file = join(directory, 'counts.json');
  const reporters = [
    '--reporter=default',
    `--reporter=${join(checkout, 'scripts/support/count-reporter.mjs')}`,
  ];
  // This loader does not write a compiled configuration beside the original, which an ordinary user may not.
  const all = [
    packaged.vitest.replace(root, checkout),
    'run',
    '--configLoader=runner',
    ...reporters,
    ...args,
  ];
  const env = { ...(options.env ?? process.env), NSNET_COUNTS: file };
  try {
    const asRoot = process.getuid() === 0 && options.uid === undefined;
    const [program, ...rest] = asRoot ? apart([node, ...all]) : [node, ...all];
    const code = await runToEnd(program, rest, { cwd: checkout, ...options, env });
    const counts = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : none();
    if (code !== 0 && counts.failed === 0) counts.failed = 1;
    return counts;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
