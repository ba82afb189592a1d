// What a container sees.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import {
  BindMount,
  KernelMount,
  MountNamespace,
  mounts,
  Namespace,
  Netns,
  OverlayMount,
  RootTree,
  Tmpfs,
} from 'nsnet';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { run } from '../support/witness.js';
import { look } from './support/tree.js';
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

describe('below /proc, if that is mounted', () => {
  const hidden = ['/proc/keys', '/proc/timer_list', '/proc/kcore', '/proc/interrupts'].filter((path) =>
    existsSync(path),
  );

  const proc = async (options: Partial<Parameters<typeof RootTree.create>[0]> = {}) => {
    const mount = await KernelMount.create({ type: 'proc' });
    onTestFinished(() => mount.close());
    const given = { base: space.at('base'), mounts: [{ mount, target: '/proc' }], ...options };
    const tree = await RootTree.create(given);
    onTestFinished(() => tree.close());
    return tree;
  };

  test.runIf(privileged)('what Docker hides is hidden, and what it makes read-only is', async () => {
    expect(hidden).not.toEqual([]);
    const tree = await proc();
    for (const path of hidden)
      expect([path, await look(tree, path)]).toEqual([path, { type: 'character device', device: '1:3' }]);
    const list = await mounts(tree.namespace).list({ under: '/proc' });
    const readonly = list.filter(({ type, options }) => type === 'proc' && options.readonly);
    expect(readonly.map(({ target }) => target)).toEqual(
      ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'].filter((path) =>
        existsSync(path),
      ),
    );
    expect(list.find(({ target }) => target === '/proc')?.options.readonly).toBe(false);
  });

  test.runIf(privileged)('or what is asked for', async () => {
    const tree = await proc({ masked: ['/proc/uptime', '/proc/none'], readonlyPaths: ['/proc/self/attr'] });
    expect(await look(tree, '/proc/uptime')).toEqual({ type: 'character device', device: '1:3' });
    for (const path of hidden) expect((await look(tree, path)).type).toBe('file');
    const list = await mounts(tree.namespace).list({ under: '/proc' });
    expect(list.map(({ target }) => target)).toContain('/proc/uptime');
    expect(list.map(({ target }) => target)).not.toContain('/proc/sys');
  });

  test('nothing is where nothing is mounted', async () => {
    await using tree = await RootTree.create({ base: space.at('base') });
    expect(await mounts(tree.namespace).list({ under: '/proc' })).toEqual([]);
  });
});

test('read-only paths are so with what is mounted there, and nowhere else', async () => {
  space.fill({ 'base/data/file': '', 'base/data/deep': null });
  await using deep = await Tmpfs.create();
  await using tree = await RootTree.create({
    base: space.at('base'),
    mounts: [{ mount: deep, target: '/data/deep' }],
    readonlyPaths: ['/data', '/etc/../etc/hosts', '/none', '/etc/hosts/none'],
  });
  const list = await mounts(tree.namespace).list();
  const readonly = (target: string) => list.findLast((mount) => mount.target === target)?.options.readonly;
  expect(['/', '/data', '/data/deep', '/etc/hosts'].map(readonly)).toEqual([false, true, true, true]);
  writeFileSync(space.at('base/data/file'), 'still writable outside');
});

test('links of the base are no places for /dev, /proc and /sys, and lead nowhere out of it', async () => {
  for (const [name, to] of [
    ['dev', '/'],
    ['sys', '../../../../..'],
    ['proc', '/etc'],
    ['proc', 'dangling'],
  ] as const) {
    symlinkSync(to, space.at('base', name));
    const before = readdirSync('/dev').length;
    await expect(RootTree.create({ base: space.at('base') })).rejects.toMatchObject({
      code: 'ENOTDIR',
      subject: `/${name} of the base`,
      hint: expect.stringContaining('symbolic link'),
    });
    rmSync(space.at('base', name));
    expect(readdirSync('/dev')).toHaveLength(before);
    expect(readdirSync(space.at('base')).sort()).toEqual(['bin', 'etc', 'lib', 'lib64', 'usr']);
  }
});

test('links elsewhere in the base are followed inside of it', async () => {
  space.fill({ 'base/data/real': null });
  symlinkSync('/data/real', space.at('base/link'));
  await using mount = await Tmpfs.create();
  await using tree = await RootTree.create({
    base: space.at('base'),
    mounts: [{ mount, target: '/link/deep' }],
  });
  expect((await mounts(tree.namespace).list({ type: 'tmpfs' })).map(({ target }) => target)).toContain(
    '/data/real/deep',
  );
});

test.runIf(privileged)('read-only is the base, with what is mounted in it, and nothing else', async () => {
  space.fill({ 'base/deep': null });
  await using _deep = await Tmpfs.create({ target: space.at('base/deep') });
  await using mount = await Tmpfs.create();
  await using tree = await RootTree.create({
    base: space.at('base'),
    readonly: true,
    mounts: [{ mount, target: '/srv' }],
  });
  const list = await mounts(tree.namespace).list();
  const readonly = (target: string) => list.find((one) => one.target === target)?.options.readonly;
  expect(['/', '/deep', '/sys'].map(readonly)).toEqual([true, true, true]);
  expect(['/dev', '/dev/shm', '/dev/null', '/srv'].map(readonly)).toEqual([false, false, false, false]);
});

describe('closed', () => {
  const tidy = ['bin', 'etc', 'lib', 'lib64', 'usr'];

  test.each([{ readonly: false }, { readonly: true }])(
    'it leaves nothing in the base, %j, and the mounts as they were given',
    async (options) => {
      space.fill({ file: 'content' });
      await using bind = await BindMount.create({ source: space.at('file') });
      await using outer = await Tmpfs.create();
      await using inner = await Tmpfs.create();
      for (let round = 0; round < 2; round++) {
        const tree = await RootTree.create({
          base: space.at('base'),
          mounts: [
            { mount: outer, target: '/srv/outer/' },
            { mount: inner, target: '/srv//outer/inner' },
            { mount: bind, target: '/srv/file' },
          ],
          ...options,
        });
        expect((await look(tree, '/srv/outer/inner')).type).toBe('directory');
        expect((await look(tree, '/srv/file')).type).toBe('file');
        await tree.close();
        expect(readdirSync(space.at('base')).sort()).toEqual(tidy);
        expect([bind, outer, inner].map(({ attached }) => attached)).toEqual([false, false, false]);
        expect(readdirSync(outer.path)).toEqual([]);
      }
    },
  );

  test('what was taken out of it meanwhile stays where it is', async () => {
    space.fill({ elsewhere: null });
    await using mount = await Tmpfs.create();
    await using other = await MountNamespace.create();
    const tree = await RootTree.create({ base: space.at('base'), mounts: [{ mount, target: '/srv' }] });
    await mount.detach();
    await other.attach(mount, space.at('elsewhere'));
    await tree.close();
    expect(mount.attached).toBe(true);
    expect((await mounts(other).list({ under: space.path })).map(({ target }) => target)).toEqual([
      space.at('elsewhere'),
    ]);
    expect(readdirSync(space.at('base')).sort()).toEqual(tidy);
  });

  test('directories that were there, or hold something by now, stay', async () => {
    space.fill({ 'base/sys': null });
    const tree = await RootTree.create({ base: space.at('base') });
    space.fill({ 'base/proc/file': '' });
    await tree.close();
    expect(readdirSync(space.at('base')).sort()).toEqual([
      'bin',
      'etc',
      'lib',
      'lib64',
      'proc',
      'sys',
      'usr',
    ]);
  });

  test('released it leaves what it made', async () => {
    const tree = await RootTree.create({ base: space.at('base') });
    await tree.release().close();
    expect(readdirSync(space.at('base'))).toEqual(expect.arrayContaining(['dev', 'proc', 'sys']));
  });
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
    expect(readdirSync(space.at('base')).sort()).toEqual(['bin', 'etc', 'file', 'lib', 'lib64', 'usr']);
  });

  test('the mounts that were given can be given again', async () => {
    space.fill({ 'base/file': '' });
    await using mount = await Tmpfs.create();
    await using other = await Tmpfs.create();
    const given = [
      { mount, target: '/srv' },
      { mount: other, target: '/file' },
    ];
    await expect(RootTree.create({ base: space.at('base'), mounts: given })).rejects.toMatchObject({
      code: 'EINVAL',
    });
    expect(mount.attached).toBe(false);
    await using tree = await RootTree.create({ base: space.at('base'), mounts: given.slice(0, 1) });
    expect((await look(tree, '/srv')).type).toBe('directory');
  });
});

describe('bad input', () => {
  test.each<[unknown, string]>([
    [{}, 'ERR_INVALID_ARG_TYPE'],
    [{ base: '/nonexistent' }, 'ENOENT'],
    [{ base: '/', masked: 'x' }, 'ERR_INVALID_ARG_TYPE'],
    [{ base: '/', masked: [1] }, 'ERR_INVALID_ARG_TYPE'],
    [{ base: '/', readonlyPaths: '/x' }, 'ERR_INVALID_ARG_TYPE'],
    [{ base: '/', readonlyPaths: ['a\0b'] }, 'ERR_INVALID_ARG_VALUE'],
    [{ base: '/', mounts: [{ mount: '/x', target: '/y' }] }, 'ERR_INVALID_ARG_TYPE'],
    [{ base: '/', signal: AbortSignal.abort() }, 'ABORT_ERR'],
  ])('%j', async (options, code) => {
    await expect(RootTree.create(options as never)).rejects.toMatchObject({ code });
  });
});
