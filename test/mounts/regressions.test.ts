// What was found wrong once.
import { readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { BindMount, MountNamespace, OverlayMount } from 'nsnet';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { forceOverlayWay, overlayWay } from '../../lib/mounts/overlay-ways.js';
import { HERE } from '../../lib/syscalls/excursion.js';
import { Steps } from '../../lib/syscalls/steps.js';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';
import { useSwapper } from './support/swapper.js';
import { type Workspace, workspace } from './support/workspace.js';

const swapper = useSwapper();
let space: Workspace;
beforeEach(() => {
  space = workspace();
});
afterEach(async () => {
  await swapper.stop();
  space[Symbol.dispose]();
});

test('a file’s mount in a namespace is closed while directories above it are renamed', async () => {
  space.fill({ 'root/a/b/file': '', outside: null, file: 'content' });
  await using namespace = await MountNamespace.create();
  swapper.start(space.at('root/a/b'), space.at('outside'));
  const codes = new Map<string, number>();
  for (let i = 0; i < scaled(500, 10); i++) {
    const mount = await BindMount.create({ source: space.at('file') });
    await namespace.attach(mount, '/a/b/file', { root: space.at('root') }).catch(() => {});
    for (;;) {
      const error = await mount.close().catch((failure) => failure);
      if (!error) break;
      codes.set(`${error.code} ${error.syscall}`, (codes.get(`${error.code} ${error.syscall}`) ?? 0) + 1);
    }
  }
  expect([...codes]).toEqual([]);
});

test('what a step returned is told though what it opened is kept', async () => {
  const steps = new Steps();
  const flags = 0x200000 | 0x80000; // O_PATH | O_CLOEXEC
  const there = steps.add('openat', [-100, '/', flags, 0], { keep: true, optional: true });
  const none = steps.add('openat', [-100, '/nonexistent', flags, 0], { keep: true, optional: true });
  const outcome = await steps.run(HERE);
  await outcome.fd(there).close();
  expect(outcome.result(there)).toBeGreaterThanOrEqual(0);
  expect(outcome.result(none)).toBe(-2);
});

test('changes() follows no link of a lower out of it', async () => {
  space.fill({ 'one/a/x': '', 'two/y': '', 'outside/host': '', upper: null, work: null });
  symlinkSync(space.at('outside'), space.at('two/a'));
  await using overlay = await OverlayMount.create({
    lower: [space.at('one'), space.at('two')],
    upper: space.at('upper'),
    work: space.at('work'),
  });
  writeFileSync(`${overlay.path}a/host`, 'new');
  expect(await overlay.changes()).toEqual([
    { type: 'changed', path: '/a' },
    { type: 'added', path: '/a/host' },
  ]);
});

const best = await overlayWay();
test
  .runIf(privileged)
  .each((['fd', 'string'] as const).filter((way) => (way === 'fd' ? best === 'fd' : best !== 'page')))(
  'a mount that is given is meant itself, whoever takes its path (layers by %s)',
  async (way) => {
    forceOverlayWay(way);
    onTestFinished(() => forceOverlayWay(undefined));
    space.fill({ 'good/who': 'good', 'other/m/who': 'other', 'a/m': null, two: null });
    const mount = await BindMount.create({ source: space.at('good'), target: space.at('a/m') });
    try {
      renameSync(space.at('a'), space.at('b'));
      symlinkSync(space.at('other'), space.at('a'));
      expect(readFileSync(`${mount.path}/who`, 'utf8')).toBe('other');
      await using overlay = await OverlayMount.create({ lower: [mount, space.at('two')] });
      await using bind = await BindMount.create({ source: mount });
      expect(readFileSync(`${overlay.path}who`, 'utf8')).toBe('good');
      expect(readFileSync(`${bind.path}who`, 'utf8')).toBe('good');
    } finally {
      rmSync(space.at('a'));
      renameSync(space.at('b'), space.at('a'));
      await mount.close();
    }
  },
);
