// What an overlay says of its layers, and who changes them meanwhile.
import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OverlayMount } from 'nsnet';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { patience } from '../fixtures/native/child.js';
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

const overlayOf = (redirectDir = false) =>
  OverlayMount.create({
    lower: [space.at('lower')],
    upper: space.at('upper'),
    work: space.at('work'),
    redirectDir,
  });

/** Until others see both what is there and what a link there leads to: the attacker is at work. */
async function untilExchanged(directory: string, own: string, foreign: string): Promise<void> {
  const seen = new Set<string>();
  while (!seen.has(own) || !seen.has(foreign)) {
    try {
      for (const name of readdirSync(directory)) seen.add(name);
    } catch {
      // In between it is not there.
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test.each(['x', 'x/deep'])(
  'changes() lists nothing of the host while %s is exchanged for links to it in the overlay',
  async (exchanged) => {
    space.fill({
      lower: null,
      upper: null,
      work: null,
      'outside/of-the-host': '',
      'outside/deep/of-the-host': '',
      'outside/deep/below/of-the-host': '',
    });
    await using overlay = await overlayOf();
    mkdirSync(join(overlay.path, 'x/deep/below'), { recursive: true });
    writeFileSync(join(overlay.path, exchanged, 'own'), '');
    swapper.start(join(overlay.path, exchanged), space.at('outside'));
    await untilExchanged(join(overlay.path, exchanged), 'own', 'of-the-host');
    const told = new Set<string>();
    const seen = () => told.has(`/${exchanged}/own`) && told.has(`/${exchanged}`);
    for (let i = 0; i < scaled(1000, 100) || (!seen() && i < 30_000); i++)
      for (const { path } of await overlay.changes()) told.add(path);
    expect(seen()).toBe(true);
    expect([...told].filter((path) => path.includes('of-the-host'))).toEqual([]);
  },
  patience(60_000),
);

test(
  'changes() takes nothing of the host for what a lower has',
  async () => {
    space.fill({
      'lower/x/y/own': '',
      'upper/x/y/own': '',
      'upper/x/y/of-the-host': '',
      work: null,
      'outside/y/of-the-host': '',
    });
    await using overlay = await overlayOf();
    swapper.start(space.at('lower/x'), space.at('outside'));
    await untilExchanged(space.at('lower/x/y'), 'own', 'of-the-host');
    const told = new Set<string>();
    const seen = () => told.has('changed /x/y/own') && told.has('added /x/y/own');
    for (let i = 0; i < scaled(1000, 100) || (!seen() && i < 30_000); i++)
      for (const { type, path } of await overlay.changes()) told.add(`${type} ${path}`);
    expect(seen()).toBe(true);
    expect(told).toContain('added /x/y/of-the-host');
    expect(told).not.toContain('changed /x/y/of-the-host');
  },
  patience(60_000),
);

test('changes() of more names than are asked about at once', async () => {
  space.fill({ lower: null, upper: null, work: null });
  const names = Array.from({ length: 1234 }, (_, i) => `${i}`.padStart(4, '0'));
  space.fill(Object.fromEntries(names.map((name) => [`lower/d/${name}`, ''])));
  await using overlay = await overlayOf();
  const at = (name: string) => join(overlay.path, 'd', name);
  for (const [i, name] of names.entries()) {
    if (i % 3 === 0) rmSync(at(name));
    else if (i % 3 === 1) writeFileSync(at(name), 'new');
    else writeFileSync(at(`${name}-added`), '');
  }
  expect(await overlay.changes()).toEqual([
    { type: 'changed', path: '/d' },
    ...names.map((name, i) => {
      const type = (['removed', 'changed', 'added'] as const)[i % 3];
      return { type, path: `/d/${name}${type === 'added' ? '-added' : ''}` };
    }),
  ]);
});

test.runIf(privileged)('what is removed of a directory that took another one’s place is told', async () => {
  space.fill({ 'lower/a/x': '', 'lower/a/y': '', 'lower/b/x': '', 'lower/b/z': '', upper: null, work: null });
  await using overlay = await overlayOf(true);
  rmSync(join(overlay.path, 'b'), { recursive: true });
  renameSync(join(overlay.path, 'a'), join(overlay.path, 'b'));
  rmSync(join(overlay.path, 'b/x'));
  expect(readdirSync(join(overlay.path, 'b'))).toEqual(['y']);
  expect(lstatSync(space.at('upper/b/x')).isCharacterDevice()).toBe(true);
  expect(await overlay.changes()).toEqual([
    { type: 'removed', path: '/a' },
    { type: 'changed', path: '/b' },
    { type: 'removed', path: '/b/x' },
    { type: 'removed', path: '/b/z' },
  ]);
});

test('a layer that is no directory any more has no changes, and none is read through a link', async () => {
  space.fill({ 'lower/a/x': '', 'upper/a': null, work: null, 'outside/y': '' });
  await using overlay = await overlayOf();
  rmSync(space.at('upper/a'), { recursive: true });
  symlinkSync(space.at('outside'), space.at('upper/a'));
  expect(await overlay.changes()).toEqual([{ type: 'changed', path: '/a' }]);
});
