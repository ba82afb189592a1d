// What has gone wrong with others, tried with ours, and beside it the way in which it goes wrong. Links that are
// exchanged while a target is looked up: races.test.ts; roots of containers: root-tree-attacks.test.ts.
import {
  closeSync,
  constants,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { BindMount, type BindOptions, ImageMount, KernelMount, OverlayMount, Tmpfs } from 'nsnet';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { atLeast } from '../../lib/syscalls/release.js';
import { patience } from '../fixtures/native/child.js';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';
import { useSwapper } from './support/swapper.js';
import { elsewhere } from './support/tree.js';
import { type Workspace, workspace } from './support/workspace.js';

const SECRET = 'the secret of the host';

const swapper = useSwapper();
let space: Workspace;
beforeEach(() => {
  space = workspace();
  space.fill({ 'base/etc/hosts': 'base', 'outside/b/file': SECRET, 'outside/secret': SECRET });
});
afterEach(async () => {
  await swapper.stop();
  space[Symbol.dispose]();
});

describe('who changes what a mount is made of', () => {
  /** What is in a directory of somebody else's. */
  const ways = [
    {
      way: 'as its subpath',
      works: true,
      of: async (source: string) => (subpath: string) => ({ source, subpath }),
    },
    {
      way: 'below a descriptor',
      // An ordinary user binds in a mount namespace of his own, in which what was opened outside of it is not.
      works: privileged,
      of: async (path: string) => {
        const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
        onTestFinished(() => closeSync(fd));
        return (inside: string) => ({ source: `/proc/self/fd/${fd}/${inside}` });
      },
    },
    {
      way: 'in a detached mount of it',
      works: privileged && atLeast(release(), '6.15'),
      of: async (path: string) => {
        const mount = await BindMount.create({ source: path });
        onTestFinished(() => mount.close());
        return (inside: string) => ({ source: join(mount.path, inside) });
      },
    },
  ];

  const bound = async (options: BindOptions) => {
    await using bind = await BindMount.create(options);
    return readFileSync(bind.path, 'utf8');
  };

  describe.each(ways.filter(({ works }) => works))('but $way', ({ of }) => {
    test('CVE-2024-42472, flatpak: a directory that an application keeps, made a link by it', async () => {
      space.fill({ 'app/.ssh/own': '', target: null });
      const inApp = await of(space.at('app'));
      for (const to of [space.at('outside'), '../outside', `/proc/self/root${space.at('outside')}`]) {
        symlinkSync(to, space.at('app/link'));
        const script = 'mount --bind "$1/app/link" "$1/target"; cat "$1/target/secret"';
        expect(await elsewhere(script, space.path)).toBe(SECRET);
        await expect(BindMount.create(inApp('link'))).rejects.toMatchObject({
          code: expect.stringMatching(/^(ENOENT|EXDEV|ELOOP)$/),
        });
        rmSync(space.at('app/link'));
      }
      // Links of its own are for itself.
      symlinkSync('/.ssh', space.at('app/link'));
      await using bind = await BindMount.create(inApp('link'));
      expect(readdirSync(bind.path)).toEqual(['own']);
    });

    test(
      'CVE-2024-23651, buildkit: a component of the source, exchanged while it is bound',
      async () => {
        space.fill({ 'cache/a/b/file': 'harmless' });
        const inCache = await of(space.at('cache'));
        swapper.start(space.at('cache/a'), space.at('outside'));
        const told = new Set<string>();
        for (let i = 0; i < scaled(1000, 60) || (!told.has('harmless') && i < 10_000); i++)
          told.add(await bound(inCache('a/b/file')).catch(({ code }) => code));
        expect(told).toContain('harmless');
        const known = ['harmless', 'ENOENT', 'ENOTDIR', 'EXDEV', 'ELOOP'];
        expect([...told].filter((one) => !known.includes(one))).toEqual([]);
        // By its path, the caller's own, it is another matter.
        for (let i = 0; i < 10_000 && !told.has(SECRET); i++)
          told.add(await bound({ source: space.at('cache/a/b/file') }).catch(({ code }) => code));
        expect(told).toContain(SECRET);
      },
      patience(60_000),
    );
  });

  test('CVE-2024-1753, buildah: an image with a link to / as the source of a mount', async () => {
    await using image = await Tmpfs.create();
    symlinkSync('/', join(image.path, 'all'));
    symlinkSync(space.at('outside'), join(image.path, 'some'));
    expect(readdirSync(join(image.path, 'some'))).toContain('secret');
    const refused = { code: expect.stringMatching(/^(ENOENT|EINVAL)$/) };
    await expect(BindMount.create({ source: join(image.path, 'some') })).rejects.toMatchObject(refused);
    await expect(
      OverlayMount.create({ lower: [join(image.path, 'some'), space.at('base')] }),
    ).rejects.toMatchObject({ code: expect.stringMatching(/^(ENOENT|ERR_NSNET_UNSUPPORTED)$/) });
    if (!atLeast(release(), '6.15')) return;
    // As the image's own root, which it is to whoever runs in it.
    await using all = await BindMount.create({ source: join(image.path, 'all') });
    expect(readdirSync(all.path)).toEqual(['all', 'some']);
    await using overlay = await OverlayMount.create({ lower: [join(image.path, 'all'), space.at('base')] });
    expect(readdirSync(overlay.path)).toEqual(['all', 'etc', 'some']);
  });

  test.runIf(privileged)('an image in an image, which is a link to a device of this machine', async () => {
    await using image = await Tmpfs.create();
    symlinkSync('/dev/loop0', join(image.path, 'disk'));
    expect(statSync(join(image.path, 'disk')).isBlockDevice()).toBe(true);
    await expect(ImageMount.create({ source: join(image.path, 'disk') })).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });
});

describe('options smuggled through a field', () => {
  test('CVE-2024-9407, buildah: a propagation, and whatever else is text', async () => {
    space.fill({ target: null });
    const script = 'mount -t tmpfs -o "mode=0700,size=$2" none "$1/target"; stat -c %a "$1/target"';
    expect(await elsewhere(script, space.path, '1M,mode=0777')).toBe('777\n');
    const invalid = { code: 'ERR_INVALID_ARG_VALUE' };
    const source = space.at('outside');
    for (const propagation of ['private,rw', 'shared,dev,suid', 'rw', ''])
      await expect(BindMount.create({ source, propagation } as never)).rejects.toMatchObject(invalid);
    await expect(Tmpfs.create({ mode: 0o700, size: '1M,mode=0777' as never })).rejects.toMatchObject(invalid);
    const smuggled: Record<string, string>[] = [
      { mode: '0600,ptmxmode=0666' },
      { 'mode=0600,ptmxmode': '0666' },
    ];
    for (const options of smuggled)
      await expect(KernelMount.create({ type: 'devpts', options })).rejects.toMatchObject({ code: 'EINVAL' });
  });

  test('a path or a name is one, whatever it holds', async () => {
    const name = 'x,upperdir=y:z\\';
    space.fill({ [`${name}/file`]: '', upper: null, work: null, at: null });
    await using overlay = await OverlayMount.create({
      lower: [space.at(name)],
      upper: space.at('upper'),
      work: space.at('work'),
      source: `s,lowerdir=${space.at('outside')}`,
    });
    expect(readdirSync(overlay.path)).toEqual(['file']);
  });
});
