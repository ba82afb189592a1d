// Names: with privileges interchangeable with those of `ip netns` in both directions, else labels in this process.
import { Netns } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { run } from '../support/witness.js';
import { runIn } from './support/inside.js';
import { named } from './support/named.js';
import { expectState, stateOf } from './support/state.js';

const name = named('a');
const ipNetns = (...args: string[]) => run('ip', ['netns', ...args]);
const listedByIp = async () =>
  (await ipNetns('list')).split('\n').flatMap((line) => line.split(' ')[0]?.trim() || []);
const listed = async () => (await Netns.list()).map((info) => info.name);

describe('both ways', () => {
  test('a name is in use until its namespace is closed', async () => {
    const before = await stateOf();
    const first = await Netns.create(name);
    expect(first).toMatchObject({ name, owned: true, path: privileged ? `/run/netns/${name}` : undefined });
    await expect(Netns.create(name)).rejects.toMatchObject({
      code: 'EEXIST',
      errno: -17,
      subject: expect.stringContaining(name),
      hint: expect.stringContaining('Netns.open()'),
    });
    expect(await listed()).toContain(name);
    await first.close();
    expect(await listed()).not.toContain(name);
    await (await Netns.create(name)).close();
    await expectState(before, 'afterwards');
  });

  test('whoever opens it by its name gets the same namespace, and leaves the name there', async () => {
    await using made = await Netns.create(name);
    const opened = await Netns.open(name);
    expect(opened).toMatchObject({ name, id: made.id, owned: false, path: made.path });
    expect(opened.fd).not.toBe(made.fd);
    await opened.close();
    expect(await listed()).toContain(name);
  });

  test('delete() takes it away whoever gave it; again is no error', async () => {
    await using made = await Netns.create(name);
    await using opened = await Netns.open(name);
    await opened.delete();
    expect(await listed()).not.toContain(name);
    await opened.delete();
    await made.delete();
    // Who holds it stays in it.
    expect((await made.links.list()).length).toBe(1);
    await expect(Netns.open(name)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  // A label pins nothing: without a descriptor its namespace is gone.
  test.runIf(privileged)('release() leaves it when the object is closed', async () => {
    const made = await Netns.create(name);
    const { id } = made;
    expect(made.release().owned).toBe(false);
    await made.close();
    await using again = await Netns.open(name);
    expect(again.id).toBe(id);
    await again.delete();
  });

  test('one that nobody has: ENOENT, with a hint', async () => {
    await expect(Netns.open(name)).rejects.toMatchObject({
      code: 'ENOENT',
      syscall: expect.stringMatching(/^open/),
      subject: `netns '${name}'`,
      hint: expect.stringContaining('no netns of that name'),
    });
  });

  test('what list() gives can be opened', async () => {
    await using made = await Netns.create(name);
    const info = (await Netns.list()).find((each) => each.name === name);
    expect(info).toMatchObject({ type: 'net', id: made.id, name, pids: [] });
    expect(structuredClone(info)).toEqual(info);
    await using opened = await Netns.open(info as NonNullable<typeof info>);
    expect(opened).toMatchObject({ id: made.id, name, path: made.path });
    await made.close();
    await opened.close();
    await expect(Netns.open(info as NonNullable<typeof info>)).rejects.toMatchObject({ code: 'ESTALE' });
  });

  test('of ten that are made at once under one name, one wins', async () => {
    const before = await stateOf();
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => Netns.create(name)));
    const made = results.filter((result) => result.status === 'fulfilled');
    const codes = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []));
    expect(made.length).toBe(1);
    expect(codes).toEqual(Array(9).fill('EEXIST'));
    await made[0]?.value.close();
    await expectState(before, 'afterwards');
  });

  test.each(['-d', ' a b ', 'ü', '*', "it's", '…', 'x'.repeat(255)])('an odd name: %j', async (odd) => {
    await using made = await Netns.create(odd);
    await using opened = await Netns.open(odd);
    expect(opened.id).toBe(made.id);
    expect(await listed()).toContain(odd);
  });
});

describe.runIf(privileged)('as ip netns', () => {
  test('ip lists, enters and deletes ours', async () => {
    await using made = await Netns.create(name);
    expect(await listedByIp()).toContain(name);
    const links = await ipNetns('exec', name, 'ip', '-o', 'link');
    expect(links).toContain('LOOPBACK,UP');
    expect(await ipNetns('identify', String(process.pid))).not.toContain(name);
    await ipNetns('delete', name);
    expect(await listed()).not.toContain(name);
    // close() then finds nothing to take away.
    await made.close();
    expect(await listedByIp()).not.toContain(name);
  });

  test("nsnet lists, opens and deletes ip's", async () => {
    await ipNetns('add', name);
    expect(await listed()).toContain(name);
    await using opened = await Netns.open(name);
    expect(opened).toMatchObject({ owned: false, path: `/run/netns/${name}` });
    await using byPath = await Netns.open({ path: `/run/netns/${name}` });
    expect(byPath.id).toBe(opened.id);
    expect(await runIn(opened, 'sh', '-c', 'ip netns identify $$')).toContain(name);
    await opened.close();
    expect(await listedByIp()).toContain(name);
    await using again = await Netns.open(name);
    await again.delete();
    expect(await listedByIp()).not.toContain(name);
  });

  test('the name that ip netns attach gave', async () => {
    const { spawn } = await import('node:child_process');
    const child = spawn('unshare', ['--net', 'sleep', '60']);
    try {
      await expect
        .poll(async () => {
          await using theirs = await Netns.ofProcess(child.pid as number);
          await using ours = await Netns.current();
          return theirs.id !== ours.id;
        })
        .toBe(true);
      await ipNetns('attach', name, String(child.pid));
      await using opened = await Netns.open(name);
      await using theirs = await Netns.ofProcess(child.pid as number);
      expect(opened.id).toBe(theirs.id);
      expect((await Netns.list()).find((info) => info.name === name)?.pids).toContain(child.pid);
      await opened.delete();
    } finally {
      child.kill('SIGKILL');
      await new Promise((resolve) => child.on('close', resolve));
    }
  });
});

describe.skipIf(privileged)('as labels', () => {
  test('other programs do not see them', async () => {
    await using made = await Netns.create(name);
    expect(made.path).toBeUndefined();
    expect(await listedByIp()).not.toContain(name);
  });

  test('all Workers of this process know them', async () => {
    const { Worker } = await import('node:worker_threads');
    await using made = await Netns.create(name);
    const worker = new Worker(new URL('./fixtures/open-by-name.mjs', import.meta.url), { workerData: name });
    const id = await new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject));
    expect(id).toBe(made.id);
    await worker.terminate();
  });
});
