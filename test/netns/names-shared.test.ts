// @kernels
// /run/netns belongs to all programs of the machine.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Netns } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';
import { run } from '../support/witness.js';
import { named } from './support/named.js';

const prefix = named('shared');
const pathOf = (name: string) => `/run/netns/${name}`;

async function outputOf(child: ChildProcess): Promise<string[]> {
  let text = '';
  let error = '';
  child.stdout?.setEncoding('utf8').on('data', (piece) => {
    text += piece;
  });
  child.stderr?.setEncoding('utf8').on('data', (piece) => {
    error += piece;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(code, error).toBe(0);
  return text.trim().split('\n');
}

describe.runIf(privileged)('with other programs', () => {
  test('several create the same names at the same time: each name is made once', async () => {
    const count = scaled(60, 5);
    const program = fileURLToPath(new URL('./fixtures/create-names.mjs', import.meta.url));
    const children = [1, 2].map(() => spawn(process.execPath, [program, prefix, String(count)]));
    await Promise.all(children.map((child) => new Promise((resolve) => child.stdout.once('data', resolve))));
    const outputs = Promise.all(children.map(outputOf));
    for (const child of children) child.stdin.write('go\n');
    const script = `n=0; while [ $n -lt ${count} ]; do ip netns add ${prefix}-$n 2>/dev/null && echo ${prefix}-$n; n=$((n+1)); done; true`;
    const byIp = (await run('sh', ['-c', script])).trim().split('\n').filter(Boolean);
    const made = (await outputs).flat().filter((line) => line.includes(' '));
    const names = [...byIp, ...made.map((line) => line.split(' ')[0])];
    try {
      expect(names.length).toBe(count);
      expect(new Set(names).size).toBe(count);
      for (const line of made) {
        const [name = '', id] = line.split(' ');
        expect(statSync(pathOf(name)).ino).toBe(Number(id));
      }
    } finally {
      for (const info of await Netns.list()) {
        if (!info.name?.startsWith(prefix)) continue;
        await using netns = await Netns.open(info);
        await netns.delete();
      }
    }
    expect(readdirSync('/run/netns').filter((name) => name.startsWith(prefix))).toEqual([]);
  });

  test('a name that meanwhile means another namespace is not taken away by close()', async () => {
    const made = await Netns.create(prefix);
    await run('ip', ['netns', 'delete', prefix]);
    await run('ip', ['netns', 'add', prefix]);
    await made.close();
    await using other = await Netns.open(prefix);
    expect(other.id).not.toBe(made.id);
    await other.delete();
  });

  test('nor by delete()', async () => {
    await using made = await Netns.create(prefix);
    await run('ip', ['netns', 'delete', prefix]);
    await using other = await Netns.create(prefix);
    await made.delete();
    expect(statSync(pathOf(prefix)).ino).toBe(other.id);
  });
});

describe.skipIf(privileged)('labels', () => {
  test('one that meanwhile means another namespace is not taken away by close()', async () => {
    const made = await Netns.create(prefix);
    await using opened = await Netns.open(prefix);
    await opened.delete();
    await using other = await Netns.create(prefix);
    await made.close();
    await using found = await Netns.open(prefix);
    expect(found.id).toBe(other.id);
  });

  test('nor by delete()', async () => {
    await using made = await Netns.create(prefix);
    await using opened = await Netns.open(prefix);
    await opened.delete();
    await using other = await Netns.create(prefix);
    await made.delete();
    await using found = await Netns.open(prefix);
    expect(found.id).toBe(other.id);
  });
});

describe.runIf(privileged)('what a crash left between making the file and the mount', () => {
  test('is no namespace, and the name is in use', async () => {
    await (await Netns.create(prefix)).close(); // makes the directory
    writeFileSync(pathOf(prefix), '');
    try {
      const start = performance.now();
      await expect(Netns.create(prefix)).rejects.toMatchObject({ code: 'EEXIST' });
      expect(performance.now() - start).toBeLessThan(1000);
      expect(existsSync(pathOf(prefix))).toBe(true);
      expect((await Netns.list()).map(({ name }) => name)).not.toContain(prefix);
      await expect(Netns.open(prefix)).rejects.toMatchObject({
        name: 'NsnetError',
        subject: `netns '${prefix}'`,
      });
    } finally {
      unlinkSync(pathOf(prefix));
    }
  });

  test('is cleaned by delete()', async () => {
    await using made = await Netns.create(prefix);
    await run('umount', [pathOf(prefix)]);
    try {
      await made.delete();
      expect(existsSync(pathOf(prefix))).toBe(false);
    } finally {
      if (existsSync(pathOf(prefix))) unlinkSync(pathOf(prefix));
    }
  });
});
