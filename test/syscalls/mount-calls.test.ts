// The calls for mounts, one by one, in namespaces with nobody in them: as root, and as an ordinary user.
import {
  chownSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {
  FSCONFIG,
  fsconfig,
  fsmount,
  fsopen,
  fspick,
  mount,
  mountSetattr,
  moveMount,
  type Namespaces,
  open,
  openat2,
  openTree,
  pivotRoot,
  umount,
  unshare,
} from 'nsnet/syscalls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mountsIn, type Workspace, workspace } from '../mounts/support/workspace.js';
import { privileged } from '../support/privileges.js';

const { O_CREAT, O_DIRECTORY, O_RDONLY, O_RDWR, O_WRONLY } = constants;
const O_PATH = 0x200000;
const OPEN_TREE_CLONE = 1;
const MOUNT_ATTR_RDONLY = 1;
const MS_REC_PRIVATE = 0x4000 | (1 << 18);
const MNT_DETACH = 2;
const RESOLVE_BENEATH = 0x8;
const RESOLVE_IN_ROOT = 0x10;

let space: Workspace;
let inside: Namespaces;
let opened: number[];

const mine = (fd: number) => {
  opened.push(fd);
  return fd;
};

beforeEach(async () => {
  space = workspace();
  opened = [];
  const types = privileged ? (['mnt'] as const) : (['user', 'mnt'] as const);
  const made = await unshare(types);
  for (const fd of Object.values(made)) mine(fd);
  inside = made;
  await mount({ target: '/', flags: MS_REC_PRIVATE, inside });
});

afterEach(() => {
  for (const fd of opened) closeSync(fd);
  space[Symbol.dispose]();
});

/** A new tmpfs, detached. */
async function tmpfs(options: Record<string, string> = {}): Promise<number> {
  const context = mine(await fsopen('tmpfs', { inside }));
  for (const [key, value] of Object.entries(options))
    await fsconfig(context, FSCONFIG.SET_STRING, { key, value, inside });
  await fsconfig(context, FSCONFIG.CMD_CREATE, { inside });
  return mine(await fsmount(context, { inside }));
}

const directory = async (path: string) => mine(await openat2(path, { flags: O_PATH | O_DIRECTORY, inside }));

test('a file system is made, and attached where nobody else sees it', async () => {
  space.fill({ target: null });
  const made = await tmpfs({ mode: '0750' });
  expect(fstatSync(made).mode & 0o7777).toBe(0o750);
  await moveMount({ from: made, to: await directory(space.at('target')), inside });
  const path = space.at('target/file');
  const file = mine(await open(path, O_RDWR | O_CREAT, { mode: 0o600, inside }));
  writeFileSync(file, 'content');
  expect(existsSync(path)).toBe(false);
  expect(mountsIn(space.path)).toEqual([]);
  expect(readFileSync(`/proc/self/fd/${made}/file`, 'utf8')).toBe('content');
});

test('descriptors are close-on-exec', async () => {
  const context = mine(await fsopen('tmpfs', { inside }));
  await fsconfig(context, FSCONFIG.CMD_CREATE, { inside });
  const made = mine(await fsmount(context, { inside }));
  const tree = mine(await openTree('/', { inside }));
  const root = mine(await openat2('/', { flags: O_PATH, inside }));
  await moveMount({ from: made, toPath: '/tmp', inside });
  const picked = mine(await fspick('/tmp', { inside }));
  for (const fd of [context, made, tree, root, picked]) {
    const [, flags = ''] = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')) ?? [];
    expect(Number.parseInt(flags, 8) & 0o2000000).toBe(0o2000000);
  }
});

test('a tree is copied, made read-only, and attached by paths', async () => {
  space.fill({ 'source/file': 'content', target: null });
  const tree = mine(await openTree(space.at('source'), { flags: OPEN_TREE_CLONE, inside }));
  await mountSetattr('', { set: MOUNT_ATTR_RDONLY }, { at: tree, inside });
  await moveMount({ from: tree, toPath: space.at('target'), inside });
  expect(readdirSync(space.at('target'))).toEqual([]);
  const file = space.at('target/file');
  await expect(open(file, O_WRONLY, { inside })).rejects.toMatchObject({ code: 'EROFS' });
  await mountSetattr(space.at('target'), { clear: MOUNT_ATTR_RDONLY }, { inside });
  mine(await open(file, O_WRONLY, { inside }));
});

test('a file system that is mounted is configured anew', async () => {
  space.fill({ target: null });
  const made = await tmpfs();
  await moveMount({ from: made, toPath: space.at('target'), inside });
  const again = mine(await fspick('', { at: made, inside }));
  await fsconfig(again, FSCONFIG.SET_FLAG, { key: 'ro', inside });
  await fsconfig(again, FSCONFIG.CMD_RECONFIGURE, { inside });
  await expect(open(space.at('target/x'), O_CREAT | O_WRONLY, { inside })).rejects.toMatchObject({
    code: 'EROFS',
  });
});

test('what the kernel says of a setting is read from its context', async () => {
  const context = mine(await fsopen('tmpfs', { inside }));
  await expect(
    fsconfig(context, FSCONFIG.SET_STRING, { key: 'colour', value: 'blue', inside }),
  ).rejects.toMatchObject({ code: 'EINVAL', syscall: 'fsconfig', subject: 'colour' });
  const said = Buffer.alloc(256);
  expect(said.toString('utf8', 0, readSync(context, said))).toMatch(/^e tmpfs: .*colour/);
});

test('a descriptor as a setting', async () => {
  space.fill({ lower: null, upper: null, work: null });
  const context = mine(await fsopen('overlay', { inside }));
  const set = async (key: string, name: string) => {
    const fd = mine(await openat2(space.at(name), { flags: O_DIRECTORY | O_RDONLY, inside }));
    return fsconfig(context, FSCONFIG.SET_FD, { key, fd, inside });
  };
  const refused = await set('lowerdir+', 'lower').then(
    () => undefined,
    (error) => error,
  );
  // Linux 6.13.
  if (refused) return expect(refused).toMatchObject({ code: 'EINVAL', syscall: 'fsconfig' });
  await set('upperdir', 'upper');
  await set('workdir', 'work');
  if (!privileged) await fsconfig(context, FSCONFIG.SET_FLAG, { key: 'userxattr', inside });
  await fsconfig(context, FSCONFIG.CMD_CREATE, { inside });
  const made = mine(await fsmount(context, { inside }));
  writeFileSync(`/proc/self/fd/${made}/file`, '');
  expect(readdirSync(space.at('upper'))).toEqual(['file']);
});

describe('a path is looked up by rules', () => {
  beforeEach(() => {
    space.fill({ 'root/etc/file': 'the root’s' });
    symlinkSync('/etc', space.at('root/link'));
  });

  test('in a directory as its root', async () => {
    const at = await directory(space.at('root'));
    const file = mine(await openat2('link/file', { at, resolve: RESOLVE_IN_ROOT, inside }));
    expect(readFileSync(file, 'utf8')).toBe('the root’s');
  });

  test('never out of it', async () => {
    const at = await directory(space.at('root'));
    await expect(openat2('link/file', { at, resolve: RESOLVE_BENEATH, inside })).rejects.toMatchObject({
      code: 'EXDEV',
      syscall: 'openat2',
      subject: 'link/file',
    });
  });
});

describe('the root of a mount namespace', () => {
  test('is exchanged, and Node’s is not', async () => {
    space.fill({ target: null });
    const made = await tmpfs();
    await moveMount({ from: made, toPath: space.at('target'), inside });
    mine(await open(space.at('target/hello'), O_CREAT | O_WRONLY, { inside }));
    await pivotRoot(space.at('target'), space.at('target'), { inside });
    await umount('/', { flags: MNT_DETACH, inside });
    mine(await open('/hello', O_RDONLY, { inside }));
    await expect(open('/proc', O_RDONLY, { inside })).rejects.toMatchObject({ code: 'ENOENT' });
    expect(existsSync('/proc/self')).toBe(true);
    expect(existsSync('/hello')).toBe(false);
  });

  test('is not exchanged where Node itself is', async () => {
    const own = mine(await open('/proc/self/ns/mnt', O_RDONLY));
    for (const given of [{}, { inside: {} }, { inside: { mnt: own } }])
      await expect(pivotRoot(space.path, space.path, given)).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
      });
  });
});

describe.runIf(privileged)('owners by the map of a user namespace', () => {
  // Its map is of one id, that of this user.
  const shown = async (where: { inside?: Namespaces }) => {
    space.fill({ 'source/ours': '', 'source/others': '' });
    chownSync(space.at('source/others'), 1000, 1000);
    const { user } = await unshare(['user']);
    mine(user);
    const tree = mine(await openTree(space.at('source'), { flags: OPEN_TREE_CLONE, ...where }));
    await mountSetattr('', { userns: user }, { at: tree, ...where });
    return ['ours', 'others'].map((name) => statSync(`/proc/self/fd/${tree}/${name}`).uid);
  };

  test('here', async () => expect(await shown({})).toEqual([0, 65534]));
  test('inside, where the stub has it under another number', async () =>
    expect(await shown({ inside })).toEqual([0, 65534]));
});

describe('bad input', () => {
  const INVALID = 'ERR_INVALID_ARG_VALUE';
  const TYPE = 'ERR_INVALID_ARG_TYPE';
  const RANGE = 'ERR_OUT_OF_RANGE';
  const any = (value: unknown) => value as never;

  test.each<[string, () => Promise<unknown>, string]>([
    ['a type with a NUL', () => fsopen('tmp\0fs'), INVALID],
    ['a type that is none', () => fsopen(any(5)), TYPE],
    ['flags out of range', () => fsopen('tmpfs', { flags: -1 }), RANGE],
    ['an unknown option', () => fsopen('tmpfs', any({ inside: {}, outside: {} })), INVALID],
    ['an unknown command', () => fsconfig(0, 99), INVALID],
    ['binary data', () => fsconfig(0, 2), INVALID],
    ['a key that is missing', () => fsconfig(0, FSCONFIG.SET_FLAG), TYPE],
    ['a value that is missing', () => fsconfig(0, FSCONFIG.SET_STRING, { key: 'size' }), TYPE],
    ['a value too many', () => fsconfig(0, FSCONFIG.SET_FLAG, { key: 'ro', value: '1' }), INVALID],
    ['a key to a command', () => fsconfig(0, FSCONFIG.CMD_CREATE, { key: 'ro' }), INVALID],
    ['a descriptor that is missing', () => fsconfig(0, FSCONFIG.SET_FD, { key: 'upperdir' }), TYPE],
    ['a context that is none', () => fsmount(any('3')), TYPE],
    ['a descriptor that is closed', () => fsmount(100_000), 'EBADF'],
    ['attributes out of range', () => fsmount(0, { attributes: 2 ** 32 }), RANGE],
    ['a path that is none', () => openTree(any(undefined)), TYPE],
    ['a directory that is none', () => openTree('x', { at: any('/') }), TYPE],
    ['nothing to move', () => moveMount({ toPath: '/mnt' }), TYPE],
    ['nowhere to move it', () => moveMount({ from: 0 }), TYPE],
    ['attributes that are none', () => mountSetattr('/', any(undefined)), TYPE],
    ['an attribute misspelt', () => mountSetattr('/', any({ sets: 1 })), INVALID],
    ['a mode out of range', () => openat2('/', { mode: 0o10000 }), RANGE],
    ['a rule out of range', () => openat2('/', { resolve: 2 ** 32 }), RANGE],
    ['a namespace that cannot be entered', () => openat2('/', { inside: any({ pid: 3 }) }), INVALID],
    ['no options', () => pivotRoot('/', '/', any(undefined)), TYPE],
  ])('%s', async (_, act, code) => {
    await expect(act()).rejects.toMatchObject({ code });
  });
});
