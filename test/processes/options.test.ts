// What is no option, a wrong one, or does not fit another is refused before anything is done.
import { Netns, run, type SpawnOptions, spawn } from 'nsnet';
import { describe, expect, test } from 'vitest';

const range = { inside: 0, outside: 0, count: 1 };

describe('refused', () => {
  test.each<[string, unknown]>([
    ['cwd', { cwd: '' }],
    ['cwd', { cwd: 'a\0b' }],
    ['namespaces', { namespaces: { net: 'old' } }],
    ['namespaces', { namespaces: { network: 'new' } }],
    ['namespaces', { namespaces: 0 }],
    ['namespaces', { namespaces: { net: -1 } }],
    ['hostname', { hostname: 'x' }],
    ['hostname', { hostname: 'x'.repeat(65), namespaces: { uts: 'new' } }],
    ['uidMap', { uidMap: [range], gidMap: [range] }],
    ['uidMap', { uidMap: [range], namespaces: { user: 'new' } }],
    ['uidMap', { uidMap: [], gidMap: [range], namespaces: { user: 'new' } }],
    ['uid', { uid: -1 }],
    ['uid', { uid: 4294967295 }],
    ['gid', { gid: 1.5 }],
    ['groups', { groups: [-1] }],
    ['groups', { groups: 1 }],
    ['capabilities', { capabilities: ['CAP_NET_ADMIN'] }],
    ['capabilities', { capabilities: { all: [] } }],
    ['rlimits', { rlimits: { files: 1 } }],
    ['rlimits', { rlimits: { nofile: -1 } }],
    ['rlimits', { rlimits: { nofile: [1] } }],
    ['umask', { umask: 0o1000 }],
    ['nice', { nice: 20 }],
    ['stdio', { stdio: 'pipes' }],
    ['stdio', { stdio: [-1] }],
    ['init', { init: true }],
    ['init', { init: 1 }],
    ['killSignal', { killSignal: 'TERM' }],
    ['detached', { detached: 'yes' }],
    ['signal', { signal: {} }],
    ['env', { env: { 'a=b': 'c' } }],
    ['env', { env: { a: 'b\0' } }],
    ['env', { env: { a: 1 } }],
    ['root', { root: 1 }],
    ['options', { nonsense: 1 }],
  ])('%s: %j', async (name, options) => {
    const error = await spawn('true', [], options as SpawnOptions).catch((failure) => failure);
    expect(error.code).toMatch(/^ERR_(INVALID_ARG_(TYPE|VALUE)|OUT_OF_RANGE)$/);
    expect(error.message).toContain(name);
  });

  test.each<[unknown, string]>([
    [{ hostnam: 'x' }, "did you mean 'hostname'?"],
    [{ timeout: 1 }, 'use signal: AbortSignal.timeout(ms)'],
    [{ shell: true }, "there is no shell: run('sh', ['-c', …])"],
    [{ encoding: 'utf8' }, 'run() gives text'],
    [{ mounts: [] }, 'root: { base, mounts }'],
    [{ namespaces: { mount: 'new' } }, "did you mean 'mnt'?"],
    [{ namespaces: { network: 'new' } }, "did you mean 'net'?"],
    [{ namespaces: { hostname: 'new' } }, "did you mean 'uts'?"],
    [{ hostname: 'x' }, "hostname needs namespaces: { uts: 'new' }, or one that is joined"],
    [{ init: true }, "init needs namespaces: { pid: 'new' }"],
    [{ timeOffsets: {} }, "timeOffsets needs namespaces: { time: 'new' }"],
    [{ uidMap: [range], gidMap: [range] }, "uidMap needs namespaces: { user: 'new' }"],
    [{ uidMap: [range], namespaces: { user: 'new' } }, 'uidMap needs gidMap'],
    [{ gidMap: [range], namespaces: { user: 'new' } }, 'gidMap needs uidMap'],
    [{ newuidmap: true }, 'newuidmap needs uidMap and gidMap'],
    [{ root: '/', namespaces: process.pid }, 'root needs a mount namespace of its own'],
  ])('with what to do: %j', async (options, message) => {
    for (const start of [spawn, run])
      await expect(start('true', [], options as SpawnOptions)).rejects.toMatchObject({
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_VALUE',
        message: expect.stringContaining(message),
      });
  });

  test('a terminal beside stdio', async () => {
    await expect(spawn('true', [], { terminal: true, stdio: 'ignore' })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining('stdio needs terminal left out'),
    });
  });

  test.each<[unknown, unknown]>([
    ['', []],
    ['a\0b', []],
    [1, []],
    ['true', 'args'],
    ['true', [1]],
    ['true', ['\0']],
  ])('a program %j with %j', async (file, args) => {
    await expect(spawn(file as string, args as string[])).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_INVALID_ARG/),
    });
  });

  test.each([
    { input: 1 },
    { input: '', stdio: 'ignore' },
    { maxBuffer: '1X' },
    { reject: 1 },
    { terminal: true },
  ])('of run(): %j', async (options) => {
    await expect(run('true', [], options as never)).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_INVALID_ARG/),
    });
  });

  test('a namespace of another type', async () => {
    await using netns = await Netns.create();
    await expect(spawn('true', [], { namespaces: { mnt: netns as never } })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    });
  });
});
