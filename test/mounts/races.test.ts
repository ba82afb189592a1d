// Symbolic links that change while something is mounted: CVE-2019-19921, 2021-30465, 2023-27561, 2025-52565 of runc and
// 2024-42472 of flatpak are of this pattern.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MountNamespace, Tmpfs } from 'nsnet';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { patience } from '../fixtures/native/child.js';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';
import { run } from '../support/witness.js';
import { mountsIn, type Workspace, workspace } from './support/workspace.js';

let program: Workspace;
let swapper: string;
beforeAll(async () => {
  program = workspace();
  swapper = program.at('swapper');
  const source = fileURLToPath(new URL('./fixtures/swapper.c', import.meta.url));
  await run('cc', ['-O2', '-Wall', '-o', swapper, source]);
});
afterAll(() => program[Symbol.dispose]());

let space: Workspace;
let attackers: ChildProcess[];
beforeEach(() => {
  space = workspace();
  attackers = [];
});
afterEach(async () => {
  for (const attacker of attackers) {
    const ended = new Promise((resolve) => attacker.once('exit', resolve));
    attacker.kill('SIGKILL');
    await ended;
  }
  space[Symbol.dispose]();
});

/** Swaps a component of a target for links, at full speed. */
function attack(path: string): void {
  attackers.push(
    spawn(swapper, [dirname(path), path.slice(dirname(path).length + 1), space.at('outside')], {
      stdio: 'ignore',
    }),
  );
}

const times = scaled(10_000, 60);

/** Where the mounts of a namespace are, by mountinfo. */
const targetsIn = (mountinfo: string) => mountinfo.split('\n').map((line) => line.split(' ')[4] ?? '');

describe('an attacker swaps the components of a target', () => {
  test.runIf(privileged).each(['a', 'a/b', 'a/b/c'])(
    'at %s: never is anything mounted outside of the root',
    async (component) => {
      space.fill({
        'root/a/b/c': null,
        outside: null,
        'outside/b/c': null,
        'outside/c': null,
        'root/outside': null,
      });
      attack(space.at('root', component));
      await using mount = await Tmpfs.create();
      const codes = new Map<string, number>();
      // At least until both have come about, where the attacker is much the faster.
      for (let i = 0; i < times / 3 || (codes.size < 2 && i < 20_000); i++) {
        const code = await mount.attach('/a/b/c', { root: space.at('root') }).then(
          () => 'attached',
          (error) => error.code,
        );
        codes.set(code, (codes.get(code) ?? 0) + 1);
        if (code !== 'attached') continue;
        const outside = mountsIn(space.path).filter(
          (target) => !`${target}/`.startsWith(`${space.at('root')}/`),
        );
        expect(outside).toEqual([]);
        await mount.detach({ lazy: true });
      }
      // Both came about: it was attached, and it was refused.
      expect(codes.get('attached')).toBeGreaterThan(0);
      expect(codes.size).toBeGreaterThan(1);
      expect(
        [...codes.keys()].filter(
          (code) => !['attached', 'ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV', 'EAGAIN'].includes(code),
        ),
      ).toEqual([]);
    },
    patience(120_000),
  );

  test(
    'also where it is made, in a mount namespace, and without privileges',
    async () => {
      space.fill({ 'root/a/b': null, outside: null, 'outside/b': null });
      await using namespace = await MountNamespace.create();
      attack(space.at('root/a/b'));
      let attached = 0;
      for (let i = 0; i < times / 20 || (attached === 0 && i < 5000); i++) {
        await using mount = await Tmpfs.create();
        const error = await namespace
          .attach(mount, '/a/b/c/d', { root: space.at('root'), create: true })
          .then(
            () => undefined,
            (failure) => failure,
          );
        if (!error) attached++;
      }
      expect(attached).toBeGreaterThan(0);
      const made = (await run('find', [space.at('outside')])).trim().split('\n');
      expect(made.sort()).toEqual([space.at('outside'), space.at('outside/b')]);
    },
    patience(120_000),
  );
});

describe('links that lie still', () => {
  test.each([
    ['an absolute one', (root: string) => symlinkSync('/outside', join(root, 'link'))],
    ['one with ..', (root: string) => symlinkSync('../../../../../../outside', join(root, 'link'))],
    [
      'one to the host’s own path of the root',
      (root: string) => symlinkSync(root.replace('/root', '/outside'), join(root, 'link')),
    ],
  ])('%s stays in the root', async (_, link) => {
    space.fill({ 'root/outside/here': null, outside: null });
    mkdirSync(join(space.at('root'), space.at('outside')), { recursive: true });
    link(space.at('root'));
    await using namespace = await MountNamespace.create();
    await using mount = await Tmpfs.create();
    await namespace.attach(mount, '/link', { root: space.at('root') });
    await using owner = await namespace.owner();
    const enter = privileged ? [] : ['--user=/proc/self/fd/4', '--preserve-credentials'];
    const told = await run(
      'nsenter',
      ['--mount=/proc/self/fd/3', ...enter, 'cat', '/proc/self/mountinfo'],
      privileged ? [namespace.fd] : [namespace.fd, owner.fd],
    );
    const targets = targetsIn(told).filter((target) => target.startsWith(space.path));
    expect(targets).toHaveLength(1);
    expect(targets[0]).toMatch(new RegExp(`^${space.at('root')}/`));
    rmSync(space.at('root/link'));
  });

  test('magic ones lead nowhere', async () => {
    space.fill({ root: null });
    symlinkSync('/proc/self/root', space.at('root/link'));
    await using namespace = await MountNamespace.create();
    await using proc = await Tmpfs.create();
    await using mount = await Tmpfs.create();
    mkdirSync(`${proc.path}self`);
    symlinkSync('/', `${proc.path}self/root`);
    await namespace.attach(proc, '/proc', { root: space.at('root'), create: true });
    await namespace.attach(mount, '/link', { root: space.at('root') });
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(space.path);
  });
});
