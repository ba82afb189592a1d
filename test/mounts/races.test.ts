// Symbolic links that change while something is mounted, and those that lie still.
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { BindMount, type Mount, MountNamespace, Tmpfs } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { patience } from '../fixtures/native/child.js';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';
import { run } from '../support/witness.js';
import { useSwapper } from './support/swapper.js';
import { elsewhere } from './support/tree.js';
import { mountsIn, type Workspace, workspace } from './support/workspace.js';

const swapper = useSwapper();
let space: Workspace;
beforeEach(() => {
  space = workspace();
});
afterEach(async () => {
  await swapper.stop();
  space[Symbol.dispose]();
});

/** Swaps a component of a target for links, at full speed. */
const attack = (path: string) => swapper.start(path, space.at('outside'));

const times = scaled(10_000, 60);

/** While the directories above it are being renamed, a mount is not always found. */
async function closed(mount: Mount): Promise<void> {
  for (let tries = 1; ; tries++) {
    const error = await mount.close().catch((failure) => failure);
    if (error === undefined) return;
    if (tries === 1000) throw error;
  }
}

/** Where the mounts of a namespace are, by mountinfo. */
const targetsIn = (mountinfo: string) => mountinfo.split('\n').map((line) => line.split(' ')[4] ?? '');

describe('an attacker swaps the components of a target', () => {
  test(
    'who looks first and mounts by name then mounts outside of the root',
    async () => {
      space.fill({ 'root/a/b': null, 'outside/b': null });
      attack(space.at('root/a'));
      const script = `
        for i in $(seq 5000); do
          case $(realpath -e "$1/a/b" 2>/dev/null) in
            "$1"/*) mount -t tmpfs none "$1/a/b" 2>/dev/null || true ;;
          esac
          if grep -q " $2/b " /proc/self/mountinfo; then echo outside; exit; fi
        done`;
      expect(await elsewhere(script, space.at('root'), space.at('outside'))).toBe('outside\n');
    },
    patience(60_000),
  );

  test.runIf(privileged).each(['a', 'a/b', 'a/b/c'])(
    'CVE-2021-30465, runc: a component of the target, %s, exchanged while it is mounted on: never outside of the root',
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
    'who looks first and makes by name then makes directories outside of the root',
    async () => {
      space.fill({ 'root/a/b': null, outside: null });
      attack(space.at('root/a/b'));
      const script = `
        for i in $(seq 5000); do
          case $(realpath -e "$1/a/b" 2>/dev/null) in "$1"/*) mkdir -p "$1/a/b/made/$i" 2>/dev/null || true ;; esac
          if [ -e "$2/made" ]; then echo outside; exit; fi
        done`;
      expect(await elsewhere(script, space.at('root'), space.at('outside'))).toBe('outside\n');
    },
    patience(60_000),
  );

  test.each([
    { what: 'directories', make: () => Tmpfs.create() },
    { what: 'files', make: () => BindMount.create({ source: space.at('file') }) },
  ])(
    'CVE-2024-45310, runc: a component exchanged while $what are made to be mounted on: never outside of the root',
    async ({ make }) => {
      space.fill({ 'root/a/b': null, 'outside/b': null, file: 'content' });
      await using namespace = await MountNamespace.create();
      attack(space.at('root/a/b'));
      let attached = 0;
      for (let i = 0; i < times / 20 || (attached === 0 && i < 5000); i++) {
        const mount: Mount = await make();
        attached += await namespace.attach(mount, '/a/b/c/d', { root: space.at('root'), create: true }).then(
          () => 1,
          () => 0,
        );
        await closed(mount);
      }
      expect(attached).toBeGreaterThan(0);
      const made = (await run('find', [space.at('outside')])).trim().split('\n');
      expect(made.sort()).toEqual([space.at('outside'), space.at('outside/b')]);
    },
    patience(120_000),
  );

  test(
    'who looks first and removes by name then removes what is outside of the root',
    async () => {
      space.fill({ 'root/a/b': null, 'outside/made': '' });
      attack(space.at('root/a/b'));
      const script = `
        for i in $(seq 5000); do
          case $(realpath -e "$1/a/b" 2>/dev/null) in "$1"/*) rm "$1/a/b/made" 2>/dev/null || true ;; esac
          if [ ! -e "$2/made" ]; then echo removed; exit; fi
        done`;
      expect(await elsewhere(script, space.at('root'), space.at('outside'))).toBe('removed\n');
    },
    patience(60_000),
  );

  test.each([
    { what: 'directories', make: () => Tmpfs.create() },
    { what: 'files', make: () => BindMount.create({ source: space.at('file') }) },
  ])(
    'CVE-2024-23652, buildkit: a component exchanged while $what that were mounted on are removed: never outside of the root',
    async ({ what, make }) => {
      const rounds = Math.max(60, Math.ceil(times / 20));
      const names = Array.from({ length: rounds }, (_, i) => `made${i}`);
      space.fill({ 'root/a/b/c': null, file: 'content' });
      // Of the same names, and as empty as what is made.
      for (const name of names) space.fill({ [`outside/c/${name}`]: what === 'files' ? '' : null });
      await using namespace = await MountNamespace.create();
      attack(space.at('root/a/b'));
      let attached = 0;
      for (const name of names) {
        const mount: Mount = await make();
        const put = namespace.attach(mount, `/a/b/c/${name}`, { root: space.at('root'), create: true });
        attached += await put.then(
          () => 1,
          () => 0,
        );
        await closed(mount);
      }
      expect(attached).toBeGreaterThan(0);
      expect(readdirSync(space.at('outside/c')).sort()).toEqual(names.sort());
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
