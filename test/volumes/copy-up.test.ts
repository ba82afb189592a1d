// Copy-up: what is kept, when it is done, and that it is done wholly or not at all.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Volume } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { Fd } from '../../lib/syscalls/fd.js';
import { copyTree } from '../../lib/syscalls/trees.js';
import { patience } from '../fixtures/native/child.js';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';
import {
  glimpse,
  inStore,
  makeTree,
  program,
  programApart,
  showTree,
  storeIn,
  temporary,
} from './support.js';

async function volumeFor(options?: { fast: boolean }) {
  const root = temporary(options);
  const image = join(root, 'image');
  mkdirSync(image);
  const directory = storeIn(root);
  const volume = await Volume.create({ name: 'x', directory });
  return { root, image, directory, volume, data: join(directory, 'x/data') };
}

/** So many files of some bytes, and their names. */
function fillWith(image: string, directories: number, files: number): void {
  for (let d = 0; d < directories; d++) {
    mkdirSync(join(image, `directory${d}`), { recursive: true });
    for (let f = 0; f < files; f++)
      writeFileSync(join(image, `directory${d}/file${f}`), `${d} ${f} `.repeat(99));
  }
}

const count = (path: string): number =>
  readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;

const WAYS = [
  ['as the file system can', {}],
  ['without sharing blocks', { clone: true }],
  ['through a buffer', { clone: true, range: true }],
  ['by one thread', { threads: true }],
] as const;

test.each(WAYS)('one of everything is as cp -a has it: %s', async (_, without) => {
  const root = temporary();
  const [image, target, aside, peer] = ['image', 'target', 'aside', 'peer'].map((name) => join(root, name));
  for (const path of [image, target, aside] as string[]) mkdirSync(path);
  await makeTree(image as string);
  const opened = [image, target, aside].map((path) => openSync(path as string, 'r'));
  const fds = opened.map((number) => Fd.duplicate(number)) as [Fd, Fd, Fd];
  for (const number of opened) closeSync(number);
  try {
    await copyTree({ source: fds[0], target: fds[1], aside: fds[2], held: fds[0] }, { without });
  } finally {
    await Promise.all(fds.map((fd) => fd.close()));
  }
  // The further names of what has several.
  rmSync(aside as string, { recursive: true });
  const [made, original] = await Promise.all([showTree(target as string), showTree(image as string)]);
  execFileSync('cp', ['-a', image as string, peer as string]);
  const peers = await showTree(peer as string);
  for (const shown of [made, original, peers]) {
    for (const one of Object.values(shown)) if (one && 'marks' in one) (one as { marks?: number }).marks = 0;
  }
  expect(made).toEqual(original);
  expect(Object.keys(made).sort()).toEqual(Object.keys(peers).sort());
  for (const name of Object.keys(made).filter((key) => key !== 'linked')) {
    expect([name, made[name]?.mode, made[name]?.owner]).toEqual([
      name,
      peers[name]?.mode,
      peers[name]?.owner,
    ]);
  }
});

test('into an empty volume only, and it says whether it did', async () => {
  const { image, volume, data, directory } = await volumeFor();
  await makeTree(image);
  expect(await volume.copyUp(image)).toBe(true);
  const [copied, original] = await Promise.all([showTree(data), showTree(image)]);
  // Overlay's marks mean something in a layer only.
  expect(original.a?.marks).toBeGreaterThan(0);
  expect(copied.a?.marks).toBe(0);
  expect(copied['.']).toEqual(original['.']);
  expect(Object.keys(copied).sort()).toEqual(Object.keys(original).sort());
  chmodSync(join(data, 'closed'), 0o755);
  writeFileSync(join(data, 'closed/file'), 'changed');
  expect(await volume.copyUp(image)).toBe(false);
  expect(readFileSync(join(data, 'closed/file'), 'utf8')).toBe('changed');
  expect(inStore(directory)).toEqual(['x']);
  await volume.remove();
  expect(inStore(directory)).toEqual([]);
});

test('the image by a descriptor, a path within it, and one that it has not', async () => {
  const { image, volume, data } = await volumeFor();
  mkdirSync(join(image, 'var/lib/data'), { recursive: true });
  writeFileSync(join(image, 'var/lib/data/file'), 'x');
  symlinkSync('/var/lib', join(image, 'lib'));
  const fd = openSync(image, 'r');
  try {
    expect(await volume.copyUp({ fd }, { path: '/not/there' })).toBe(false);
    await expect(volume.copyUp({ fd }, { path: '/var/lib/data/file' })).rejects.toMatchObject({
      code: 'ENOTDIR',
    });
    // A symbolic link on the way is the image's own, and as good as in the image.
    expect(await volume.copyUp({ fd }, { path: '/lib/data' })).toBe(true);
  } finally {
    closeSync(fd);
  }
  expect(readdirSync(data)).toEqual(['file']);
  await expect(volume.copyUp(join(image, 'nowhere'))).rejects.toMatchObject({ code: 'ENOENT' });
});

test('with the use of it, so that nobody comes in between', async () => {
  const { image, volume } = await volumeFor();
  writeFileSync(join(image, 'file'), 'x');
  const uses = await Promise.all(Array.from({ length: 5 }, () => volume.use({ copyUp: { from: image } })));
  expect(uses.filter(({ copied }) => copied)).toHaveLength(1);
  for (const use of uses) expect(readdirSync(use.path)).toEqual(['file']);
  await Promise.all(uses.map((use) => use.close()));
});

test('one that is in use and empty is not exchanged under who uses it', async () => {
  const { image, volume, data } = await volumeFor();
  writeFileSync(join(image, 'file'), 'x');
  const use = await volume.use();
  await expect(volume.copyUp(image)).rejects.toMatchObject({
    code: 'EBUSY',
    hint: expect.stringContaining('use({ copyUp })'),
  });
  writeFileSync(join(data, 'own'), '');
  expect(await volume.copyUp(image)).toBe(false);
  await use.close();
  expect(readdirSync(data)).toEqual(['own']);
});

test('what is written into it meanwhile stays', async () => {
  const { image, volume, data, directory } = await volumeFor({ fast: true });
  fillWith(image, 20, 100);
  const copying = volume.copyUp(image);
  await sleep(5);
  writeFileSync(join(data, 'mine'), '');
  expect(await copying).toBe(false);
  expect(readdirSync(data)).toEqual(['mine']);
  expect(inStore(directory)).toEqual(['x']);
});

test(
  'of several processes that copy exactly one does',
  async () => {
    const { image, directory, volume } = await volumeFor({ fast: true });
    fillWith(image, 10, 50);
    const others = [program('act.mjs', directory), program('act.mjs', directory)];
    await Promise.all(others.map((other) => other.next()));
    for (let round = 0; round < scaled(8, 2); round++) {
      for (const other of others) other.say({ act: 'copyUp', name: 'x', from: image });
      const said = await Promise.all([
        volume.copyUp(image),
        volume.copyUp(image),
        ...others.map((other) => other.next()),
      ]);
      expect(said.filter((one) => one === true)).toHaveLength(1);
      expect(said.filter((one) => one === false)).toHaveLength(3);
      expect(count(join(directory, 'x/data'))).toBe(500);
      await volume.remove();
      await Volume.create({ name: 'x', directory });
    }
  },
  patience(60_000),
);

test(
  'killed in the middle of it, the volume is empty or whole, and the next one copies',
  async () => {
    const { image, directory, volume, data } = await volumeFor({ fast: true });
    fillWith(image, 20, 100);
    let unfinished = 0;
    for (let round = 0; round < scaled(12, 4); round++) {
      const other = program('act.mjs', directory);
      await other.next();
      other.say({ act: 'copyUp', name: 'x', from: image });
      await glimpse(() => existsSync(join(directory, 'x/.copying')));
      await sleep(Math.random() * 40);
      await other.kill();
      const found = count(data);
      expect([0, 2000]).toContain(found);
      if (inStore(directory).includes('x/.copying')) unfinished++;
      if (round % 2) expect(await volume.copyUp(image)).toBe(found === 0);
      // Killed between the rename and the end, it leaves what is swept now.
      await Volume.list({ directory });
      expect(inStore(directory)).toEqual(['x']);
      await volume.remove();
      await Volume.create({ name: 'x', directory });
    }
    expect(unfinished).toBeGreaterThan(0);
  },
  patience(60_000),
);

test('aborted in the middle of it, nothing of it is left', async () => {
  const { image, directory, volume, data } = await volumeFor({ fast: true });
  fillWith(image, 20, 100);
  let aborted = 0;
  for (let round = 0; round < scaled(10, 3); round++) {
    const copying = volume.copyUp(image, { signal: AbortSignal.timeout(1 + round * 3) });
    const said = await copying.catch((error) => error.name);
    if (said === 'AbortError') aborted++;
    else expect(said).toBe(true);
    expect(readdirSync(data)).toHaveLength(said === true ? 20 : 0);
    expect(inStore(directory)).toEqual(['x']);
    await volume.remove();
    await Volume.create({ name: 'x', directory });
  }
  expect(aborted).toBeGreaterThan(0);
});

test('a large file is let go of when it is aborted', async () => {
  const { image, directory, volume } = await volumeFor({ fast: true });
  execFileSync('dd', ['if=/dev/zero', `of=${image}/large`, 'bs=1M', 'count=256', 'status=none']);
  const begin = performance.now();
  const copying = volume.copyUp(image, { signal: AbortSignal.timeout(10) });
  await expect(copying).rejects.toMatchObject({ name: 'AbortError' });
  expect(performance.now() - begin).toBeLessThan(patience(3000));
  expect(inStore(directory)).toEqual(['x']);
});

test('a Worker terminated in the middle of it keeps nobody else from it', async () => {
  const { image, directory, volume } = await volumeFor({ fast: true });
  fillWith(image, 20, 100);
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    import('nsnet').then(async ({ Volume }) => {
      const volume = await Volume.open('x', { directory: workerData.directory });
      parentPort.postMessage('begun');
      await volume.copyUp(workerData.image);
    });`;
  for (let round = 0; round < scaled(8, 2); round++) {
    const worker = new Worker(code, { eval: true, workerData: { directory, image } });
    await once(worker, 'message');
    await sleep(Math.random() * 30);
    await worker.terminate();
    const did = await volume.copyUp(image);
    expect(typeof did).toBe('boolean');
    // Ended between the rename and the end, it leaves what is swept now.
    await Volume.list({ directory });
    expect(count(join(directory, 'x/data'))).toBe(2000);
    expect(inStore(directory)).toEqual(['x']);
    await volume.remove();
    await Volume.create({ name: 'x', directory });
  }
});

test('no room in the middle of it: it is said where, and the volume is empty', async () => {
  const { root, image } = await volumeFor();
  fillWith(image, 5, 5);
  mkdirSync(join(image, 'small'));
  writeFileSync(join(image, 'small/file'), 'x');
  execFileSync('dd', ['if=/dev/zero', `of=${image}/large`, 'bs=1M', 'count=24', 'status=none']);
  const place = join(root, 'small');
  mkdirSync(place);
  const child = programApart(
    `mount -t tmpfs -o size=8m nsnet-test '${place}'`,
    'full.mjs',
    join(place, 'store'),
    image,
  );
  expect(await child.next()).toEqual({
    code: 'ENOSPC',
    syscall: expect.any(String),
    subject: "'large' in volume 'x'",
    left: [[], ['data', 'volume.json']],
    small: true,
    after: ['file'],
  });
  expect(await child.ended).toMatchObject({ code: 0 });
});

test('deeper than a path can be long', async () => {
  const { image, volume, data } = await volumeFor({ fast: true });
  const script = `import os,sys
os.chdir(sys.argv[1])
for i in range(int(sys.argv[2])):
    os.mkdir('directory'); os.chdir('directory')
open('file','w').close()`;
  execFileSync('python3', ['-c', script, image, '900']);
  expect(await volume.copyUp(image)).toBe(true);
  expect(execFileSync('find', [data, '-name', 'file', '-printf', '%d']).toString()).toBe('901');
  await volume.remove();
  execFileSync('rm', ['-rf', image]);
  mkdirSync(image);
  execFileSync('python3', ['-c', script, image, '1100']);
  await Volume.create({ name: 'x', directory: join(data, '../..') });
  await expect(volume.copyUp(image)).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
  expect(readdirSync(data)).toEqual([]);
  execFileSync('rm', ['-rf', image]);
});

test('a directory is not copied into itself', async () => {
  const { root, volume, directory, data } = await volumeFor();
  await expect(volume.copyUp(root)).rejects.toMatchObject({
    code: 'EINVAL',
    hint: expect.stringContaining('own copy'),
  });
  await expect(volume.copyUp(directory)).rejects.toMatchObject({ code: 'EINVAL' });
  expect(await volume.copyUp(data)).toBe(true);
  expect(readdirSync(data)).toEqual([]);
  expect(inStore(directory)).toEqual(['x']);
});

describe.runIf(privileged)('with privileges', () => {
  test('devices are made when it is asked for', async () => {
    const { image, volume, data } = await volumeFor();
    execFileSync('mknod', [join(image, 'null'), 'c', '1', '3']);
    execFileSync('mknod', [join(image, 'far'), 'b', '259', '70000']);
    await expect(volume.copyUp(image)).rejects.toMatchObject({
      code: 'EPERM',
      syscall: 'mknodat',
      hint: expect.stringContaining('devices: true'),
    });
    expect(readdirSync(data)).toEqual([]);
    expect(await volume.copyUp(image, { devices: true })).toBe(true);
    for (const name of ['null', 'far']) {
      expect(statSync(join(data, name)).rdev).toBe(statSync(join(image, name)).rdev);
      expect(statSync(join(data, name)).mode).toBe(statSync(join(image, name)).mode);
    }
  });
});

describe.runIf(!privileged)('without privileges', () => {
  /** Of root's, and readable. */
  const others = '/etc/alternatives';

  test('owners that it may not give are an error, or its own', async () => {
    const { volume, data, image } = await volumeFor();
    await expect(volume.copyUp(others)).rejects.toMatchObject({
      code: 'EPERM',
      hint: expect.stringContaining("owners: 'map'"),
    });
    expect(readdirSync(data)).toEqual([]);
    rmSync(image, { recursive: true });
    execFileSync('cp', ['-r', others, image]);
    expect(await volume.copyUp(others, { owners: 'map' })).toBe(true);
    expect(statSync(data).uid).toBe(process.getuid?.());
    expect(readdirSync(data)).toEqual(readdirSync(image));
  });

  test('what is read-only for its owner is copied, and removed', async () => {
    const { volume, image, directory } = await volumeFor();
    mkdirSync(join(image, 'a/b'), { recursive: true });
    writeFileSync(join(image, 'a/b/file'), 'x', { mode: 0o400 });
    for (const path of ['a/b', 'a', '.']) chmodSync(join(image, path), 0o555);
    expect(await volume.copyUp(image)).toBe(true);
    await volume.remove();
    expect(inStore(directory)).toEqual([]);
  });
});
