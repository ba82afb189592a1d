// @kernels
// Attaching, detaching and closing.
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { release } from 'node:os';
import { BindMount, Mount, type MountFlags, Tmpfs } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { atLeast } from '../../lib/syscalls/release.js';
import { privileged } from '../support/privileges.js';
import { mountsIn, type Workspace, workspace } from './support/workspace.js';

let space: Workspace;
beforeEach(() => {
  space = workspace();
});
afterEach(() => {
  space[Symbol.dispose]();
});

describe('detached', () => {
  test('it is used by its path, and gone when it is closed', async () => {
    const mount = await Tmpfs.create({ size: '1M' });
    writeFileSync(`${mount.path}file`, 'content');
    expect(readdirSync(mount.path)).toEqual(['file']);
    expect(mount).toMatchObject({
      owned: true,
      attached: false,
      path: `/proc/${process.pid}/fd/${mount.fd}/`,
    });
    const { path } = mount;
    await mount.close();
    expect(mount.fd).toBe(-1);
    expect(() => readdirSync(path)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  test('it shows in no list of mounts', async () => {
    const before = readFileSync('/proc/self/mountinfo', 'utf8');
    await using mount = await Tmpfs.create();
    expect(mount.attached).toBe(false);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(before);
  });

  test('flags can be changed', async () => {
    await using mount = await Tmpfs.create();
    await mount.set({ readonly: true });
    expect(() => writeFileSync(`${mount.path}x`, '')).toThrow(expect.objectContaining({ code: 'EROFS' }));
    await mount.set({ readonly: false });
    writeFileSync(`${mount.path}x`, '');
  });
});

describe.runIf(privileged)('attached', () => {
  test('its path is the target; close() takes it off, and shows what was there', async () => {
    space.fill({ 'target/below': 'b' });
    const mount = await Tmpfs.create({ target: space.at('target') });
    expect(mount).toMatchObject({ attached: true, path: space.at('target') });
    expect(mountsIn(space.path)).toEqual([space.at('target')]);
    expect(readdirSync(space.at('target'))).toEqual([]);
    await mount.close();
    expect(readdirSync(space.at('target'))).toEqual(['below']);
  });

  test('close() takes it off though it is in use; detach() does not', async () => {
    space.fill({ target: null });
    const mount = await Tmpfs.create({ target: space.at('target') });
    writeFileSync(space.at('target/x'), 'x');
    const open = openSync(space.at('target/x'), 'r');
    await expect(mount.detach()).rejects.toMatchObject({
      code: 'EBUSY',
      syscall: 'umount2',
      hint: expect.stringContaining('lazy'),
    });
    expect(mountsIn(space.path)).toHaveLength(1);
    await mount.close();
    expect(mountsIn(space.path)).toEqual([]);
    expect(readFileSync(open, 'utf8')).toBe('x');
    closeSync(open);
  });

  test.each([{ lazy: false }, { lazy: true }])(
    'detached by %j it goes on, and can be attached again',
    async (options) => {
      space.fill({ one: null, two: null });
      await using mount = await Tmpfs.create({ target: space.at('one') });
      writeFileSync(space.at('one/x'), '');
      await mount.detach(options);
      expect(mountsIn(space.path)).toEqual([]);
      expect(readdirSync(mount.path)).toEqual(['x']);
      await mount.attach(space.at('two'));
      expect(readdirSync(space.at('two'))).toEqual(['x']);
    },
  );

  test('what is mounted over it is not taken for it', async () => {
    space.fill({ target: null });
    const under = await Tmpfs.create({ target: space.at('target') });
    const over = await Tmpfs.create({ target: space.at('target') });
    const covered = { code: 'EBUSY', hint: expect.stringContaining('over it') };
    await expect(under.detach()).rejects.toMatchObject(covered);
    await expect(under.detach({ lazy: true })).rejects.toMatchObject(covered);
    await expect(under.close()).rejects.toMatchObject(covered);
    expect(mountsIn(space.path)).toHaveLength(2);
    await over.close();
    await under.detach();
    await under.close();
  });

  test('what was already unmounted is no error when it is closed', async () => {
    space.fill({ target: null });
    const mount = await Tmpfs.create({ target: space.at('target') });
    const same = await Mount.open(space.at('target'));
    await same.detach({ lazy: true });
    await same.close();
    await mount.close();
    expect(mountsIn(space.path)).toEqual([]);
  });

  test('a mount that was opened stays when it is closed', async () => {
    space.fill({ target: null });
    await using mount = await Tmpfs.create({ target: space.at('target') });
    const opened = await Mount.open(mount.path);
    expect(opened).toMatchObject({ owned: false, attached: true });
    await opened.close();
    expect(mountsIn(space.path)).toHaveLength(1);
  });

  test('released, it stays', async () => {
    space.fill({ target: null });
    const mount = await Tmpfs.create({ target: space.at('target') });
    await mount.release().close();
    expect(mountsIn(space.path)).toHaveLength(1);
    const opened = await Mount.open(space.at('target'));
    await opened.detach();
    await opened.close();
  });
});

test('in a mount that is detached itself it stays for as long as that is', async () => {
  await using outer = await Tmpfs.create();
  mkdirSync(`${outer.path}d`);
  const inner = await Tmpfs.create();
  const error = await inner.attach(`${outer.path}d`).then(
    () => undefined,
    (failure) => failure,
  );
  if (atLeast(release(), '6.15')) {
    expect(error).toBeUndefined();
    writeFileSync(`${outer.path}d/x`, '');
    await expect(inner.detach()).rejects.toMatchObject({ code: 'ERR_NSNET_UNSUPPORTED' });
  } else {
    expect(error).toMatchObject({ code: 'EINVAL', hint: expect.stringContaining('6.15') });
  }
  await inner.close();
});

describe.runIf(privileged)('a target that is missing', () => {
  test('is an error that says what to do', async () => {
    await using mount = await Tmpfs.create();
    await expect(mount.attach(space.at('a/b'))).rejects.toMatchObject({
      code: 'ENOENT',
      hint: expect.stringContaining('create: true'),
    });
    expect(existsSync(space.at('a'))).toBe(false);
  });

  test('is made, with what leads to it, and removed with the mount', async () => {
    space.fill({ 'a/kept': '' });
    const mount = await Tmpfs.create();
    await mount.attach(space.at('a/b/c'), { create: true });
    expect(mountsIn(space.path)).toEqual([space.at('a/b/c')]);
    await mount.close();
    expect(readdirSync(space.at('a'))).toEqual(['kept']);
  });

  test('is a file for a file', async () => {
    space.fill({ source: 'content' });
    const mount = await BindMount.create({ source: space.at('source') });
    await mount.attach(space.at('x/y'), { create: true });
    expect(readFileSync(space.at('x/y'), 'utf8')).toBe('content');
    await mount.close();
    expect(existsSync(space.at('x'))).toBe(false);
  });

  test('that was filled meanwhile stays', async () => {
    const mount = await Tmpfs.create();
    await mount.attach(space.at('a/b'), { create: true });
    writeFileSync(space.at('a/other'), '');
    await mount.close();
    expect(readdirSync(space.at('a'))).toEqual(['other']);
  });

  test('is gone again where it could not be mounted on', async () => {
    space.fill({ file: '' });
    await using mount = await Tmpfs.create();
    await expect(mount.attach(space.at('file'))).rejects.toMatchObject({
      code: 'EINVAL',
      hint: expect.stringContaining('a file on a file'),
    });
    await expect(mount.attach(space.at('file/x'), { create: true })).rejects.toMatchObject({
      code: 'ENOTDIR',
    });
    expect(readdirSync(space.path)).toEqual(['file']);
  });
});

describe.runIf(privileged)('links in a target', () => {
  test('are followed, as people lay out their directories', async () => {
    space.fill({ real: null });
    symlinkSync('real', space.at('link'));
    symlinkSync(space.at('link'), space.at('absolute'));
    await using mount = await Tmpfs.create({ target: space.at('absolute') });
    expect(mountsIn(space.path)).toEqual([space.at('real')]);
    expect(mount.path).toBe(space.at('absolute'));
    await mount.detach();
    expect(mountsIn(space.path)).toEqual([]);
    await mount.attach(space.at('link'));
  });

  test('of /proc are not', async () => {
    await using mount = await Tmpfs.create();
    await expect(mount.attach(`/proc/self/root${space.path}`)).rejects.toMatchObject({
      code: 'ELOOP',
      hint: expect.stringContaining('magic links'),
    });
  });
});

test.runIf(!privileged)('rootless, attaching here is an error that says what can be done', async () => {
  space.fill({ target: null });
  await using mount = await Tmpfs.create();
  await expect(mount.attach(space.at('target'))).rejects.toMatchObject({
    code: 'EPERM',
    hint: expect.stringContaining('path'),
  });
  expect(mountsIn(space.path)).toEqual([]);
});

describe('bad input', () => {
  test.each<[unknown, string]>([
    [{ size: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ size: '1T' }, 'ERR_INVALID_ARG_VALUE'],
    [{ size: '1M,mode=777' }, 'ERR_INVALID_ARG_VALUE'],
    [{ mode: 0o10000 }, 'ERR_OUT_OF_RANGE'],
    [{ inodes: 1.5 }, 'ERR_OUT_OF_RANGE'],
    [{ target: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{ target: '' }, 'ERR_INVALID_ARG_VALUE'],
    [{ target: 'a\0b' }, 'ERR_INVALID_ARG_VALUE'],
    [{ nosuid: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ atime: 'never' }, 'ERR_INVALID_ARG_VALUE'],
    [{ propagation: 'public' }, 'ERR_INVALID_ARG_VALUE'],
    [{ sise: '1M' }, 'ERR_INVALID_ARG_VALUE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
  ])('Tmpfs.create(%j)', async (options, code) => {
    await expect(Tmpfs.create(options as never)).rejects.toMatchObject({ code });
    expect(mountsIn(space.path)).toEqual([]);
  });

  test('a closed mount', async () => {
    const mount = await Tmpfs.create();
    await mount.close();
    await mount.close();
    const closed = { code: 'ERR_NSNET_CLOSED' };
    await expect(mount.attach(space.path)).rejects.toMatchObject(closed);
    await expect(mount.set({ readonly: true })).rejects.toMatchObject(closed);
    await expect(mount.detach()).rejects.toMatchObject(closed);
    await expect(BindMount.create({ source: mount })).rejects.toMatchObject(closed);
  });

  test('Mount.open() of what is no mount', async () => {
    await expect(Mount.open(space.path)).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(Mount.open(space.at('nowhere'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('an aborted signal', async () => {
    const signal = AbortSignal.abort();
    const aborted = { name: 'AbortError' };
    await expect(Tmpfs.create({ signal })).rejects.toMatchObject(aborted);
    await expect(BindMount.create({ source: '/', signal })).rejects.toMatchObject(aborted);
    await using mount = await Tmpfs.create();
    await expect(mount.attach(space.path, { signal })).rejects.toMatchObject(aborted);
    await expect(mount.set({} as MountFlags, { signal })).rejects.toMatchObject(aborted);
    expect(mountsIn(space.path)).toEqual([]);
  });
});

test('where creation fails at the target, the mount is gone', async () => {
  mkdirSync(space.at('d'));
  await expect(Tmpfs.create({ target: space.at('nowhere') })).rejects.toMatchObject({
    code: privileged ? 'ENOENT' : 'ENOENT',
  });
});

test('many at once', async () => {
  const all = await Promise.all(Array.from({ length: 40 }, () => Tmpfs.create({ size: '1M' })));
  for (const [i, mount] of all.entries()) writeFileSync(`${mount.path}${i}`, '');
  for (const [i, mount] of all.entries()) expect(readdirSync(mount.path)).toEqual([String(i)]);
  await Promise.all(all.map((mount) => mount.close()));
});
