import { accessSync, chmodSync, constants, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { Child } from '../fixtures/native/child.js';
import { privileged } from '../support/privileges.js';
import { run } from '../support/witness.js';

/** Where thousands of files are made in no time, and no disk is waited for. */
function memory(): string {
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return tmpdir();
  }
}

/** With attributes of every kind, which a tmpfs before Linux 6.6 does not have. */
const DISK = '/var/tmp';

/** A directory for one test, gone after it, whatever its modes are by then; for much work in memory. */
export function temporary({ fast = false } = {}): string {
  const path = mkdtempSync(join(fast ? memory() : DISK, 'nsnet-volumes-'));
  onTestFinished(async () => {
    if (!privileged) await run('chmod', ['-R', 'u+rwX', path]);
    rmSync(path, { recursive: true, force: true });
  });
  chmodSync(path, 0o755);
  return path;
}

/** A directory for volumes that nobody has made yet. */
export const storeIn = (root: string): string => join(root, 'store');

/** What is in a store, hidden leftovers included; with those in its volumes. */
export function inStore(directory: string): string[] {
  return readdirSync(directory).flatMap((name) => [
    name,
    ...readdirSync(join(directory, name))
      .filter((entry) => entry.startsWith('.'))
      .map((entry) => `${name}/${entry}`),
  ]);
}

const at = (name: string) => fileURLToPath(new URL(`programs/${name}`, import.meta.url));

/** Waits, without a pause, for what is over in some milliseconds; not for ever. */
export async function glimpse(look: () => boolean): Promise<void> {
  const end = performance.now() + 2000;
  while (!look() && performance.now() < end) await turn();
}

/** One of the programs beside this file, under way. */
export const program = (name: string, ...args: string[]): Child =>
  new Child(process.execPath, [at(name), ...args]);

/** The same in a mount namespace of its own, as root there, after a shell command. */
export function programApart(command: string, name: string, ...args: string[]): Child {
  const unshare = privileged ? ['--mount'] : ['--map-root-user', '--mount'];
  const shell = ['sh', '-ec', `${command}; exec "$@"`, 'sh'];
  return new Child('unshare', [...unshare, ...shell, process.execPath, at(name), ...args]);
}

export type Shown = Record<
  string,
  { mode: string; owner: [number, number]; marks: number } & Record<string, unknown>
>;

/** A tree with one of everything. */
export const makeTree = (path: string) => run('python3', [at('tree.py'), 'make', path]);

/** All that there is to see of a tree. */
export async function showTree(path: string): Promise<Shown> {
  return JSON.parse(await run('python3', [at('tree.py'), 'show', path]));
}
