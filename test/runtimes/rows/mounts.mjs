import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BindMount, mounts, OverlayMount, Tmpfs, Volume } from 'nsnet';

async function within(work) {
  const directory = await mkdtemp(join(tmpdir(), 'nsnet-runtimes-'));
  try {
    await work(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

export const rows = {
  '`Tmpfs`, `BindMount`: detached, used by path': async () => {
    const tmpfs = await Tmpfs.create({ size: '1M' });
    await mkdir(`${tmpfs.path}sub`);
    await writeFile(`${tmpfs.path}sub/file`, 'text');
    assert.deepEqual(await readdir(`${tmpfs.path}sub`), ['file']);
    const bind = await BindMount.create({ source: '/etc', readonly: true });
    assert.equal(await readFile(`${bind.path}passwd`, 'utf8'), await readFile('/etc/passwd', 'utf8'));
    await assert.rejects(writeFile(`${bind.path}nsnet-runtimes`, ''), { code: /EROFS|EACCES/ });
    await Promise.all([bind.close(), tmpfs.close()]);
  },
  '`OverlayMount`: detached, its changes': () =>
    within(async (directory) => {
      const [lower, upper, work] = ['lower', 'upper', 'work'].map((name) => join(directory, name));
      for (const path of [lower, upper, work]) await mkdir(path);
      await writeFile(join(lower, 'below'), 'lower');
      const overlay = await OverlayMount.create({ lower: [lower], upper, work });
      assert.equal(await readFile(`${overlay.path}below`, 'utf8'), 'lower');
      await writeFile(`${overlay.path}new`, 'upper');
      await rm(`${overlay.path}below`);
      const changes = await overlay.changes();
      assert.deepEqual(changes.map(({ type, path }) => `${type} ${path}`).sort(), [
        'added /new',
        'removed /below',
      ]);
      await overlay.close();
      // The kernel leaves one that nobody may read.
      await chmod(join(work, 'work'), 0o700);
    }),
  '`mounts()`': async () => {
    const list = await mounts().list();
    assert.ok(list.some((one) => one.target === '/'));
  },
  '`Volume`: create, list, remove': () =>
    within(async (directory) => {
      await Volume.create({ name: 'pages', directory });
      const list = await Volume.list({ directory });
      assert.equal(list.length, 1);
      const volume = await Volume.open('pages', { directory });
      assert.equal((await volume.inspect()).inUse, false);
      await volume.remove();
    }),
};
