// What a container sees.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { BindMount, Namespace, Netns, OverlayMount, RootTree, Tmpfs } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { within } from '../../lib/syscalls/inside.js';
import { Steps } from '../../lib/syscalls/steps.js';
import { run } from '../support/witness.js';
import { mountsIn, type Workspace, workspace } from './support/workspace.js';

let space: Workspace;
beforeEach(() => {
  space = workspace();
  space.fill({
    'base/usr': null,
    'base/bin': null,
    'base/lib64': null,
    'base/lib': null,
    'base/etc/hosts': 'base',
  });
});
afterEach(() => {
  space[Symbol.dispose]();
});

/** The error of opening a path in the tree, and what it is: the file's device number and type. */
async function look(tree: RootTree, path: string) {
  const steps = new Steps();
  const status = steps.add('statx', [-100, path, 0x100, 0x7ff, 256]);
  const outcome = await within({ inside: { mnt: tree.namespace } }, (inside) => steps.run(inside, true));
  if (outcome.failed) return { error: outcome.errno };
  const bytes = Buffer.from(outcome.room(status));
  const types: Record<number, string> = { 2: 'character device', 4: 'directory', 8: 'file', 10: 'link' };
  return {
    type: types[bytes.readUInt16LE(28) >> 12],
    device: `${bytes.readUInt32LE(128)}:${bytes.readUInt32LE(132)}`,
  };
}

/** The mounts of the tree, by a process that sees the host's /proc and the tree's mounts. */
async function mountsOf(tree: RootTree): Promise<string[]> {
  await using owner = await tree.namespace.owner();
  await using own = await Namespace.current('user');
  const shared = owner.id === own.id;
  const enter = [
    '--mount=/proc/self/fd/3',
    ...(shared ? [] : ['--user=/proc/self/fd/4', '--preserve-credentials']),
  ];
  const child = spawn('nsenter', [...enter, '--no-fork', '/usr/bin/sleep', '1000'], {
    stdio: ['ignore', 'ignore', 'ignore', tree.namespace.fd, ...(shared ? [] : [owner.fd])],
  });
  try {
    await expect
      .poll(() => run('readlink', [`/proc/${child.pid}/exe`]), { timeout: 10_000 })
      .toContain('sleep');
    const told = await run('cat', [`/proc/${child.pid}/mountinfo`]);
    return told
      .trim()
      .split('\n')
      .map((line) => line.split(' ')[4] as string);
  } finally {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }
}

test('the usual layout, on a base of one’s own', async () => {
  await using tree = await RootTree.create({ base: space.at('base') });
  for (const [name, device] of Object.entries({
    null: '1:3',
    zero: '1:5',
    full: '1:7',
    random: '1:8',
    urandom: '1:9',
    tty: '5:0',
  }))
    expect(await look(tree, `/dev/${name}`), name).toEqual({ type: 'character device', device });
  for (const name of ['fd', 'stdin', 'stdout', 'stderr', 'ptmx'])
    expect((await look(tree, `/dev/${name}`)).type, name).toBe('link');
  for (const path of ['/dev/pts', '/dev/shm', '/dev/mqueue', '/sys', '/proc', '/etc'])
    expect((await look(tree, path)).type, path).toBe('directory');
  expect((await look(tree, '/dev/pts/ptmx')).type).toBe('character device');
  expect((await look(tree, '/etc/hosts')).type).toBe('file');
  // Nothing of this machine's.
  expect(await look(tree, space.path)).toEqual({ error: -2 });
  expect(mountsIn(space.path)).toEqual([]);
});

test('its mounts, with a process in it', async () => {
  await using usr = await BindMount.create({
    source: '/usr',
    recursive: true,
    readonly: true,
  });
  for (const name of ['bin', 'lib', 'lib64']) {
    rmdirSync(space.at('base', name));
    symlinkSync(`usr/${name}`, space.at('base', name));
  }
  await using tree = await RootTree.create({
    base: space.at('base'),
    mounts: [{ mount: usr, target: '/usr' }],
  });
  const mounts = await mountsOf(tree);
  const wanted = ['/', '/dev', '/dev/null', '/dev/pts', '/dev/shm', '/dev/mqueue', '/sys', '/usr'];
  expect(mounts).toEqual(expect.arrayContaining(wanted));
  expect(mounts.filter((target) => target === '/')).toHaveLength(1);
});

test('/sys shows the network that is given', async () => {
  await using netns = await Netns.create();
  await using tree = await RootTree.create({ base: space.at('base'), net: netns });
  expect((await look(tree, '/sys/class/net/lo')).type).toBe('link');
  expect(await look(tree, '/sys/class/net/eth0')).toEqual({ error: -2 });
});

test('what is masked holds nothing, whether file or directory', async () => {
  space.fill({ 'base/secret/file': 'x', 'base/key': 'x' });
  await using tree = await RootTree.create({ base: space.at('base'), masked: ['/secret', '/key', '/none'] });
  expect((await look(tree, '/secret')).type).toBe('directory');
  expect(await look(tree, '/secret/file')).toEqual({ error: -2 });
  expect(await look(tree, '/key')).toEqual({ type: 'character device', device: '1:3' });
  expect(await look(tree, '/none')).toEqual({ error: -2 });
});

test('a base whose directories are links leads nowhere out of it', async () => {
  symlinkSync('/', space.at('base/dev'));
  symlinkSync('../../../../..', space.at('base/sys'));
  const before = readdirSync('/dev').length;
  await RootTree.create({ base: space.at('base') }).then(
    (tree) => tree.close(),
    () => {},
  );
  expect(readdirSync('/dev')).toHaveLength(before);
  expect(existsSync(space.at('base/etc/hosts'))).toBe(true);
});

test('on an overlay, read-only', async () => {
  space.fill({ upper: null, work: null });
  await using overlay = await OverlayMount.create({
    lower: [space.at('base')],
    upper: space.at('upper'),
    work: space.at('work'),
  });
  writeFileSync(`${overlay.path}new`, '');
  const made = await RootTree.create({ base: overlay, readonly: true }).catch((error) => error);
  if (made instanceof Error) {
    // Before 6.15 a detached mount cannot be bound.
    expect(made).toMatchObject({ code: 'EINVAL', syscall: 'open_tree' });
    return;
  }
  expect((await look(made, '/new')).type).toBe('file');
  await made.close();
});

describe('undone when it fails half-way', () => {
  test('at a target that cannot be mounted on', async () => {
    space.fill({ 'base/file': '' });
    await using mount = await Tmpfs.create();
    await expect(
      RootTree.create({ base: space.at('base'), mounts: [{ mount, target: '/file' }] }),
    ).rejects.toMatchObject({ code: 'EINVAL' });
    expect(mountsIn(space.path)).toEqual([]);
  });
});

describe('bad input', () => {
  test.each<[unknown, string]>([
    [{}, 'ERR_INVALID_ARG_TYPE'],
    [{ base: '/nonexistent' }, 'ENOENT'],
    [{ base: '/', masked: 'x' }, 'ERR_INVALID_ARG_TYPE'],
    [{ base: '/', mounts: [{ mount: '/x', target: '/y' }] }, 'ERR_INVALID_ARG_TYPE'],
    [{ base: '/', signal: AbortSignal.abort() }, 'ABORT_ERR'],
  ])('%j', async (options, code) => {
    await expect(RootTree.create(options as never)).rejects.toMatchObject({ code });
  });
});
