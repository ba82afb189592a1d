// Roots that were made to be built on, and machines whose devices are others: what has gone wrong with others, tried
// with ours, and beside it the way in which it goes wrong.
import { existsSync, readdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs';
import { BindMount, Mount, mounts, RootTree, type RootTreeOptions } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { patience } from '../fixtures/native/child.js';
import { scaled } from '../support/scale.js';
import { node } from '../support/witness.js';
import { useSwapper } from './support/swapper.js';
import { elsewhere, look } from './support/tree.js';
import { type Workspace, workspace } from './support/workspace.js';

const SECRET = 'the secret of the host';

const swapper = useSwapper();
let space: Workspace;
beforeEach(() => {
  space = workspace();
  space.fill({ 'base/etc/hosts': 'base', 'outside/secret': SECRET });
});
afterEach(async () => {
  await swapper.stop();
  space[Symbol.dispose]();
});

/** What becomes of a tree: '' if it was made. */
const refusal = (options: Partial<RootTreeOptions> = {}) =>
  RootTree.create({ base: space.at('base'), ...options }).then(
    async (tree) => {
      await tree.close();
      return '';
    },
    (error) => error.code as string,
  );

describe('a root that leads away what is mounted in it', () => {
  const volume = async () => {
    space.fill({ 'volume/proc': null, 'volume/sys': null });
    return { mount: await BindMount.create({ source: space.at('volume') }), target: '/volume' };
  };

  // What is written to the files of such a /proc, a security profile, is lost, and what it hides is shown.
  test.each([
    ['CVE-2019-19921, runc: /proc of the image is a link to a volume', 'proc', '/volume/proc'],
    ['CVE-2023-27561, runc: the same by another way, up and down', 'proc', 'etc/../volume/proc'],
    ['CVE-2023-28642, runc: /proc of the image is a link within it', 'proc', 'etc'],
    ['the same of /sys', 'sys', '/volume/sys'],
    ['the same of /dev', 'dev', '/volume'],
  ])('%s', async (_, name, to) => {
    symlinkSync(to, space.at('base', name));
    // By the path, what is meant for there is mounted where the link leads.
    space.fill({ 'root/etc': null, 'root/volume/proc': null, 'root/volume/sys': null });
    symlinkSync(to.replace(/^\//, ''), space.at('root', name));
    const script = `mount -t tmpfs meant "$1"; awk '/ meant /{print $5}' /proc/self/mountinfo`;
    const naive = await elsewhere(script, space.at('root', name));
    expect(naive.trim()).toBe(space.at('root', to.replace('etc/../', '')));

    const given = await volume();
    await using _given = given.mount;
    expect(await refusal({ mounts: [given] })).toBe('ENOTDIR');
    expect(readdirSync(space.at('volume')).sort()).toEqual(['proc', 'sys']);
  });

  test('CVE-2025-52565, runc: /dev/console of the image is a link, or what is bound there', async () => {
    space.fill({ pty: 'the pty', 'root/dev': null });
    for (const root of ['base', 'root']) {
      space.fill({ [`${root}/dev`]: null });
      symlinkSync(space.at('outside/secret'), space.at(root, 'dev/console'));
    }
    const script = 'mount --bind "$1/pty" "$1/root/dev/console"; cat "$1/outside/secret"';
    expect(await elsewhere(script, space.path)).toBe('the pty');

    // It is looked up once: what its path means when it is attached is no matter.
    await using mount = await BindMount.create({ source: space.at('pty') });
    renameSync(space.at('pty'), space.at('moved'));
    symlinkSync('outside/secret', space.at('pty'));
    expect(readFileSync(mount.path, 'utf8')).toBe('the pty');
    await using tree = await RootTree.create({
      base: space.at('base'),
      mounts: [{ mount, target: '/dev/console' }],
    });
    expect((await look(tree, '/dev/console')).type).toBe('file');
    const list = await mounts(tree.namespace).list();
    const [dev, console] = ['/dev', '/dev/console'].map((at) => list.find(({ target }) => target === at));
    expect(console?.parent).toBe(dev?.id);
    expect(readFileSync(space.at('outside/secret'), 'utf8')).toBe(SECRET);
  });

  test(
    'CVE-2025-52881, runc: what is meant for a file system of the kernel, led away while the tree is built',
    async () => {
      space.fill({
        'base/sys/kernel': null,
        'base/sys/firmware': null,
        'outside/kernel': null,
        'outside/firmware': null,
      });
      swapper.start(space.at('base/sys'), space.at('outside'));
      const ends = new Map<string, number>();
      const count = (end: string) => ends.set(end, (ends.get(end) ?? 0) + 1);
      const options = { base: space.at('base'), masked: ['/sys/firmware'], readonlyPaths: ['/sys/kernel'] };
      for (let i = 0; i < scaled(100, 10) || (!ends.has('made') && i < 2000); i++) {
        const tree = await RootTree.create(options).catch(({ code }) => void count(code));
        if (!tree) continue;
        count('made');
        const list = await mounts(tree.namespace).list();
        const sysfs = list.find(({ type, root }) => type === 'sysfs' && root === '/');
        const inIt = list.filter(({ parent }) => parent === sysfs?.id);
        expect(inIt.map(({ type, options: { readonly } }) => [type, readonly]).sort()).toEqual([
          ['sysfs', true],
          ['tmpfs', true],
        ]);
        await tree.close();
      }
      expect(ends.get('made')).toBeGreaterThan(0);
      expect(
        [...ends.keys()].filter((end) => !['made', 'ENOTDIR', 'ENOENT', 'EXDEV', 'ELOOP'].includes(end)),
      ).toEqual([]);
      expect(readdirSync(space.at('outside')).sort()).toEqual(['firmware', 'kernel', 'secret']);
    },
    patience(60_000),
  );
});

describe('CVE-2025-31133, runc: what files are hidden behind is no /dev/null', () => {
  const NODES = ['zero', 'full', 'random', 'urandom', 'tty'];
  const dev = `mkdir -p "$1/dev"; mount -t tmpfs none "$1/dev"
    for node in ${NODES.join(' ')}; do touch "$1/dev/$node"; mount --bind /dev/$node "$1/dev/$node"; done`;
  const tree = `import { RootTree } from 'nsnet';
    const made = RootTree.create({ base: process.argv[1], masked: ['/etc/hosts'] });
    console.log(await made.then(() => 'made', ({ code, subject }) => code + ' ' + subject));`;

  const other = (null_: string) => `${dev}; ${null_}; mount --rbind "$1/dev" /dev`;

  test.each([
    ['a file', 'mount --bind "$1/outside/secret" /dev/null', 'ENODEV', SECRET],
    ['a link to a file', other('ln -s "$1/outside/secret" "$1/dev/null"'), 'ENODEV', SECRET],
    ['a link to a file of /proc', other('ln -s /proc/version "$1/dev/null"'), 'ENODEV', 'Linux version'],
    ['another device', 'mount --bind /dev/zero /dev/null', 'ENODEV', '0000'],
    ['nothing', other('true'), 'ENOENT', undefined],
  ])('but %s', async (_, script, code, shown) => {
    const command = [...node, '--input-type=module', '-e', tree, space.at('base')];
    const told = await elsewhere(`${script}; shift; exec "$@"`, space.path, ...command);
    expect(told).toBe(`${code} /dev/null\n`);
    expect(readdirSync(space.at('base'))).toEqual(['etc']);
    if (shown === undefined) return;
    const naive = `${script}; mount --bind /dev/null "$1/base/etc/hosts"; head -c 22 "$1/base/etc/hosts" | tr '\\0' 0`;
    expect(await elsewhere(naive, space.path)).toContain(shown);
  });

  test('where it is, it is that', async () => {
    await using made = await RootTree.create({ base: space.at('base'), masked: ['/etc/hosts'] });
    expect(await look(made, '/etc/hosts')).toEqual({ type: 'character device', device: '1:3' });
    expect(existsSync(space.at('base/etc/hosts'))).toBe(true);
    await expect(Mount.open(space.at('base/etc/hosts'))).rejects.toMatchObject({ code: 'EINVAL' });
  });
});
