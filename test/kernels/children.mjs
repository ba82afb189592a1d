// Programs started by the matrix, none of which may outlive it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const running = new Set();
const directories = new Set();

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const directory of directories) removeDirectory(directory);
});
for (const [signal, number] of [
  ['SIGHUP', 1],
  ['SIGINT', 2],
  ['SIGTERM', 15],
]) {
  process.on(signal, () => process.exit(128 + number));
}

/** Starts a program that also dies when this process is killed without a word. */
export function start(setpriv, command, args, stdio) {
  const child = spawn(setpriv, ['--pdeathsig', 'KILL', command, ...args], { stdio });
  running.add(child);
  child.on('error', () => running.delete(child));
  child.on('exit', () => running.delete(child));
  return child;
}

export async function stop(child) {
  if (!running.has(child)) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

export function temporaryDirectory() {
  const directory = mkdtempSync(join(tmpdir(), 'nsnet-kernels-'));
  directories.add(directory);
  return directory;
}

export function removeDirectory(directory) {
  rmSync(directory, { recursive: true, force: true });
  directories.delete(directory);
}
