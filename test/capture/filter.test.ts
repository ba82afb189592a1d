// Filters accept what tcpdump accepts.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ANCILLARY } from '../../lib/bpf/constants.js';
import { compile, compileFor } from '../../lib/capture/filter/compile.js';
import { FilterError } from '../../lib/capture/filter/error.js';
import { parse } from '../../lib/capture/filter/parser.js';
import { scaled } from '../support/scale.js';
import { type Ancillary, filterPacket } from './support/bpf.js';
import { FILTERS } from './support/filters.js';
import { frames, pcap } from './support/packets.js';
import { accepted } from './support/tcpdump.js';

const ethernet = frames();
/** Those of IP, without their first header. */
const raw = ethernet
  .filter((frame) => [0x0800, 0x86dd].includes((frame[12]! << 8) | frame[13]!))
  .map((frame) => frame.subarray(14));

let directory: string;
const file = (name: string) => join(directory, name);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nsnet-filter-'));
  await writeFile(file('ethernet.pcap'), pcap(ethernet));
  await writeFile(file('raw.pcap'), pcap(raw, 101));
});

afterAll(() => rm(directory, { recursive: true }));

const taken = (packets: readonly Uint8Array[], take: (packet: Uint8Array) => number) =>
  packets.flatMap((packet, i) => (take(packet) > 0 ? [i] : []));

const isTagged = (frame: Uint8Array) => [0x8100, 0x88a8].includes((frame[12]! << 8) | frame[13]!);

/** What the kernel makes of a frame that comes in: the outer tag is beside the bytes. */
function received(frame: Uint8Array): [Uint8Array, Ancillary] {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const common = { [ANCILLARY.hardware]: 1, [ANCILLARY.packetType]: 0, [ANCILLARY.link]: 2 };
  if (!isTagged(frame)) return [frame, { ...common, [ANCILLARY.vlanPresent]: 0 }];
  const tag = {
    [ANCILLARY.vlanPresent]: 1,
    [ANCILLARY.vlanProtocol]: view.getUint16(12),
    [ANCILLARY.vlanTag]: view.getUint16(14),
  };
  return [Uint8Array.from([...frame.subarray(0, 12), ...frame.subarray(16)]), { ...common, ...tag }];
}

test.each(FILTERS)('%s', async (filter) => {
  const expected = await accepted(file('ethernet.pcap'), filter);
  const block = parse(filter);
  const program = compileFor('ethernet', block, 65_535);
  expect(taken(ethernet, (frame) => filterPacket(program, frame))).toEqual(expected);
  // The same where the kernel has taken out the tag.
  const whole = compile({ filter: block, snaplen: 65_535 });
  expect(taken(ethernet, (frame) => filterPacket(whole, ...received(frame)))).toEqual(expected);
});

// Of Ethernet's own and of VLANs, there is nothing to be asked.
const RAW = FILTERS.filter((filter) => !/ether|vlan|broadcast|(?<!ip6? )multicast|sctp\[/.test(filter));

test.each(RAW)('of packets without Ethernet: %s', async (filter) => {
  const program = compileFor('raw', parse(filter), 65_535);
  const expected = await accepted(file('raw.pcap'), filter);
  expect(taken(raw, (packet) => filterPacket(program, packet))).toEqual(expected);
  const whole = compile({ filter: parse(filter), snaplen: 65_535 });
  const beside = { [ANCILLARY.hardware]: 0xfffe, [ANCILLARY.packetType]: 0, [ANCILLARY.link]: 2 };
  expect(taken(raw, (packet) => filterPacket(whole, packet, beside))).toEqual(expected);
});

describe('what is in front of the filter', () => {
  const snaplen = 96;
  const of = (links: number[] | undefined, ancillary: Ancillary) =>
    filterPacket(compile({ links, snaplen }), ethernet[0]!, { [ANCILLARY.vlanPresent]: 0, ...ancillary });
  const packet = (hardware: number, packetType: number, link: number) => ({
    [ANCILLARY.hardware]: hardware,
    [ANCILLARY.packetType]: packetType,
    [ANCILLARY.link]: link,
  });

  test('takes so many bytes', () => expect(of(undefined, packet(1, 0, 5))).toBe(snaplen));
  test('chooses links', () => {
    expect([1, 2, 3, 4].map((link) => of([2, 4], packet(1, 0, link)))).toEqual([0, snaplen, 0, snaplen]);
  });
  test('drops what goes out on lo, and there alone', () => {
    expect([
      of(undefined, packet(772, 4, 1)),
      of(undefined, packet(772, 0, 1)),
      of(undefined, packet(1, 4, 2)),
    ]).toEqual([0, snaplen, snaplen]);
  });
});

const part = fc.constantFrom(
  ...FILTERS.filter((filter) => !/^vlan|or vlan|or \(vlan| or [\d.]+$/.test(filter)),
);
const combined = fc.letrec<{ filter: string }>((tie) => ({
  filter: fc.oneof(
    { depthSize: 'small' },
    part,
    fc
      .tuple(tie('filter'), fc.constantFrom('and', 'or', '&&', '||', 'and not', 'or not'), tie('filter'))
      .map(([left, word, right]) => `(${left}) ${word} (${right})`),
    tie('filter').map((filter) => `not (${filter})`),
    fc.tuple(fc.constantFrom('vlan and', 'vlan 5 and'), part).map(([vlan, filter]) => `${vlan} (${filter})`),
  ),
})).filter;

test('whatever they are combined to', async () => {
  await fc.assert(
    fc.asyncProperty(combined, async (filter) => {
      const expected = await accepted(file('ethernet.pcap'), filter);
      const block = parse(filter);
      const program = compileFor('ethernet', block, 65_535);
      expect(taken(ethernet, (frame) => filterPacket(program, frame))).toEqual(expected);
      const whole = compile({ filter: block, snaplen: 65_535 });
      expect(taken(ethernet, (frame) => filterPacket(whole, ...received(frame)))).toEqual(expected);
    }),
    { numRuns: scaled(60, 10) },
  );
});

test.each([
  ['port http', 'tcp port 80'],
  ['udp port https', 'udp port 443'],
  ['port ntp or domain', 'udp port 123 or port 53'],
])('services by name: %s', (named, numbered) => {
  expect(compileFor('ethernet', parse(named), 1)).toEqual(compileFor('ethernet', parse(numbered), 1));
});

describe('what cannot be read', () => {
  test.each([
    ['tcp prot 80', 4, 'unknown word'],
    ['tcp port', 8, 'a port'],
    ['port 99999', 5, 'up to 65535'],
    ['host example.org', 5, 'not resolved'],
    ['host 10.0.0', 5, 'expected an address'],
    ['host 10.0.0.256', 5, 'IPv4'],
    ['net 10.0.0.1/24', 4, 'beyond its prefix'],
    ['net 10.0.0.0/33', 13, 'up to 32'],
    ['host fd00::zz', 5, 'IPv6'],
    ['tcp and', 7, 'missing'],
    ['(tcp', 4, "')'"],
    ['tcp)', 3, 'not expected'],
    ['ip broadcast', 3, 'not supported'],
    ['mpls', 0, 'not supported'],
    ['gateway 10.0.0.1', 0, 'not supported'],
    ['tcp[13', 6, "']'"],
    ['tcp[0:3] = 1', 6, '1, 2 or 4'],
    ['tcp[13] & 2', 11, 'comparison'],
    ['ip[0] / 0 = 1', 6, 'division'],
    ['ip[0] << 32 = 1', 6, 'shift'],
    ['10.0.0.1', 0, 'not expected'],
    ['tcp or 80', 9, 'comparison'],
    ['ip port 80', 8, 'has no ports'],
    ['ether proto 5', 12, 'LLC'],
    ['host 10.0.0.1 $', 14, 'nothing of a filter'],
    ['vlan 5000', 5, '4095'],
    [`${'('.repeat(200)}tcp${')'.repeat(200)}`, 101, 'levels'],
  ])('%s', (filter, position, text) => {
    const read = () => parse(filter);
    expect(read).toThrow(FilterError);
    expect(read).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE', filter, position }));
    expect(read).toThrow(text);
  });

  test('throws nothing else', () => {
    const words = fc.constantFrom(
      'tcp',
      'port',
      '80',
      '(',
      ')',
      'and',
      'not',
      '[',
      ']',
      ':',
      'vlan',
      '10.0.0.1',
      '/',
      '8',
      'net',
      'src',
      'or',
      'dst',
      '=',
      '&',
      '-',
      'ether',
      'host',
      '::1',
      'len',
    );
    const texts = fc.oneof(
      fc.string(),
      fc.array(words, { maxLength: 12 }).map((list) => list.join(' ')),
    );
    fc.assert(
      fc.property(texts, (filter) => {
        try {
          compile({ filter: parse(filter), snaplen: 1 });
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
        }
      }),
      { numRuns: scaled(2000) },
    );
  });
});
