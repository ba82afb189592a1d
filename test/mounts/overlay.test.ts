// @kernels
// Several directories as one.
import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OverlayMount, type OverlayOptions, run as runNatively, Tmpfs } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { forceOverlayWay, overlayWay } from '../../lib/mounts/overlay-ways.js';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';
import { node, run } from '../support/witness.js';
import { mountsIn, type Workspace, workspace } from './support/workspace.js';

let space: Workspace;
beforeEach(() => {
  space = workspace();
});
afterEach(() => {
  space[Symbol.dispose]();
});

const best = await overlayWay();
/** Those that this kernel has: each has the ones after it, too. */
const ways = (['fd', 'string', 'page'] as const).slice(['fd', 'string', 'page'].indexOf(best));

/** The layers of lab 7, in a directory of the workspace. */
function lab(directory = '.'): Pick<OverlayOptions, 'lower' | 'upper' | 'work'> {
  space.fill({
    [`${directory}/lower/in_lower.txt`]: 'from lower\n',
    [`${directory}/lower/in_both.txt`]: 'from lower\n',
    [`${directory}/upper/in_upper.txt`]: 'from upper\n',
    [`${directory}/upper/in_both.txt`]: 'from upper\n',
    [`${directory}/work`]: null,
    [`${directory}/merged`]: null,
  });
  const at = (name: string) => space.at(directory, name);
  return { lower: [at('lower')], upper: at('upper'), work: at('work') };
}

const whiteouts = (path: string) =>
  readdirSync(path).filter((name) => {
    const status = lstatSync(`${path}/${name}`);
    return status.isCharacterDevice() && status.rdev === 0;
  });

describe.each(ways)('layers by %s', (way) => {
  beforeEach(() => forceOverlayWay(way));
  afterEach(() => forceOverlayWay(undefined));

  test('lab 7: the upper hides the lower; what is removed leaves whiteouts, and the lower is untouched', async () => {
    await using overlay = await OverlayMount.create(lab());
    const { path } = overlay;
    expect(readdirSync(path)).toEqual(['in_both.txt', 'in_lower.txt', 'in_upper.txt']);
    expect(readFileSync(`${path}in_both.txt`, 'utf8')).toBe('from upper\n');
    for (const name of readdirSync(path)) rmSync(path + name);
    expect(readdirSync(path)).toEqual([]);
    expect(readdirSync(space.at('lower'))).toEqual(['in_both.txt', 'in_lower.txt']);
    expect(readFileSync(space.at('lower/in_both.txt'), 'utf8')).toBe('from lower\n');
    expect(whiteouts(space.at('upper'))).toEqual(['in_both.txt', 'in_lower.txt']);
    expect(readdirSync(space.at('upper'))).toEqual(['in_both.txt', 'in_lower.txt']);
  });

  test.runIf(privileged)('lab 7 to the letter: the same end state as the mount command leaves', async () => {
    const layers = lab('ours');
    lab('theirs');
    const theirs = space.at('theirs');
    const options = 'lowerdir=lower,upperdir=upper,workdir=work';
    await run('sh', ['-c', `cd ${theirs} && mount -t overlay overlay -o ${options} merged`]);
    const ours = await OverlayMount.create({ ...layers, target: space.at('ours/merged') });
    const shown = (place: string) =>
      readdirSync(space.at(place, 'merged')).map((name) => [
        name,
        readFileSync(space.at(place, 'merged', name), 'utf8'),
      ]);
    expect(shown('ours')).toEqual(shown('theirs'));
    for (const place of ['ours', 'theirs'])
      for (const name of ['in_both.txt', 'in_lower.txt', 'in_upper.txt'])
        rmSync(space.at(place, 'merged', name));
    const left = async (place: string) =>
      (
        await run('sh', ['-c', `cd ${space.at(place)} && find lower upper -printf '%p %y %m %s\\n' | sort`])
      ).replaceAll(place, '');
    expect(await left('ours')).toBe(await left('theirs'));
    expect(whiteouts(space.at('ours/upper'))).toEqual(whiteouts(space.at('theirs/upper')));
    await ours.close();
    await run('umount', [space.at('theirs/merged')]);
  });

  test.each([
    'a:b',
    'a,b',
    'a\\b',
    'a b',
    'a\nb',
    'a"b',
    "a'b",
    'ä–€😀',
    '-o',
    'x=y,upperdir=z',
    'lowerdir+=',
    '%s',
  ])('in a directory named %j', async (name) => {
    await using overlay = await OverlayMount.create(lab(name));
    expect(readFileSync(`${overlay.path}in_both.txt`, 'utf8')).toBe('from upper\n');
    writeFileSync(`${overlay.path}new`, '');
    expect(existsSync(space.at(name, 'upper/new'))).toBe(true);
  });

  test('of 500 lowers, the topmost first', async () => {
    const lower = Array.from({ length: 500 }, (_, i) => `layers/${i}`);
    space.fill(
      Object.fromEntries(
        lower.flatMap((name, i) => [
          [`${name}/${i}`, ''],
          [`${name}/same`, String(i)],
        ]),
      ),
    );
    await using overlay = await OverlayMount.create({ lower: lower.map((name) => space.at(name)) });
    expect(readdirSync(overlay.path)).toHaveLength(501);
    expect(readFileSync(`${overlay.path}same`, 'utf8')).toBe('0');
  });

  test('the 501st is refused, in words', async () => {
    space.fill({ layer: null });
    const lower = Array.from({ length: 501 }, (_, i) => `${space.at('layer')}${'/.'.repeat(i % 3)}`);
    await expect(OverlayMount.create({ lower })).rejects.toMatchObject({
      code: 'EINVAL',
      hint: expect.stringContaining('takes 500'),
      ...(way !== 'page' && { kernel: expect.stringContaining('500') }),
    });
  });

  test('of paths longer than an option may be', async () => {
    const deep = Array.from({ length: 4 }, () => 'x'.repeat(200)).join('/');
    await using overlay = await OverlayMount.create(lab(deep));
    expect(readdirSync(overlay.path)).toContain('in_upper.txt');
  });

  test.runIf(privileged)('named in the table of mounts as asked for, or as mount(8) names it', async () => {
    const sourceOf = (target: string) => run('findmnt', ['-n', '-o', 'SOURCE', target]);
    await using _named = await OverlayMount.create({
      ...lab('1'),
      target: space.at('1/merged'),
      source: 'my layers',
    });
    await using _plain = await OverlayMount.create({ ...lab('2'), target: space.at('2/merged') });
    expect(await sourceOf(space.at('1/merged'))).toBe('my layers\n');
    expect(await sourceOf(space.at('2/merged'))).toBe('overlay\n');
  });

  test('a layer that is not there is named', async () => {
    await expect(
      OverlayMount.create({ ...lab(), lower: [space.at('lower'), space.at('gone')] }),
    ).rejects.toMatchObject({
      code: 'ENOENT',
      subject: space.at('gone'),
    });
  });

  test.each([470, 500, 515, 1000])('while this process has %d descriptors open', async (count) => {
    space.fill({ 'one/a': '1', 'two/b': '2' });
    const layers = { ...lab(), lower: [space.at('one'), space.at('two')] };
    const held: number[] = [];
    try {
      while (held.length < count) held.push(openSync('/dev/null', 'r'));
      // What this opens for itself is found at each of the numbers.
      for (let i = 0; i < 30; i++) {
        await using overlay = await OverlayMount.create(layers);
        expect(readdirSync(overlay.path)).toEqual(expect.arrayContaining(['a', 'b', 'in_upper.txt']));
        held.push(openSync('/dev/null', 'r'));
      }
    } finally {
      for (const fd of held) closeSync(fd);
    }
  });

  test('read-only without an upper', async () => {
    space.fill({ 'one/a': '1', 'two/a': '2', 'two/b': '2' });
    await using overlay = await OverlayMount.create({ lower: [space.at('one'), space.at('two')] });
    expect(['a', 'b'].map((name) => readFileSync(overlay.path + name, 'utf8'))).toEqual(['1', '2']);
    expect(() => writeFileSync(`${overlay.path}c`, '')).toThrow(expect.objectContaining({ code: 'EROFS' }));
  });
});

describe('what an upper says', () => {
  const told = async (overlay: OverlayMount) =>
    (await overlay.changes()).map(
      ({ type, path }) => `${{ added: 'A', changed: 'C', removed: 'D' }[type]} ${path}`,
    );

  test('nothing at first', async () => {
    space.fill({ 'lower/etc/hosts': 'x', upper: null, work: null });
    await using overlay = await OverlayMount.create({
      lower: [space.at('lower')],
      upper: space.at('upper'),
      work: space.at('work'),
    });
    expect(await told(overlay)).toEqual([]);
  });

  test('as docker diff says it', async () => {
    space.fill({
      'top/etc/top': '',
      'lower/etc/hosts': 'x',
      'lower/etc/passwd': 'x',
      'lower/usr/bin/tool': 'x',
      'lower/usr/lib/a/b': 'x',
      'lower/opt/old/file': 'x',
      'lower/var/file': 'x',
      upper: null,
      work: null,
    });
    await using overlay = await OverlayMount.create({
      lower: [space.at('top'), space.at('lower')],
      upper: space.at('upper'),
      work: space.at('work'),
    });
    const at = (name: string) => overlay.path + name;
    writeFileSync(at('etc/hosts'), 'changed');
    writeFileSync(at('etc/new'), '');
    rmSync(at('etc/passwd'));
    rmSync(at('usr/lib'), { recursive: true });
    rmSync(at('opt/old'), { recursive: true });
    mkdirSync(at('opt/old'));
    writeFileSync(at('opt/old/other'), '');
    rmSync(at('var/file'));
    mkdirSync(at('var/file'));
    chmodSync(at('usr/bin/tool'), 0o600);
    mkdirSync(at('home/user'), { recursive: true });
    expect(await told(overlay)).toEqual([
      'C /etc',
      'C /etc/hosts',
      'A /etc/new',
      'D /etc/passwd',
      'A /home',
      'A /home/user',
      'C /opt',
      'C /opt/old',
      'D /opt/old/file',
      'A /opt/old/other',
      'C /usr',
      'C /usr/bin',
      'C /usr/bin/tool',
      'D /usr/lib',
      'C /var',
      'C /var/file',
    ]);
  });

  test('a file that lowers have removed and the upper makes again is new', async () => {
    space.fill({ 'lower/a': '', 'lower/b': '', middle: null, work: null, upper: null, work2: null });
    const middle = await OverlayMount.create({
      lower: [space.at('lower')],
      upper: space.at('middle'),
      work: space.at('work'),
    });
    rmSync(`${middle.path}a`);
    await middle.close();
    await using overlay = await OverlayMount.create({
      lower: [space.at('middle'), space.at('lower')],
      upper: space.at('upper'),
      work: space.at('work2'),
    });
    expect(readdirSync(overlay.path)).toEqual(['b']);
    writeFileSync(`${overlay.path}a`, '');
    expect(await told(overlay)).toEqual(['A /a']);
  });

  test('nothing where there is none', async () => {
    space.fill({ one: null, two: null });
    await using overlay = await OverlayMount.create({ lower: [space.at('one'), space.at('two')] });
    expect(await told(overlay)).toEqual([]);
  });
});

describe('its options', () => {
  test('renaming a directory of a lower is EXDEV, whatever the kernel’s default is', async () => {
    space.fill({ 'lower/a/b': '', upper: null, work: null });
    const layers = { lower: [space.at('lower')], upper: space.at('upper'), work: space.at('work') };
    await using overlay = await OverlayMount.create(layers);
    expect(() => renameSync(`${overlay.path}a`, `${overlay.path}c`)).toThrow(
      expect.objectContaining({ code: 'EXDEV' }),
    );
  });

  test.runIf(privileged)('unless it was asked for', async () => {
    space.fill({ 'lower/a/b': '', upper: null, work: null });
    const layers = { lower: [space.at('lower')], upper: space.at('upper'), work: space.at('work') };
    await using overlay = await OverlayMount.create({ ...layers, redirectDir: true });
    renameSync(`${overlay.path}a`, `${overlay.path}c`);
    expect(readdirSync(`${overlay.path}c`)).toEqual(['b']);
    expect((await overlay.changes()).map(({ type, path }) => [type, path])).toEqual([
      ['removed', '/a'],
      ['added', '/c'],
    ]);
  });

  test('volatile, its work directory says so while it is mounted', async () => {
    const overlay = await OverlayMount.create({ ...lab(), volatile: true });
    // The kernel makes it without permissions.
    chmodSync(space.at('work/work'), 0o700);
    chmodSync(space.at('work/work/incompat'), 0o700);
    expect(existsSync(space.at('work/work/incompat/volatile'))).toBe(true);
    await overlay.close();
  });

  test('volatile, its upper is good for one mount, however that ended', async () => {
    const layers = lab();
    await (await OverlayMount.create({ ...layers, volatile: true })).close();
    await expect(OverlayMount.create(layers)).rejects.toMatchObject({ code: 'EINVAL' });
    await run('chmod', ['-R', 'u+rwx', space.at('work')]);
    rmSync(space.at('work/work'), { recursive: true });
    await (await OverlayMount.create(layers)).close();
  });

  test('left behind by a crash it is refused, with what to do', async () => {
    const layers = lab();
    space.fill({ 'work/work/incompat/volatile/x': '' });
    rmSync(space.at('work/work/incompat/volatile/x'));
    await expect(OverlayMount.create(layers)).rejects.toMatchObject({
      code: 'EINVAL',
      hint: expect.stringContaining('volatile'),
    });
  });

  test.runIf(privileged)('they are set whatever the defaults of this kernel are', async () => {
    await using _overlay = await OverlayMount.create({ ...lab(), target: space.at('merged') });
    const options = await run('findmnt', ['-n', '-o', 'OPTIONS', space.at('merged')]);
    expect(options).not.toMatch(/metacopy=on|redirect_dir=on|index=on|userxattr/);
  });
});

test.runIf(best === 'fd')('layers may be detached mounts, and directories in them', async () => {
  await using lower = await Tmpfs.create();
  await using upper = await Tmpfs.create();
  writeFileSync(`${lower.path}x`, 'lower');
  for (const name of ['u', 'w']) mkdirSync(upper.path + name);
  await using overlay = await OverlayMount.create({
    lower: [lower],
    upper: `${upper.path}u`,
    work: `${upper.path}w`,
  });
  writeFileSync(`${overlay.path}y`, '');
  expect(readdirSync(`${upper.path}u`)).toEqual(['y']);
  expect(readFileSync(`${overlay.path}x`, 'utf8')).toBe('lower');
});

test.runIf(best !== 'fd')('a detached mount as a layer is more than this kernel can', async () => {
  await using lower = await Tmpfs.create();
  space.fill({ two: null });
  await expect(OverlayMount.create({ lower: [lower, space.at('two')] })).rejects.toMatchObject({
    code: 'ERR_NSNET_UNSUPPORTED',
    message: expect.stringContaining('6.15'),
  });
});

test('with an index, hard links of a lower stay such where marks may be trusted; an upper is one overlay’s alone', async () => {
  space.fill({ 'lower/one': 'x', upper: null, work: null });
  linkSync(space.at('lower/one'), space.at('lower/two'));
  const layers = {
    lower: [space.at('lower')],
    upper: space.at('upper'),
    work: space.at('work'),
    index: true,
  };
  await using overlay = await OverlayMount.create(layers);
  writeFileSync(`${overlay.path}one`, 'changed');
  expect(readFileSync(`${overlay.path}two`, 'utf8')).toBe(privileged ? 'changed' : 'x');
  await expect(OverlayMount.create(layers)).rejects.toMatchObject({ code: 'EBUSY' });
});

describe.each(ways)('by %s, a work is one overlay’s alone', (way) => {
  beforeEach(() => forceOverlayWay(way));
  afterEach(() => forceOverlayWay(undefined));

  test('until it is closed', async () => {
    space.fill({ lower: null, upper: null, work: null, other: null });
    const [lower, upper, work, other] = ['lower', 'upper', 'work', 'other'].map((name) => space.at(name));
    const layers = { lower: [lower as string], upper, work };
    const refused = { code: 'EBUSY', hint: expect.stringContaining('Another overlay'), subject: work };
    const overlay = await OverlayMount.create(layers);
    await expect(OverlayMount.create(layers)).rejects.toMatchObject(refused);
    await expect(OverlayMount.create({ ...layers, upper: other })).rejects.toMatchObject(refused);
    writeFileSync(`${overlay.path}file`, 'of the first');
    expect(readFileSync(join(upper as string, 'file'), 'utf8')).toBe('of the first');
    await overlay.close();
    await using again = await OverlayMount.create(layers);
    expect(readFileSync(`${again.path}file`, 'utf8')).toBe('of the first');
  });

  // A clone has the descriptor, too, until it is another program: what is closed only would be locked as long.
  test('and at once another’s, also while programs are started', async () => {
    space.fill({ lower: null, upper: null, work: null });
    const layers = { lower: [space.at('lower')], upper: space.at('upper'), work: space.at('work') };
    let ended = false;
    const starting = Promise.all(
      [1, 2, 3].map(async () => {
        while (!ended) await runNatively('true', [], { reject: false });
      }),
    );
    try {
      for (let i = 0; i < scaled(100, 10); i++) {
        await (await OverlayMount.create(layers)).close();
        // What fails unlocks it, too.
        await expect(OverlayMount.create({ ...layers, lower: ['/nonexistent'] })).rejects.toThrow('ENOENT');
      }
    } finally {
      ended = true;
      await starting;
    }
  });

  test.runIf(privileged)('it has the flags that it was asked for', async () => {
    space.fill({ lower: null, upper: null, work: null, target: null });
    const layers = { lower: [space.at('lower')], upper: space.at('upper'), work: space.at('work') };
    const flags = { nosuid: true, atime: 'noatime', nosymfollow: true } as const;
    await using overlay = await OverlayMount.create({ ...layers, ...flags, target: space.at('target') });
    const line = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .find((one) => one.split(' ')[4] === overlay.path);
    expect(line?.split(' ')[5]?.split(',')).toEqual(
      expect.arrayContaining(['nosuid', 'noatime', 'nosymfollow']),
    );
  });
});

test.each([
  ['the same', 'upper', 'upper', 'two directories'],
  ['in the upper', 'upper', 'upper/work', 'two directories'],
])('a work that is %s: what is wrong', async (_, upper, work, hint) => {
  space.fill({ lower: null, 'upper/work': null });
  const layers = { lower: [space.at('lower')], upper: space.at(upper), work: space.at(work) };
  await expect(OverlayMount.create(layers)).rejects.toMatchObject({
    hint: expect.stringContaining(hint),
  });
});

test.runIf(best === 'fd')('a work on another file system: what is wrong', async () => {
  space.fill({ lower: null, upper: null });
  await using other = await Tmpfs.create();
  const layers = { lower: [space.at('lower')], upper: space.at('upper'), work: `${other.path}work` };
  mkdirSync(layers.work);
  await expect(OverlayMount.create(layers)).rejects.toMatchObject({
    hint: expect.stringContaining('file system'),
  });
});

// As in a container whose engine has user namespaces: trusted.* attributes are denied it, what it may mount or not.
test('made by root of a user namespace it can replace what is in a lower', async () => {
  space.fill({ 'lower/directory/file': '', upper: null, work: null });
  const program = fileURLToPath(new URL('./fixtures/replaced.mjs', import.meta.url));
  const enter = ['--user', '--map-root-user', '--mount', ...node, program];
  expect(JSON.parse(await run('unshare', [...enter, space.path]))).toEqual({
    left: [],
    changes: [
      { type: 'changed', path: '/directory' },
      { type: 'removed', path: '/directory/file' },
    ],
  });
});

describe('bad input', () => {
  test.each<[unknown, string]>([
    [{}, 'ERR_INVALID_ARG_TYPE'],
    [{ lower: [] }, 'ERR_INVALID_ARG_TYPE'],
    [{ lower: 'x' }, 'ERR_INVALID_ARG_TYPE'],
    [{ lower: [5] }, 'ERR_INVALID_ARG_TYPE'],
    [{ lower: [''] }, 'ERR_INVALID_ARG_VALUE'],
    [{ lower: ['/'], upper: '/' }, 'ERR_INVALID_ARG_VALUE'],
    [{ lower: ['/'], work: '/' }, 'ERR_INVALID_ARG_VALUE'],
    [{ lower: ['/'], volatile: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ lower: ['/'], lowerdir: '/' }, 'ERR_INVALID_ARG_VALUE'],
    [{ lower: ['/'], source: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ lower: ['/'], source: '' }, 'ERR_INVALID_ARG_VALUE'],
    [{ lower: ['/'], source: 'x'.repeat(256) }, 'ERR_INVALID_ARG_VALUE'],
    [{ lower: ['/', '/'], signal: AbortSignal.abort() }, 'ABORT_ERR'],
  ])('%j', async (options, code) => {
    await expect(OverlayMount.create(options as never)).rejects.toMatchObject({ code });
  });

  test('one lower alone', async () => {
    space.fill({ one: null });
    await expect(OverlayMount.create({ lower: [space.at('one')] })).rejects.toMatchObject({
      code: 'EINVAL',
      hint: expect.stringContaining('BindMount'),
    });
  });

  test('where the target is missing nothing is left', async () => {
    const layers = lab();
    await expect(OverlayMount.create({ ...layers, target: space.at('gone') })).rejects.toMatchObject({
      code: 'ENOENT',
    });
    expect(mountsIn(space.path)).toEqual([]);
    await using again = await OverlayMount.create(layers);
    expect(readdirSync(again.path)).toHaveLength(3);
  });
});
