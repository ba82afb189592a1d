// One directory or file, at two places.
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { BindMount, Namespace, Tmpfs } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { run } from '../support/witness.js';
import { type Workspace, workspace } from './support/workspace.js';

let space: Workspace;
beforeEach(() => {
  space = workspace();
  space.fill({ 'source/file': 'content', 'source/sub': null });
});
afterEach(() => {
  space[Symbol.dispose]();
});

const EROFS = expect.objectContaining({ code: 'EROFS' });

test('a change on either side shows on the other', async () => {
  await using bind = await BindMount.create({ source: space.at('source') });
  writeFileSync(`${bind.path}new`, 'from the mount');
  expect(readFileSync(space.at('source/new'), 'utf8')).toBe('from the mount');
  writeFileSync(space.at('source/file'), 'from the source');
  expect(readFileSync(`${bind.path}file`, 'utf8')).toBe('from the source');
});

test('read-only it is for itself, not for its source', async () => {
  await using bind = await BindMount.create({ source: space.at('source'), readonly: true });
  expect(() => writeFileSync(`${bind.path}file`, '')).toThrow(EROFS);
  writeFileSync(space.at('source/file'), 'still writable');
});

test('of a file', async () => {
  await using bind = await BindMount.create({ source: space.at('source/file') });
  expect(readFileSync(bind.path, 'utf8')).toBe('content');
});

test('of what is in it, wherever that says it is', async () => {
  space.fill({ 'source/sub/deep': 'deep' });
  symlinkSync('/sub', space.at('source/link'));
  for (const subpath of ['sub', '/sub/', './sub', '../../sub', 'link', '/link']) {
    await using bind = await BindMount.create({ source: space.at('source'), subpath });
    expect(readdirSync(bind.path)).toEqual(['deep']);
  }
  await using file = await BindMount.create({ source: space.at('source'), subpath: 'sub/deep' });
  expect(readFileSync(file.path, 'utf8')).toBe('deep');
  await expect(BindMount.create({ source: space.at('source'), subpath: 'none' })).rejects.toMatchObject({
    code: 'ENOENT',
    subject: `none in ${space.at('source')}`,
  });
});

test.runIf(!privileged)(
  'of a detached bind it cannot be without privileges, whatever the kernel',
  async () => {
    await using bind = await BindMount.create({ source: space.at('source') });
    for (const source of [bind, `${bind.path}sub`])
      await expect(BindMount.create({ source, recursive: true })).rejects.toMatchObject({
        code: 'EINVAL',
        hint: expect.stringContaining('without privileges'),
      });
    // What is meant can be said at once.
    await using sub = await BindMount.create({ source: space.at('source'), subpath: 'sub' });
    expect(readdirSync(sub.path)).toEqual([]);
  },
);

test('of a path relative to the working directory', async () => {
  await using bind = await BindMount.create({ source: '.' });
  expect(readdirSync(bind.path)).toEqual(readdirSync('.'));
});

describe.runIf(privileged)('attached', () => {
  test('what the target held is hidden, until it is closed', async () => {
    space.fill({ 'target/hidden': '' });
    const bind = await BindMount.create({ source: space.at('source'), target: space.at('target') });
    expect(readdirSync(space.at('target'))).toEqual(['file', 'sub']);
    await bind.close();
    expect(readdirSync(space.at('target'))).toEqual(['hidden']);
  });

  test('the same end state as mount --bind leaves, as findmnt tells', async () => {
    space.fill({ ours: null, theirs: null });
    const told = async (target: string) => {
      const columns = 'FSTYPE,FSROOT,OPTIONS,VFS-OPTIONS,FS-OPTIONS,PROPAGATION,MAJ:MIN';
      const { filesystems } = JSON.parse(await run('findmnt', ['-J', '-o', columns, target]));
      return filesystems[0];
    };
    await using _bind = await BindMount.create({
      source: space.at('source'),
      target: space.at('ours'),
      readonly: true,
      nosuid: true,
      nodev: true,
      atime: 'noatime',
    });
    const options = 'bind,ro,nosuid,nodev,noatime';
    await run('mount', ['-o', options, space.at('source'), space.at('theirs')]);
    expect(await told(space.at('ours'))).toEqual(await told(space.at('theirs')));
    await run('umount', [space.at('theirs')]);
  });

  test('recursive, it has the mounts below its source, and its flags are for all of them', async () => {
    await using _inner = await Tmpfs.create({ target: space.at('source/sub') });
    writeFileSync(space.at('source/sub/inner'), '');
    await using flat = await BindMount.create({ source: space.at('source') });
    expect(readdirSync(`${flat.path}sub`)).toEqual([]);
    await using deep = await BindMount.create({
      source: space.at('source'),
      recursive: true,
      readonly: true,
    });
    expect(readdirSync(`${deep.path}sub`)).toEqual(['inner']);
    expect(() => writeFileSync(`${deep.path}sub/x`, '')).toThrow(EROFS);
    writeFileSync(space.at('source/sub/x'), '');
    await deep.set({ readonly: false });
    writeFileSync(`${deep.path}sub/y`, '');
  });

  test('propagation is set', async () => {
    space.fill({ target: null });
    for (const propagation of ['shared', 'private', 'slave', 'unbindable'] as const) {
      await using _bind = await BindMount.create({
        source: space.at('source'),
        target: space.at('target'),
        propagation,
      });
      const told = (await run('findmnt', ['-n', '-o', 'PROPAGATION', space.at('target')])).trim();
      // A slave of a mount that is no peer of any other is private, and so is what cannot be bound.
      const wanted = {
        shared: 'shared',
        private: 'private',
        slave: 'private',
        unbindable: 'private,unbindable',
      };
      expect(told).toBe(wanted[propagation]);
    }
  });
});

test.runIf(privileged)('owners are shown by the map of a user namespace', async () => {
  const user = await mapped();
  await using bind = await BindMount.create({ source: space.at('source'), idmap: user.namespace });
  expect((await run('stat', ['-c', '%u %g', `/proc/${process.pid}/fd/${bind.fd}/file`])).trim()).toBe(
    '100000 100000',
  );
  await user.end();
});

/** A user namespace in which a process's root is user 100000 outside. */
async function mapped() {
  const { spawn } = await import('node:child_process');
  const child = spawn('unshare', ['--user', 'sleep', '1000'], { stdio: 'ignore' });
  const until = performance.now() + 10_000;
  const { readlinkSync } = await import('node:fs');
  const own = readlinkSync('/proc/self/ns/user');
  const theirs = () => {
    try {
      return readlinkSync(`/proc/${child.pid}/ns/user`);
    } catch {
      return own;
    }
  };
  while (theirs() === own && performance.now() < until)
    await new Promise((resolve) => setTimeout(resolve, 5));
  for (const map of ['uid_map', 'gid_map']) writeFileSync(`/proc/${child.pid}/${map}`, '0 100000 1000');
  const namespace = await Namespace.ofProcess(child.pid as number, 'user');
  return {
    namespace: namespace as Namespace<'user'>,
    end: async () => {
      await namespace.close();
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    },
  };
}

describe('bad input', () => {
  test.each<[unknown, string]>([
    [{}, 'ERR_INVALID_ARG_TYPE'],
    [{ source: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{ source: '' }, 'ERR_INVALID_ARG_VALUE'],
    [{ source: '/', subpath: '' }, 'ERR_INVALID_ARG_VALUE'],
    [{ source: '/', subpath: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{ source: '/', subpath: 'a\0b' }, 'ERR_INVALID_ARG_VALUE'],
    [{ source: '/nonexistent' }, 'ENOENT'],
    [{ source: '/', recursive: 'yes' }, 'ERR_INVALID_ARG_TYPE'],
    [{ source: '/', idmap: {} }, 'ERR_INVALID_ARG_TYPE'],
    [{ source: '/', readOnly: true }, 'ERR_INVALID_ARG_VALUE'],
  ])('%j', async (options, code) => {
    await expect(BindMount.create(options as never)).rejects.toMatchObject({ code });
  });

  test('a source that is gone is named', async () => {
    await expect(BindMount.create({ source: space.at('gone') })).rejects.toMatchObject({
      subject: space.at('gone'),
    });
    expect(existsSync(space.at('gone'))).toBe(false);
  });
});
