// What a process that is killed leaves mounted.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { run } from '../support/witness.js';
import { mountsIn, type Workspace, workspace } from './support/workspace.js';

let space: Workspace;
beforeEach(() => {
  space = workspace();
});
afterEach(() => {
  space[Symbol.dispose]();
});

/** Runs a program until it prints a line, and kills it. */
async function killed(body: string): Promise<void> {
  const script = `import { MountNamespace, Tmpfs } from 'nsnet'; const [, target] = process.argv; ${body}; console.log('ready'); setInterval(() => {}, 1000);`;
  const child: ChildProcess = spawn(
    process.execPath,
    ['--input-type=module', '-e', script, space.at('target')],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const exited = once(child, 'exit');
  await Promise.race([once(child.stdout as NodeJS.ReadableStream, 'data'), exited]);
  child.kill('SIGKILL');
  expect(await exited).toEqual([null, 'SIGKILL']);
}

test('of detached mounts and those in a mount namespace nothing is left here', async () => {
  space.fill({ target: null });
  await killed(
    'await Tmpfs.create(); await (await MountNamespace.create()).attach(await Tmpfs.create(), target)',
  );
  expect(mountsIn(space.path)).toEqual([]);
});

test.runIf(privileged)('what is attached stays', async () => {
  space.fill({ target: null });
  await killed('await Tmpfs.create({ target })');
  expect(mountsIn(space.path)).toEqual([space.at('target')]);
  await run('umount', [space.at('target')]);
});
