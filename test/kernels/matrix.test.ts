import { describe, expect, it } from 'vitest';
import { cpio, directory, file } from './cpio.mjs';
import { dependencies, loadOrder, matchModules } from './modules.mjs';
import { summarize } from './report.mjs';

/** The least ELF file with a .modinfo section: a header, three section headers, and what they point at. */
function elf(modinfo: string[]): Buffer {
  const names = Buffer.from('\0.modinfo\0.shstrtab\0');
  const info = Buffer.from(modinfo.map((line) => `${line}\0`).join(''));
  const header = Buffer.alloc(64);
  header.write('\x7fELF\x02\x01', 'latin1');
  header.writeBigUInt64LE(64n, 0x28);
  for (const [value, at] of [
    [64, 0x3a],
    [3, 0x3c],
    [2, 0x3e],
  ] as const)
    header.writeUInt16LE(value, at);
  const section = (name: number, offset: number, size: number) => {
    const entry = Buffer.alloc(64);
    entry.writeUInt32LE(name, 0);
    entry.writeBigUInt64LE(BigInt(offset), 24);
    entry.writeBigUInt64LE(BigInt(size), 32);
    return entry;
  };
  const data = 64 + 3 * 64;
  const sections = [
    section(0, 0, 0),
    section(1, data, info.length),
    section(10, data + info.length, names.length),
  ];
  return Buffer.concat([header, ...sections, info, names]);
}

describe('kernel modules', () => {
  const images: Record<string, Buffer> = {
    bridge: elf(['license=GPL', 'depends=stp,llc']),
    stp: elf(['depends=llc']),
    llc: elf(['depends=']),
    br_netfilter: elf(['depends=bridge', 'softdep=pre: nf-conntrack post: nfnetlink']),
    nf_conntrack: elf(['depends=libcrc32c']),
    nfnetlink: elf([]),
  };
  const files = new Map(Object.keys(images).map((name) => [name, `/modules/${name}.ko`]));

  it('say themselves what they depend on', () => {
    expect(dependencies(images.bridge!)).toEqual(['stp', 'llc']);
    expect(dependencies(images.br_netfilter!)).toEqual(['bridge', 'nf_conntrack']);
    expect(dependencies(images.nfnetlink!)).toEqual([]);
    expect(() => dependencies(Buffer.from('#!/bin/sh'))).toThrow('ELF');
  });

  it('are loaded after what they depend on, once, and built-in ones not at all', () => {
    const order = loadOrder(['br_netfilter', 'stp', 'ext4'], files, (name) => dependencies(images[name]!));
    expect(order).toEqual(['llc', 'stp', 'bridge', 'nf_conntrack', 'br_netfilter']);
  });

  it('that depend on each other end no worse than in some order', () => {
    const circle = new Map([
      ['a', ''],
      ['b', ''],
    ]);
    expect(loadOrder(['a'], circle, (name) => (name === 'a' ? ['b'] : ['a']))).toEqual(['b', 'a']);
  });

  it('are found by patterns, and what a kernel lacks is named', () => {
    const index = { files, builtin: new Set(['ext4']) };
    const { wanted, absent } = matchModules(['nf*', 'br-netfilter', 'ext4', 'netkit', 'x*'], index);
    expect(wanted).toEqual(['nf_conntrack', 'nfnetlink', 'br_netfilter']);
    expect(absent).toEqual(['netkit', 'x*']);
  });
});

describe('the archive of the first root file system', () => {
  it('is one that other programs would read', () => {
    const archive = cpio([directory('bin'), file('bin/größe', 'abc', 0o644)]);
    expect(archive.length % 4).toBe(0);
    const found: [string, number, string][] = [];
    for (let at = 0; at < archive.length; ) {
      const field = (index: number) =>
        Number.parseInt(archive.toString('latin1', at + 6 + 8 * index, at + 14 + 8 * index), 16);
      expect(archive.toString('latin1', at, at + 6)).toBe('070701');
      const [name, data] = [at + 110, (at + 110 + field(11) + 3) & ~3];
      found.push([
        archive.toString('utf8', name, name + field(11) - 1),
        field(1),
        archive.toString('utf8', data, data + field(6)),
      ]);
      at = (data + field(6) + 3) & ~3;
    }
    expect(found).toEqual([
      ['bin', 0o040755, ''],
      ['bin/größe', 0o100644, 'abc'],
      ['TRAILER!!!', 0, ''],
    ]);
  });
});

describe('the summary', () => {
  const good = { exit: 0, passed: 3, failed: 0, skipped: 1, seconds: 12.3 };

  it('is good when every user of every kernel ran to a good end', () => {
    const { table, ok } = summarize([
      {
        kernel: '6.1',
        users: [
          { user: 'root', ...good },
          { user: 'user', ...good },
        ],
      },
    ]);
    expect(ok).toBe(true);
    expect(table.split('\n')[1]).toMatch(/^6\.1 +root +3 +0 +1 +12 +ok$/);
  });

  it.each([
    ['nothing ran', []],
    ['one user did not run', [{ kernel: '6.1', users: [{ user: 'root', ...good }] }]],
    [
      'one ended badly',
      [
        {
          kernel: '6.1',
          users: [
            { user: 'root', ...good },
            { user: 'user', ...good, exit: 1 },
          ],
        },
      ],
    ],
    [
      'one did not end',
      [{ kernel: '6.1', users: [{ user: 'root', ...good }, { user: 'user' }], error: new Error() }],
    ],
    [
      'vitest said nothing',
      [
        {
          kernel: '6.1',
          users: [
            { user: 'root', ...good },
            { user: 'user', exit: 0 },
          ],
        },
      ],
    ],
  ])('is bad when %s', (_, outcomes) => {
    expect(summarize(outcomes).ok).toBe(false);
  });
});
