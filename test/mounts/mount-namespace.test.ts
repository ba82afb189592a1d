// Mounts that only those see who enter.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { BindMount, MountNamespace, Namespace, Tmpfs } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { run } from '../support/witness.js';
import { mountsIn, type Workspace, workspace } from './support/workspace.js';

let space: Workspace;
beforeEach(() => {
  space = workspace();
});
afterEach(() => {
  space[Symbol.dispose]();
});

/** What a program prints in it; rootless in the user namespace that owns it, too. */
async function printed(namespace: MountNamespace, ...command: string[]): Promise<string> {
  await using owner = await namespace.owner();
  await using own = await Namespace.current('user');
  const fds = [namespace.fd, ...(owner.id === own.id ? [] : [owner.fd])];
  const enter = [
    '--mount=/proc/self/fd/3',
    ...(fds.length > 1 ? ['--user=/proc/self/fd/4', '--preserve-credentials'] : []),
  ];
  return run('nsenter', [...enter, ...command], fds);
}

test('what is mounted in it shows in it alone, also rootless', async () => {
  space.fill({ target: null, 'source/file': 'content' });
  await using namespace = await MountNamespace.create();
  await using bind = await BindMount.create({ source: space.at('source') });
  await namespace.attach(bind, space.at('target'));
  expect(await printed(namespace, 'ls', space.at('target'))).toBe('file\n');
  expect(readdirSync(space.at('target'))).toEqual([]);
  expect(mountsIn(space.path)).toEqual([]);
  await bind.detach();
  expect(await printed(namespace, 'ls', space.at('target'))).toBe('');
  expect(readFileSync(`${bind.path}file`, 'utf8')).toBe('content');
});

test('it is private from the beginning', async () => {
  await using namespace = await MountNamespace.create();
  const propagations = await printed(namespace, 'findmnt', '-n', '-o', 'PROPAGATION', '--list');
  expect(new Set(propagations.trim().split(/\s+/))).toEqual(new Set(['private']));
});

test('a target that is missing is made in it, and removed with the mount', async () => {
  await using namespace = await MountNamespace.create();
  const root = await Tmpfs.create();
  space.fill({ root: null });
  await namespace.attach(root, space.at('root'));
  const inner = await Tmpfs.create();
  await namespace.attach(inner, space.at('root/a/b'), { create: true });
  expect(await printed(namespace, 'ls', space.at('root/a'))).toBe('b\n');
  await inner.close();
  expect(await printed(namespace, 'ls', space.at('root'))).toBe('');
  await root.close();
});

test('its root can be exchanged, and the old one is gone', async () => {
  space.fill({ root: null });
  const namespace = await MountNamespace.create();
  const root = await Tmpfs.create();
  for (const name of ['usr', 'proc']) mkdirSync(root.path + name);
  writeFileSync(`${root.path}hello`, '');
  await namespace.attach(root, space.at('root'));
  const usr = await BindMount.create({ source: '/usr', readonly: true, recursive: true });
  await namespace.attach(usr, `${space.at('root')}/usr`);
  await namespace.pivotRoot(space.at('root'));
  // Nothing of this machine's own is in it but /usr: no shell finds its libraries, so the names are asked by another way.
  const told = readFileSync('/proc/self/mountinfo', 'utf8');
  expect(told).not.toContain(space.path);
  await using inside = await Tmpfs.create();
  await namespace.attach(inside, '/proc');
  await using lost = await Tmpfs.create();
  await expect(namespace.attach(lost, space.path)).rejects.toMatchObject({ code: 'ENOENT' });
  await namespace.close();
  await usr.close();
  await root.close();
});

describe('bad input', () => {
  test('a root that is no mount', async () => {
    await using namespace = await MountNamespace.create();
    await expect(namespace.pivotRoot(space.path)).rejects.toMatchObject({
      code: expect.stringMatching(/^(EINVAL|EBUSY)$/),
      syscall: 'pivot_root',
      hint: expect.stringContaining('must be a mount'),
    });
    await expect(namespace.pivotRoot(space.at('gone'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a relative target', async () => {
    await using namespace = await MountNamespace.create();
    await using mount = await Tmpfs.create();
    await expect(namespace.attach(mount, 'relative')).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
  });

  test('what is no mount, as where target and mount are exchanged', async () => {
    await using namespace = await MountNamespace.create();
    await using mount = await Tmpfs.create();
    for (const [first, second] of [
      ['/mnt', mount],
      [undefined, '/mnt'],
    ] as never[][])
      await expect(namespace.attach(first as never, second as never)).rejects.toMatchObject({
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringContaining('Expected a Mount, and the target after it'),
      });
  });

  test('one that is closed', async () => {
    const namespace = await MountNamespace.create();
    await namespace.close();
    await using mount = await Tmpfs.create();
    await expect(namespace.attach(mount, '/mnt')).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
    await expect(namespace.pivotRoot('/mnt')).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
  });

  test('a namespace of another type', async () => {
    await using user = await Namespace.current('user');
    await using mount = await Tmpfs.create();
    await expect(mount.attach('/mnt', { namespace: user as never })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    });
    await expect(MountNamespace.create('net')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
  });
});

test('a mount outlives the object of the namespace it is attached in, and is taken off all the same', async () => {
  space.fill({ target: null });
  const namespace = await MountNamespace.create();
  const mount = await Tmpfs.create();
  await namespace.attach(mount, space.at('target'));
  await namespace.close();
  await mount.close();
  expect(mountsIn(space.path)).toEqual([]);
});
