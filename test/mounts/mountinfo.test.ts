import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MountInfo } from '../../lib/mounts/info.js';
import { mountOptions, optionWords } from '../../lib/mounts/info.js';
import { parseMountinfo } from '../../lib/mounts/mountinfo.js';

const parse = (text: string | Uint8Array) => [...parseMountinfo(Buffer.from(text as string))];

const PLAIN = {
  readonly: false,
  nosuid: false,
  nodev: false,
  noexec: false,
  nosymfollow: false,
  atime: 'strictatime',
  nodiratime: false,
  idmapped: false,
} as const;

/** Lines as kernels wrote them, and what they say. */
const GOLDENS: [what: string, line: string, said: Partial<MountInfo>][] = [
  [
    "proc(5)'s own example",
    '36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue',
    {
      id: 36,
      parent: 35,
      device: '98:0',
      root: '/mnt1',
      target: '/mnt2',
      type: 'ext3',
      source: '/dev/root',
      options: { ...PLAIN, atime: 'noatime' },
      superOptions: ['rw', 'errors=continue'],
      propagation: 'slave',
      master: 1,
    },
  ],
  [
    'every option of a mount',
    '90 68 0:39 / /mnt ro,nosuid,nodev,noexec,nodiratime,relatime,nosymfollow,idmapped - tmpfs t rw',
    {
      options: {
        readonly: true,
        nosuid: true,
        nodev: true,
        noexec: true,
        nosymfollow: true,
        atime: 'relatime',
        nodiratime: true,
        idmapped: true,
      },
    },
  ],
  [
    'an option of the future',
    '1 0 0:1 / / rw,shiny - tmpfs t rw',
    { options: { ...PLAIN, others: ['shiny'] } },
  ],
  [
    'blanks, tabs, newlines and backslashes',
    String.raw`90 68 0:39 /a\040b /mnt/tab\011new\012line\134040 rw - tmpfs x\040y\043 rw`,
    { root: '/a b', target: '/mnt/tab\tnew\nline\\040', source: 'x y#' },
  ],
  [
    'an overlay with colons, commas and blanks in its directories',
    String.raw`91 68 0:40 / /mnt/m rw,relatime shared:7 - overlay overlay rw,lowerdir=/l\0541:/l\134:2:/l\0403,upperdir=/u\0751,workdir=/w,redirect_dir=on`,
    {
      superOptions: ['rw', 'lowerdir=/l,1:/l\\:2:/l 3', 'upperdir=/u=1', 'workdir=/w', 'redirect_dir=on'],
      propagation: 'shared',
      peerGroup: 7,
    },
  ],
  [
    'contexts of SELinux',
    '1 0 0:1 / / rw - tmpfs t rw,context="system_u:object_r:tmp_t:s0:c1,c2",size=4k',
    { superOptions: ['rw', 'context="system_u:object_r:tmp_t:s0:c1,c2"', 'size=4k'] },
  ],
  [
    'a root that was removed',
    '92 68 8:1 /gone//deleted /mnt rw - ext4 /dev/sda1 rw',
    { root: '/gone', deleted: true },
  ],
  [
    'a namespace that is pinned',
    '93 68 0:4 net:[4026532281] /run/netns/a rw shared:9 - nsfs nsfs rw',
    { root: 'net:[4026532281]' },
  ],
  [
    'a subtype',
    '94 68 0:50 / /mnt rw - fuse.sshfs me@there: rw,user_id=0',
    { type: 'fuse', subtype: 'sshfs' },
  ],
  [
    'an empty source',
    '95 68 0:51 / /mnt rw - tmpfs  rw,size=1k',
    { source: '', superOptions: ['rw', 'size=1k'] },
  ],
  [
    'every tag, and one of the future',
    '96 68 0:52 / /mnt rw shared:5 master:3 propagate_from:2 new:1 - tmpfs t rw',
    { propagation: 'shared', peerGroup: 5, master: 3, propagateFrom: 2 },
  ],
  ['unbindable', '97 68 0:53 / /mnt rw unbindable - tmpfs t rw', { propagation: 'unbindable' }],
  ['a source that is the separator', '98 68 0:54 / /- rw - tmpfs - rw', { target: '/-', source: '-' }],
  ['umlauts', '99 68 0:55 / /mnt/für rw - tmpfs ü rw', { target: '/mnt/für', source: 'ü' }],
];

describe('a line', () => {
  test.each(GOLDENS)('%s', (_, line, said) => {
    expect(parse(`${line}\n`)).toEqual([expect.objectContaining(said)]);
  });

  test('says nothing that is not there', () => {
    const [mount] = parse('1 0 0:1 / / rw - tmpfs t rw');
    expect(Object.keys(mount ?? {}).sort()).toEqual(
      [
        'device',
        'id',
        'options',
        'parent',
        'propagation',
        'root',
        'source',
        'superOptions',
        'target',
        'type',
      ].sort(),
    );
  });

  test('whose name is no UTF-8 keeps the rest', () => {
    const line = Buffer.from(
      '1 0 0:1 / /mnt/a\xffb rw - tmpfs t rw\n2 1 0:1 / /mnt/b rw - tmpfs t rw',
      'latin1',
    );
    expect(parse(line).map(({ target }) => target)).toEqual(['/mnt/a�b', '/mnt/b']);
  });

  test.each(['', '\n\n', 'nonsense', '1 2 3', '1 0 0:1 / / rw shared:1', 'x 0 0:1 / / rw - tmpfs t rw'])(
    'that is none is left out: %j',
    (text) => {
      expect(parse(text)).toEqual([]);
    },
  );
});

/** As the kernel escapes: seq_escape() of what separates. */
function escaped(text: string, set: string): string {
  return [...text]
    .map((one) => (set.includes(one) ? `\\${one.charCodeAt(0).toString(8).padStart(3, '0')}` : one))
    .join('');
}

const BLANKS = ' \t\n\\';
const name = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom(...' \t\n\\#,=:-"040', 'ü', '語', '😀'),
      fc.string({ minLength: 1, maxLength: 1 }),
    ),
    minLength: 1,
  })
  .map((text) => text.replaceAll(/[\0/]/g, '_').replaceAll(/\p{Surrogate}/gu, ''));
const path = fc
  .array(
    name.filter((one) => one !== ''),
    { minLength: 1, maxLength: 4 },
  )
  .map((parts) => `/${parts.join('/')}`);
const number = fc.nat(0x7fffffff);
const option = fc
  .tuple(fc.stringMatching(/^[a-z_]+$/), fc.option(name))
  .map(([key, value]) => (value === null ? key : `${key}=${value.replaceAll('"', '')}`));

const mount: fc.Arbitrary<MountInfo> = fc
  .record({
    id: number,
    parent: number,
    device: fc.tuple(number, number).map(([major, minor]) => `${major}:${minor}`),
    root: path,
    deleted: fc.boolean(),
    target: path,
    type: fc.stringMatching(/^[a-z0-9]+$/),
    subtype: fc.option(fc.stringMatching(/^[a-z0-9.]+$/)),
    source: fc.oneof(name, path, fc.constant('')),
    options: fc
      .subarray([
        'ro',
        'nosuid',
        'nodev',
        'noexec',
        'noatime',
        'nodiratime',
        'nosymfollow',
        'idmapped',
        'later',
      ])
      .map(mountOptions),
    superOptions: fc.array(option),
    peerGroup: fc.option(number),
    master: fc.option(number),
    unbindable: fc.boolean(),
  })
  .map(({ deleted, subtype, peerGroup, master, unbindable, ...rest }) => ({
    ...rest,
    ...(deleted && { deleted }),
    ...(subtype !== null && { subtype }),
    ...(peerGroup !== null && { peerGroup }),
    ...(master !== null && { master }),
    propagation:
      peerGroup !== null ? 'shared' : master !== null ? 'slave' : unbindable ? 'unbindable' : 'private',
  }));

/** As show_mountinfo() in fs/proc_namespace.c writes it. */
function lineOf(mount: MountInfo): string {
  const { id, parent, device, root, deleted, target, type, subtype, source, options } = mount;
  const tags = [
    ...(mount.peerGroup === undefined ? [] : [`shared:${mount.peerGroup}`]),
    ...(mount.master === undefined ? [] : [`master:${mount.master}`]),
    ...(mount.propagation === 'unbindable' ? ['unbindable'] : []),
  ];
  const words = mount.superOptions.map((word) => {
    const [key = '', ...value] = word.split('=');
    return [key, ...(value.length > 0 ? [escaped(value.join('='), `,= \t\n\\`)] : [])].join('=');
  });
  const head = [
    id,
    parent,
    device,
    escaped(root, BLANKS) + (deleted ? '//deleted' : ''),
    escaped(target, BLANKS),
  ];
  const kind = subtype === undefined ? type : `${type}.${subtype}`;
  const tail = ['-', kind, escaped(source, `${BLANKS}#`), words.join()];
  return [...head, optionWords(options).join(), ...tags, ...tail].join(' ');
}

test('what the kernel writes of any mounts is read back', () => {
  fc.assert(
    fc.property(fc.array(mount, { maxLength: 5 }), (mounts) => {
      expect(parse(mounts.map((one) => `${lineOf(one)}\n`).join(''))).toEqual(mounts);
    }),
    { numRuns: 500 },
  );
});

test('no bytes make it throw', () => {
  const piece = fc.oneof(fc.uint8Array(), fc.constantFrom(...GOLDENS.map(([, line]) => Buffer.from(line))));
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      parse(Buffer.concat(pieces));
    }),
    { numRuns: 500 },
  );
});
