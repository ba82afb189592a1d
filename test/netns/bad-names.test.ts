// Names that cannot be, and names that mean something else.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { Netns, NsnetError } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { named } from './support/named.js';
import { expectState, stateOf } from './support/state.js';

const prefix = named('bad');

const wrong = [
  ...[
    '',
    '.',
    '..',
    'a/b',
    '/a',
    'a/',
    '../../etc/passwd',
    '../a',
    'a\0b',
    '\0',
    'x'.repeat(256),
    'ü'.repeat(128),
  ].map((name) => [name, 'ERR_INVALID_ARG_VALUE']),
  ...[5, true, ['a'], Symbol.iterator].map((name) => [name, 'ERR_INVALID_ARG_TYPE']),
] as [string, string][];

describe.each(wrong)('%j is no name', (name, code) => {
  test.each([
    ['create()', () => Netns.create({ name })],
    ['open()', () => (typeof name === 'string' ? Netns.open(name) : Netns.create({ name }))],
    [
      'attach()',
      async () => {
        await using netns = await Netns.create();
        await netns.attach(name);
      },
    ],
  ])('for %s', async (_title, work) => {
    const before = await stateOf();
    const error = await work().then(
      () => undefined,
      (reason) => reason,
    );
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ code });
    await expectState(before, 'afterwards');
  });
});

test.each([null, 7, ['x'], Symbol.iterator])('create(%s) is refused', async (options) => {
  await expect(Netns.create(options as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
});

test.each([
  [{ nmae: 'x' }, 'ERR_INVALID_ARG_VALUE'],
  [{ loopback: 'yes' }, 'ERR_INVALID_ARG_TYPE'],
  [{ loopback: 1 }, 'ERR_INVALID_ARG_TYPE'],
  [{ signal: {} }, 'ERR_INVALID_ARG_TYPE'],
  [{ user: 5 }, 'ERR_INVALID_ARG_TYPE'],
])('create(%j) is refused', async (options, code) => {
  const before = await stateOf();
  await expect(Netns.create(options as never)).rejects.toMatchObject({ code });
  await expectState(before, 'afterwards');
});

test.each([undefined, null, 5, {}, { path: 5 }, { fd: 'x' }, { fd: -1 }, { fd: 1.5 }, { path: 'a\0b' }, []])(
  'open(%j) is refused',
  async (source) => {
    await expect(Netns.open(source as never)).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_(INVALID_ARG_(TYPE|VALUE)|OUT_OF_RANGE)$/),
    });
  },
);

test.each([0, -1, 1.5, Number.NaN, 2 ** 31, '1', null, undefined, {}])(
  'ofProcess(%s) is refused',
  async (pid) => {
    await expect(Netns.ofProcess(pid as never)).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/),
    });
  },
);

test('a process that does not exist', async () => {
  await expect(Netns.ofProcess(0x7ffffffe)).rejects.toMatchObject({
    code: 'ESRCH',
    subject: 'process 2147483646',
  });
});

test('descriptors that are no namespace, or not one of a network', async () => {
  const before = await stateOf();
  await expect(Netns.open({ fd: 1 })).rejects.toBeInstanceOf(NsnetError);
  await expect(Netns.open({ fd: 1_000_000 })).rejects.toMatchObject({ code: 'EBADF' });
  await expect(Netns.open({ path: '/proc/self/ns/mnt' })).rejects.toMatchObject({
    code: 'EINVAL',
    message: expect.stringMatching(/mnt/),
  });
  await expect(Netns.open({ path: '/nowhere/at/all' })).rejects.toMatchObject({
    code: 'ENOENT',
    subject: '/nowhere/at/all',
  });
  await expectState(before, 'afterwards');
});

describe.runIf(privileged)('a name of something that is no network namespace', () => {
  const path = `/run/netns/${prefix}`;
  const things = [
    ['a regular file', () => writeFileSync(path, 'text'), () => unlinkSync(path)],
    ['a FIFO', () => execFileSync('mkfifo', [path]), () => unlinkSync(path)],
    ['a directory', () => mkdirSync(path), () => rmdirSync(path)],
    ['a link to nowhere', () => execFileSync('ln', ['-s', '/nowhere', path]), () => unlinkSync(path)],
    [
      'a mount of a namespace of another type',
      () => {
        writeFileSync(path, '');
        execFileSync('mount', ['--bind', '/proc/self/ns/uts', path]);
      },
      () => {
        execFileSync('umount', [path]);
        unlinkSync(path);
      },
    ],
  ] as const;

  test.each(things)('%s', async (_title, put, remove) => {
    await (await Netns.create(prefix)).close(); // makes the directory
    put();
    try {
      const before = await stateOf();
      const start = performance.now();
      const error = await Netns.open(prefix).catch((reason) => reason);
      expect(error).toBeInstanceOf(NsnetError);
      expect(error.subject).toBe(`netns '${prefix}'`);
      expect(error.message).toMatch(/namespace|no such file/i);
      await expect(Netns.create(prefix)).rejects.toMatchObject({ code: 'EEXIST' });
      await using netns = await Netns.create();
      await expect(netns.attach(prefix)).rejects.toMatchObject({ code: 'EEXIST' });
      await netns.close();
      expect((await Netns.list()).map(({ name }) => name)).not.toContain(prefix);
      expect(performance.now() - start).toBeLessThan(3000);
      await expectState(before, 'afterwards');
    } finally {
      remove();
    }
  });
});
