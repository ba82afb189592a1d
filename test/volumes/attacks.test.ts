// What has gone wrong with others, tried with ours: each by an attacker who changes the image as fast as he can, or by
// an image made for it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Volume } from 'nsnet';
import { expect, onTestFinished, test } from 'vitest';
import { Fd } from '../../lib/syscalls/fd.js';
import { removeTree } from '../../lib/syscalls/trees.js';
import { patience } from '../fixtures/native/child.js';
import { run } from '../support/witness.js';
import { inStore, storeIn, temporary } from './support.js';

const SECRET = 'the secret of the host';
const swap = fileURLToPath(new URL('programs/swap.py', import.meta.url));

/** An image, and beside it, outside, what must not be read, and what must not be written. */
async function placeFor() {
  const root = temporary({ fast: true });
  const [image, outside] = [join(root, 'image'), join(root, 'outside')];
  mkdirSync(image);
  mkdirSync(join(outside, 'directory'), { recursive: true });
  writeFileSync(join(outside, 'secret'), SECRET);
  writeFileSync(join(outside, 'directory/secret'), SECRET);
  const directory = storeIn(root);
  const volume = await Volume.create({ name: 'x', directory });
  return { root, image, outside, directory, volume, data: join(directory, 'x/data') };
}

/** Exchanges names until the test is over. */
async function attack(...names: string[]): Promise<void> {
  const child = spawn('python3', [swap, ...names], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
}

/** Files below a directory that hold the secret, symbolic links not followed. */
function leaks(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path, 'utf8').includes(SECRET));
}

const until = (milliseconds: number) => {
  const end = performance.now() + patience(milliseconds);
  return () => performance.now() < end;
};

test('the same attacker reads the secret through who looks first and opens by name then', async () => {
  const { image, outside } = await placeFor();
  writeFileSync(join(image, 'file'), 'harmless');
  symlinkSync(join(outside, 'secret'), join(image, 'link'));
  await attack(join(image, 'file'), join(image, 'link'));
  let read = 0;
  for (const more = until(20_000); more() && read === 0; ) {
    const path = join(image, 'file');
    if (lstatSync(path).isFile() && readFileSync(path, 'utf8') === SECRET) read++;
  }
  expect(read).toBeGreaterThan(0);
});

test(
  'CVE-2018-15664, docker cp: files and directories exchanged for symbolic links while they are copied',
  async () => {
    const { image, outside, directory, volume, data } = await placeFor();
    const names: string[] = [];
    for (let i = 0; i < 10; i++) {
      mkdirSync(join(image, `directory${i}`));
      for (let f = 0; f < 20; f++) writeFileSync(join(image, `directory${i}/secret${f}`), 'harmless');
      symlinkSync(join(outside, 'directory'), join(image, `link${i}`));
      writeFileSync(join(image, `file${i}`), 'harmless');
      symlinkSync(join(outside, 'secret'), join(image, `link to file${i}`));
      names.push(join(image, `directory${i}`), join(image, `link${i}`));
      names.push(join(image, `file${i}`), join(image, `link to file${i}`));
    }
    await attack(...names);
    const counts = { whole: 0, refused: 0 };
    for (const more = until(4000); more(); ) {
      const copied = await volume.copyUp(image).catch((error) => error.code);
      expect(leaks(directory)).toEqual([]);
      if (copied === true) {
        counts.whole++;
        expect(readdirSync(data)).toHaveLength(40);
      } else {
        counts.refused++;
        expect(readdirSync(data)).toEqual([]);
      }
      await volume.remove();
      await Volume.create({ name: 'x', directory });
    }
    expect(counts.whole).toBeGreaterThan(0);
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe(SECRET);
  },
  patience(30_000),
);

test('CVE-2022-23648, containerd: a path of the image that walks up, or leads over symbolic links to the host', async () => {
  const { image, outside, volume, data, root } = await placeFor();
  // In the image, too, there is such a directory: that one is meant.
  mkdirSync(join(image, 'outside'));
  writeFileSync(join(image, 'outside/own'), 'harmless');
  symlinkSync(outside, join(image, 'absolute'));
  symlinkSync('../outside', join(image, 'relative'));
  symlinkSync('/../../../../outside', join(image, 'walking'));
  symlinkSync(`/proc/${process.pid}/root${outside}`, join(image, 'magic'));
  for (const path of [
    '/../outside',
    '/../../../../outside',
    '/relative',
    '/walking',
    '/absolute/../outside',
  ]) {
    const copied = await volume.copyUp(image, { path });
    expect([path, copied, readdirSync(data)]).toEqual(
      path.startsWith('/absolute') ? [path, false, []] : [path, true, ['own']],
    );
    await volume.remove();
    await Volume.create({ name: 'x', directory: storeIn(root) });
  }
  for (const path of ['/absolute', '/magic', outside])
    expect(await volume.copyUp(image, { path })).toBe(false);
  expect(readdirSync(data)).toEqual([]);
});

test('a path of the image that is exchanged for a symbolic link while it is looked up', async () => {
  const { image, outside, directory, volume } = await placeFor();
  mkdirSync(join(image, 'a/directory'), { recursive: true });
  writeFileSync(join(image, 'a/directory/file'), 'harmless');
  symlinkSync(outside, join(image, 'b'));
  await attack(join(image, 'a'), join(image, 'b'));
  let whole = 0;
  for (const more = until(2000); more(); ) {
    const copied = await volume.copyUp(image, { path: '/a/../a/directory' }).catch((error) => error.code);
    expect(leaks(directory)).toEqual([]);
    if (copied === true) whole++;
    else expect([false, 'EAGAIN', 'ENOENT', 'ENOTDIR']).toContain(copied);
    await volume.remove();
    await Volume.create({ name: 'x', directory });
  }
  expect(whole).toBeGreaterThan(0);
});

test('CVE-2024-9676, containers/storage: a fifo, or a link to a file of the host, in place of a file', async () => {
  const { image, outside, directory, volume } = await placeFor();
  mkdirSync(join(image, 'etc'));
  writeFileSync(join(image, 'etc/passwd'), 'harmless');
  await run('mkfifo', [join(image, 'etc/fifo')]);
  symlinkSync('/dev/zero', join(image, 'etc/endless'));
  symlinkSync(join(outside, 'secret'), join(image, 'etc/group'));
  await attack(
    ...['passwd', 'fifo', 'passwd', 'endless', 'passwd', 'group'].map((name) => join(image, 'etc', name)),
  );
  let whole = 0;
  for (const more = until(2000); more(); ) {
    const copied = await volume.copyUp(image).catch((error) => error.code);
    if (copied === true) whole++;
    expect(leaks(directory)).toEqual([]);
    await volume.remove();
    await Volume.create({ name: 'x', directory });
  }
  expect(whole).toBeGreaterThan(0);
});

test('CVE-2025-24965, crun: a symbolic link in the image where something is to be written', async () => {
  const { image, outside, volume, data } = await placeFor();
  symlinkSync(outside, join(image, 'etc'));
  symlinkSync(join(outside, 'secret'), join(image, 'volume.json'));
  symlinkSync(outside, join(image, '.copying'));
  symlinkSync(outside, join(image, '.links'));
  linkSync(join(image, '.links'), join(image, 'further name'));
  expect(await volume.copyUp(image)).toBe(true);
  expect(readlinkSync(join(data, 'etc'))).toBe(outside);
  expect(readdirSync(outside).sort()).toEqual(['directory', 'secret']);
  expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe(SECRET);
  expect((await volume.inspect()).labels).toEqual({});
  await volume.remove();
  expect(readdirSync(join(outside, 'directory'))).toEqual(['secret']);
});

test('an image whose etc is a link to /etc', async () => {
  const { image, volume, data } = await placeFor();
  symlinkSync('/etc', join(image, 'etc'));
  expect(await volume.copyUp(image)).toBe(true);
  expect(lstatSync(join(data, 'etc')).isSymbolicLink()).toBe(true);
  await volume.remove();
  expect(existsSync('/etc/passwd')).toBe(true);
  await Volume.create({ name: 'x', directory: join(data, '../..') });
  // Within the image it leads to itself.
  await expect(volume.copyUp(image, { path: '/etc' })).rejects.toMatchObject({ code: 'ELOOP' });
});

test('a file of the image that has further names outside is a file of its own in the volume', async () => {
  const { image, outside, volume, data } = await placeFor();
  writeFileSync(join(outside, 'shared'), 'harmless');
  linkSync(join(outside, 'shared'), join(image, 'one'));
  linkSync(join(outside, 'shared'), join(image, 'two'));
  expect(await volume.copyUp(image)).toBe(true);
  const [one, two, original] = [join(data, 'one'), join(data, 'two'), join(outside, 'shared')].map((path) =>
    statSync(path),
  );
  expect(one?.ino).toBe(two?.ino);
  expect(one?.nlink).toBe(2);
  expect(one?.ino).not.toBe(original?.ino);
  writeFileSync(join(data, 'one'), 'changed in the volume');
  expect(readFileSync(join(outside, 'shared'), 'utf8')).toBe('harmless');
});

test(
  'directories exchanged for symbolic links while they are removed',
  async () => {
    const { root, outside } = await placeFor();
    const [tree, kept] = [join(root, 'tree'), join(outside, 'directory')];
    for (let i = 0; i < 50; i++) writeFileSync(join(kept, `kept${i}`), '');
    let removed = 0;
    mkdirSync(tree);
    const pairs = Array.from({ length: 5 }, (_, i) => [join(tree, `directory${i}`), join(tree, `link${i}`)]);
    await attack(...pairs.flat());
    const number = openSync(root, 'r');
    const fd = Fd.duplicate(number);
    closeSync(number);
    try {
      for (const more = until(2000); more(); ) {
        mkdirSync(tree, { recursive: true });
        for (const [directory, link] of pairs as [string, string][]) {
          mkdirSync(directory);
          for (let f = 0; f < 50; f++) writeFileSync(join(link, '..', `file${f}`), '');
          symlinkSync(kept, link);
        }
        await removeTree(fd, 'tree', fd);
        removed++;
        expect(existsSync(tree)).toBe(false);
        expect(readdirSync(kept)).toHaveLength(51);
      }
    } finally {
      await fd.close();
    }
    expect(removed).toBeGreaterThan(0);
  },
  patience(30_000),
);

test('nothing of all that is left beside the volumes', async () => {
  const { image, volume, directory } = await placeFor();
  cpSync('/etc/hostname', join(image, 'file'));
  await volume.copyUp(image);
  expect(inStore(directory)).toEqual(['x']);
});
