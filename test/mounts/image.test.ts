// File systems in files.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { ImageMount, OverlayMount } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { run } from '../support/witness.js';
import { mountsIn, type Workspace, workspace } from './support/workspace.js';

let space: Workspace;
beforeEach(() => {
  space = workspace();
  space.fill({ 'content/etc/hosts': 'from the image', 'content/bin': null });
});
afterEach(() => {
  space[Symbol.dispose]();
});

const makers = {
  ext4: (image: string) => run('mkfs.ext4', ['-q', '-d', space.at('content'), image, '2M']),
  squashfs: (image: string) => run('mksquashfs', [space.at('content'), image, '-quiet']),
  erofs: (image: string) => run('mkfs.erofs', ['--quiet', image, space.at('content')]),
};

/** Loop devices that show a file of the workspace. */
const loops = async () =>
  (await run('losetup', ['--list', '--noheadings', '--output', 'BACK-FILE']))
    .split('\n')
    .filter((file) => file.includes(space.path));

describe.runIf(privileged).each(['ext4', 'squashfs', 'erofs'] as const)('%s', (type) => {
  test('is found by its magic number, read-only, and its loop device is free afterwards', async () => {
    await makers[type](space.at('image'));
    const image = await ImageMount.create({ source: space.at('image') });
    expect(readFileSync(`${image.path}etc/hosts`, 'utf8')).toBe('from the image');
    expect(() => writeFileSync(`${image.path}x`, '')).toThrow(expect.objectContaining({ code: 'EROFS' }));
    expect(await loops()).toHaveLength(1);
    await image.close();
    await expect.poll(loops).toEqual([]);
  });

  test('is a layer of an overlay', async () => {
    await makers[type](space.at('image'));
    space.fill({ upper: null, work: null, image2: null });
    await using image = await ImageMount.create({ source: space.at('image'), target: space.at('image2') });
    await using overlay = await OverlayMount.create({
      lower: [space.at('image2')],
      upper: space.at('upper'),
      work: space.at('work'),
    });
    writeFileSync(`${overlay.path}etc/hosts`, 'changed');
    expect(readFileSync(`${image.path}/etc/hosts`, 'utf8')).toBe('from the image');
    expect(readdirSync(space.at('upper'))).toEqual(['etc']);
    expect(existsSync(`${overlay.path}bin`)).toBe(true);
  });
});

test('a directory is none', async () => {
  await expect(ImageMount.create({ source: space.path })).rejects.toMatchObject({
    name: 'NsnetError',
    code: 'EISDIR',
    subject: space.path,
    hint: expect.stringContaining('BindMount'),
  });
});

test.runIf(privileged)('many at once, each by a device of its own', async () => {
  await makers.ext4(space.at('image'));
  const all = await Promise.all(
    Array.from({ length: 8 }, () => ImageMount.create({ source: space.at('image') })),
  );
  for (const image of all) expect(readdirSync(`${image.path}etc`)).toEqual(['hosts']);
  await Promise.all(all.map((image) => image.close()));
  await expect.poll(loops).toEqual([]);
});

test.runIf(privileged)('where it cannot be mounted no loop device is left', async () => {
  writeFileSync(space.at('broken'), Buffer.concat([Buffer.from('hsqs'), Buffer.alloc(8192)]));
  await expect(ImageMount.create({ source: space.at('broken') })).rejects.toMatchObject({ code: 'EINVAL' });
  await expect.poll(loops).toEqual([]);
  expect(mountsIn(space.path)).toEqual([]);
});

test.runIf(!privileged)('rootless it is refused, with the reason', async () => {
  writeFileSync(space.at('image'), Buffer.concat([Buffer.from('hsqs'), Buffer.alloc(8192)]));
  await expect(ImageMount.create({ source: space.at('image') })).rejects.toMatchObject({
    code: expect.stringMatching(/^(EACCES|ERR_NSNET_UNSUPPORTED)$/),
  });
});

describe('bad input', () => {
  test.each<[unknown, string]>([
    [{}, 'ERR_INVALID_ARG_TYPE'],
    [{ source: '/nonexistent' }, 'ENOENT'],
    [{ source: '/dev/null', type: 'ntfs' }, 'ERR_INVALID_ARG_VALUE'],
    [{ source: '/dev/null' }, 'ERR_NSNET_UNSUPPORTED'],
  ])('%j', async (options, code) => {
    await expect(ImageMount.create(options as never)).rejects.toMatchObject({ code });
  });
});
