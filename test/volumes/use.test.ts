// In use: a lock that dies with who holds it.
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Volume } from 'nsnet';
import { expect, test, vi } from 'vitest';
import { inStore, program, storeIn, temporary } from './support.js';

async function volumeFor() {
  const directory = storeIn(temporary());
  return { directory, volume: await Volume.create({ name: 'x', directory }) };
}

const own = { pid: process.pid, command: readFileSync('/proc/self/comm', 'utf8').trimEnd() };

test('one that is in use is not removed; by whom is said', async () => {
  const { volume, directory } = await volumeFor();
  const use = await volume.use();
  expect(use).toMatchObject({ name: 'x', path: join(directory, 'x/data'), copied: false });
  expect(await volume.inspect()).toMatchObject({ inUse: true, users: [own] });
  expect(await Volume.list({ directory })).toMatchObject([{ inUse: true, users: [own] }]);
  await expect(volume.remove()).rejects.toMatchObject({
    code: 'EBUSY',
    subject: `volume 'x', held by ${own.command} (${process.pid})`,
  });
  writeFileSync(join(use.path, 'file'), 'still there');
  await use.close();
  await use.close();
  expect(await volume.inspect()).toMatchObject({ inUse: false, users: [] });
  await volume.remove();
  await expect(volume.use()).rejects.toMatchObject({ code: 'ENOENT' });
});

test('several use it at a time', async () => {
  const { volume } = await volumeFor();
  const uses = await Promise.all(Array.from({ length: 20 }, () => volume.use()));
  expect((await volume.inspect()).users).toEqual([own]);
  await Promise.all(uses.slice(1).map((use) => use.close()));
  await expect(volume.remove()).rejects.toMatchObject({ code: 'EBUSY' });
  await uses[0]?.close();
  await volume.remove();
});

test('another process that uses it is named; killed, it uses it no more', async () => {
  const { volume, directory } = await volumeFor();
  const other = program('act.mjs', directory);
  await other.next();
  other.say({ act: 'use', name: 'x' });
  expect(await other.next()).toBe(join(directory, 'x/data'));
  const use = await volume.use();
  const pids = async () => (await volume.inspect()).users.map(({ pid }) => pid).sort();
  expect(await pids()).toEqual([process.pid, other.pid].sort());
  await use.close();
  const refused = await volume.remove().catch((error) => error);
  expect(refused).toMatchObject({ code: 'EBUSY' });
  expect(refused.message).toContain(`(${other.pid})`);
  await other.kill();
  expect(await pids()).toEqual([]);
  await volume.remove();
  expect(inStore(directory)).toEqual([]);
});

test('a Worker that is terminated uses it no more', async () => {
  const { volume, directory } = await volumeFor();
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    import('nsnet').then(async ({ Volume }) => {
      const volume = await Volume.open('x', { directory: workerData });
      globalThis.use = await volume.use();
      parentPort.postMessage('using');
      setInterval(() => {}, 1000);
    });`;
  const worker = new Worker(code, { eval: true, workerData: directory });
  const [said] = await once(worker, 'message');
  expect(said).toBe('using');
  expect((await volume.inspect()).inUse).toBe(true);
  await worker.terminate();
  await vi.waitFor(async () => expect((await volume.inspect()).inUse).toBe(false), { timeout: 5000 });
  await volume.remove();
});

test('waiting for who fills it ends with the signal', async () => {
  const { volume, directory } = await volumeFor();
  const { Lock } = await import('../../lib/handles/lock.js');
  const lock = (await Lock.try(join(directory, 'x'), 'exclusive')) as { close(): Promise<void> };
  const signal = AbortSignal.timeout(50);
  await expect(volume.use({ signal })).rejects.toMatchObject({ name: 'AbortError' });
  const waiting = volume.use();
  await lock.close();
  await (await waiting).close();
});

test('a use that is forgotten lets go', async () => {
  const { volume } = await volumeFor();
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  try {
    await volume.use();
    expect((await volume.inspect()).inUse).toBe(true);
    const { setFlagsFromString } = await import('node:v8');
    const { runInNewContext } = await import('node:vm');
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    await vi.waitFor(
      async () => {
        collect();
        expect((await volume.inspect()).inUse).toBe(false);
        expect(warned).toHaveBeenCalled();
      },
      { timeout: 10_000, interval: 50 },
    );
  } finally {
    warned.mockRestore();
  }
});
