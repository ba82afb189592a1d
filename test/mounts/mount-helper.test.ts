// The program that test suites of overlayfs call instead of mount(8).
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { node, run } from '../support/witness.js';
import { helperArguments, overlayOptions } from './support/helper-arguments.mjs';
import { workspace } from './support/workspace.js';

const program = fileURLToPath(new URL('./mount.overlay.mjs', import.meta.url));

describe('its options', () => {
  test.each<[string, object]>([
    ['lowerdir=a', { lower: ['a'] }],
    ['lowerdir=a:b:c', { lower: ['a', 'b', 'c'] }],
    ['lowerdir=/a b/c', { lower: ['/a b/c'] }],
    [String.raw`lowerdir=a\:b:c`, { lower: ['a:b', 'c'] }],
    [String.raw`lowerdir=a\\:c`, { lower: ['a\\', 'c'] }],
    [String.raw`lowerdir=a\\\:c`, { lower: ['a\\:c'] }],
    [String.raw`lowerdir=a\,b:c`, { lower: ['a,b', 'c'] }],
    ['lowerdir=a=b', { lower: ['a=b'] }],
    ['lowerdir=a\nb', { lower: ['a\nb'] }],
    [String.raw`lowerdir=a,upperdir=u\,v,workdir=w\\x`, { lower: ['a'], upper: 'u,v', work: 'w\\x' }],
    ['lowerdir=a,upperdir=b:c,workdir=w', { lower: ['a'], upper: 'b:c', work: 'w' }],
    ['lowerdir=a,volatile', { lower: ['a'], volatile: true }],
    [
      'lowerdir=a,metacopy=on,index=off,redirect_dir=on',
      { lower: ['a'], metacopy: true, index: false, redirectDir: true },
    ],
    ['lowerdir=a,redirect_dir=nofollow', { lower: ['a'], redirectDir: false }],
    ['lowerdir=a,userxattr', { lower: ['a'], userxattr: true }],
    [
      'ro,nosuid,nodev,noexec,noatime,lowerdir=a',
      { lower: ['a'], readonly: true, nosuid: true, nodev: true, noexec: true, atime: 'noatime' },
    ],
    ['ro,lowerdir=a,rw', { lower: ['a'], readonly: false }],
    ['rw,lowerdir=a,x-systemd.automount,_netdev,,nofail', { lower: ['a'], readonly: false }],
  ])('%j', (text, options) => {
    expect(overlayOptions(text)).toEqual(options);
  });

  test.each<[string, string]>([
    ['', 'lowerdir is missing'],
    ['upperdir=u,workdir=w', 'lowerdir is missing'],
    ['lowerdir', 'lowerdir needs a directory'],
    ['lowerdir=', 'lowerdir needs a directory'],
    ['lowerdir=:a', 'lowerdir needs a directory'],
    ['lowerdir=a:', 'lowerdir needs a directory'],
    ['lowerdir=a::b', "'::', layers of data alone"],
    ['lowerdir=a,upperdir=', 'upperdir needs a directory'],
    ['lowerdir=a,xino=on', "the option 'xino=on' is not known"],
    ['lowerdir=a,remount', "the option 'remount' is not known"],
    ['lowerdir=a,toString', "the option 'toString' is not known"],
    ['lowerdir=a,metacopy=maybe', "metacopy is on or off here, not 'maybe'"],
    ['lowerdir=a,index', "index is on or off here, not ''"],
    ['lowerdir=a,redirect_dir=follow', 'redirect_dir is on or off or nofollow'],
    ['lowerdir=a,volatile=yes', 'volatile takes no value'],
  ])('%j is refused in words', (text, message) => {
    expect(() => overlayOptions(text)).toThrow(message);
  });

  test('sloppy, those that are unknown are left out', () => {
    expect(overlayOptions('lowerdir=a,xino=on', { sloppy: true })).toEqual({ lower: ['a'] });
  });
});

describe('its arguments', () => {
  test.each<[string[], object]>([
    [['src', '/mnt', '-o', 'lowerdir=a'], { source: 'src', target: '/mnt' }],
    [['src', '/mnt', '-v', '-o', 'lowerdir=a'], { verbose: true }],
    [['src', '/mnt', '-sfnv', '-olowerdir=a,foo'], { fake: true, verbose: true, overlay: { lower: ['a'] } }],
    [['-o', 'lowerdir=a', '/mnt'], { source: 'overlay', target: '/mnt' }],
    [['/mnt', '-o', 'ro', '-o', 'lowerdir=a'], { overlay: { lower: ['a'], readonly: true } }],
  ])('%j', (args, expected) => {
    expect(helperArguments(args)).toMatchObject(expected);
  });

  test.each<[string[], string]>([
    [['-o', 'lowerdir=a'], 'usage'],
    [['a', 'b', 'c', '-o', 'lowerdir=a'], 'usage'],
    [['a', 'b', '-x', '-o', 'lowerdir=a'], '-x'],
  ])('%j is refused in words', (args, message) => {
    expect(() => helperArguments(args)).toThrow(message);
  });
});

/** In mount namespaces of their own, so that also an ordinary user may mount, and nothing is left. */
const apart = (script: string, ...args: string[]) => {
  const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  return run('unshare', [...asRoot, '--mount', 'sh', '-euc', script, 'sh', ...args]);
};

const LAYERS = 'lowerdir=top:a\\:b:base,upperdir=upper,workdir=work';

/** A place to mount, a mount by `$@`, and what can be seen of it before and after changes. */
const SCRIPT = `
  cd "$1"; shift
  mkdir -p top a:b base/directory upper work merged
  echo top >top/both; echo base >base/both; echo b >a:b/between; echo x >base/directory/file; echo x >base/gone
  "$@" >&2
  findmnt -n -r -o SOURCE,FSTYPE,VFS-OPTIONS merged
  show() { find merged -printf '%P %y %m %s\\n' | sort; }
  show; cat merged/both merged/between
  rm merged/gone; rm -r merged/directory; mkdir merged/directory; echo new >merged/new; echo more >>merged/both
  show; find upper -printf '%P %y %m %s\\n' | sort
  umount merged; ls merged`;

test('mounts as the kernel does by mount(8), and the mount stays', async () => {
  using space = workspace();
  space.fill({ ours: null, theirs: null });
  const options = `rw,nosuid,noatime,${LAYERS}`;
  const rootless = process.getuid?.() === 0 ? '' : ',userxattr';
  const helper = [...node, program, 'layers', 'merged', '-o', options + rootless];
  const kernel = ['mount', '-i', '-t', 'overlay', 'layers', 'merged', '-o', options + rootless];
  const ours = await apart(SCRIPT, space.at('ours'), ...helper);
  expect(ours).toContain('layers overlay rw,nosuid,noatime\n');
  expect(ours).toContain('new f');
  expect(ours).toBe(await apart(SCRIPT, space.at('theirs'), ...kernel));
});

test('says what is wrong, with the exit codes of mount(8)', async () => {
  using space = workspace();
  space.fill({ lower: null, upper: null, work: null, merged: null });
  const told = (options: string) =>
    apart(
      'cd "$1"; shift; "$@" 2>&1 || echo "code $?"',
      space.path,
      ...node,
      program,
      'merged',
      '-o',
      options,
    );
  expect(await told('lowerdir=lower,xino=on')).toMatch(/^mount\.overlay: the option 'xino=on'.*\ncode 1\n$/s);
  expect(await told('lowerdir=gone,upperdir=upper,workdir=work')).toMatch(/ENOENT.*gone.*\ncode 32\n$/s);
});
