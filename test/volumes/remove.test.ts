// Removing: all of it or, where something is in the way, nothing; and nothing beyond it.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Volume } from 'nsnet';
import { expect, test } from 'vitest';
import { patience } from '../fixtures/native/child.js';
import { scaled } from '../support/scale.js';
import { glimpse, inStore, makeTree, program, programApart, storeIn, temporary } from './support.js';

async function volumeFor(options?: { fast: boolean }) {
  const root = temporary(options);
  const directory = storeIn(root);
  const volume = await Volume.create({ name: 'x', directory });
  return { root, directory, volume, data: join(directory, 'x/data') };
}

function many(data: string): void {
  for (let d = 0; d < 20; d++) {
    mkdirSync(join(data, `directory${d}`));
    for (let f = 0; f < 100; f++) writeFileSync(join(data, `directory${d}/file${f}`), 'x');
  }
}

test('one of everything', async () => {
  const { volume, data, directory } = await volumeFor();
  await makeTree(data);
  await volume.remove();
  expect(inStore(directory)).toEqual([]);
});

test('symbolic links are removed, not what they lead to', async () => {
  const { volume, data, root, directory } = await volumeFor();
  mkdirSync(join(root, 'outside'));
  writeFileSync(join(root, 'outside/file'), 'kept');
  symlinkSync(join(root, 'outside'), join(data, 'absolute'));
  symlinkSync('../../../outside', join(data, 'relative'));
  symlinkSync('../../../outside/file', join(data, 'file'));
  await volume.remove();
  expect(inStore(directory)).toEqual([]);
  expect(readFileSync(join(root, 'outside/file'), 'utf8')).toBe('kept');
});

test('however deep', async () => {
  const { volume, data, directory } = await volumeFor({ fast: true });
  const script = `import os,sys
os.chdir(sys.argv[1])
for i in range(3000):
    os.mkdir('d'); open('file','w').close(); os.mkdir('.deep-' + str(i % 7)); os.chdir('d')`;
  execFileSync('python3', ['-c', script, data]);
  await volume.remove();
  expect(inStore(directory)).toEqual([]);
});

test.each([
  ['a directory', '/a/b/mounted', "mkdir -p '$'; mount -t tmpfs nsnet-test '$'; touch '$/in it'"],
  ['a file', '/a/mounted', "touch '$'; mount --bind /etc/hostname '$'"],
  ['the data itself', '', "mount --bind '$' '$'"],
  [
    'a name with white space',
    '/a/white \tspace',
    "mkdir '$'; mount -t tmpfs nsnet-test '$'; touch '$/in it'",
  ],
])('mounted below it: %s; nothing is removed', async (what, where, command) => {
  const { data, directory } = await volumeFor();
  mkdirSync(join(data, 'a/b'), { recursive: true });
  writeFileSync(join(data, 'a/file'), 'kept');
  writeFileSync(join(data, 'file'), 'kept');
  const child = programApart(command.replaceAll('$', data + where), 'mounted.mjs', directory, where);
  expect(await child.next()).toEqual({ code: 'EBUSY', named: true, left: ['a', 'file'] });
  // Nor is what is mounted taken for the image's.
  const copied = await child.next<{ code?: string }>();
  if (what !== 'the data itself')
    expect(copied).toEqual({ code: 'EXDEV', subject: `'${where.slice(1)}' in volume 'y'`, left: false });
  expect(await child.ended).toMatchObject({ code: 0 });
  expect(readFileSync(join(data, 'a/file'), 'utf8')).toBe('kept');
});

test(
  'killed in the middle of it, the name is free, and the next create or list removes the rest',
  async () => {
    const { directory, volume, data } = await volumeFor({ fast: true });
    let unfinished = 0;
    for (let round = 0; round < scaled(12, 4); round++) {
      many(data);
      const other = program('act.mjs', directory);
      await other.next();
      other.say({ act: 'remove', name: 'x' });
      await glimpse(() => !existsSync(data));
      await sleep(Math.random() * 3);
      await other.kill();
      const left = inStore(directory);
      if (left.includes('x')) {
        expect(readdirSync(data)).toHaveLength(20);
        await volume.remove();
      } else if (left.length > 0) {
        unfinished++;
        if (round % 2) expect(await Volume.list({ directory })).toEqual([]);
      }
      await Volume.create({ name: 'x', directory });
      expect(inStore(directory)).toEqual(['x']);
      expect(readdirSync(data)).toEqual([]);
    }
    expect(unfinished).toBeGreaterThan(0);
  },
  patience(60_000),
);

test('killed while they make volumes, none is half-made', async () => {
  const { directory } = await volumeFor({ fast: true });
  for (let round = 0; round < scaled(10, 2); round++) {
    const other = program('act.mjs', directory);
    await other.next();
    for (let i = 0; i < 50; i++) other.say({ act: 'create', name: `made${round}-${i}` });
    await sleep(Math.random() * 30);
    await other.kill();
    for (const { name, path } of await Volume.list({ directory })) {
      expect(readdirSync(path as string)).toEqual([]);
      if (name !== 'x') await (await Volume.open(name, { directory })).remove();
    }
    expect(inStore(directory)).toEqual(['x']);
  }
});

test('aborted when it has begun, it is gone, and swept', async () => {
  const { directory, volume, data } = await volumeFor({ fast: true });
  for (let round = 0; round < scaled(10, 2); round++) {
    many(data);
    const said = await volume.remove({ signal: AbortSignal.timeout(1 + round) }).catch((error) => error.name);
    expect([undefined, 'AbortError']).toContain(said);
    if (existsSync(data)) await volume.remove();
    await Volume.create({ name: 'x', directory });
    expect(inStore(directory)).toEqual(['x']);
  }
});

test('two that remove it at the same time', async () => {
  const { directory, volume, data } = await volumeFor({ fast: true });
  const other = program('act.mjs', directory);
  await other.next();
  many(data);
  other.say({ act: 'remove', name: 'x' });
  const said = await Promise.allSettled([volume.remove(), volume.remove(), other.next()]);
  expect(said.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  expect(await Volume.list({ directory })).toEqual([]);
  expect(inStore(directory)).toEqual([]);
});
