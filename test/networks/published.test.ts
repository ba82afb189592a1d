// What is published, as `docker run -p` takes it and as objects.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatPublished,
  type Published,
  type PublishedSpec,
  parsePublished,
} from '../../lib/networks/published.js';
import { scaled } from '../support/scale.js';

const parsed = (...items: (string | PublishedSpec)[]) => parsePublished(items);
const tcp = (containerPort: number, rest: Partial<Published> = {}): Published => ({
  containerPort,
  protocol: 'tcp',
  ...rest,
});

describe('the forms of Docker', () => {
  test.each<[string, Published[]]>([
    ['80', [tcp(80)]],
    ['80/tcp', [tcp(80)]],
    ['53/udp', [{ containerPort: 53, protocol: 'udp' }]],
    ['9/SCTP', [{ containerPort: 9, protocol: 'sctp' }]],
    ['8080:80', [tcp(80, { hostPort: 8080 })]],
    ['0:80', [tcp(80)]],
    ['127.0.0.1:8080:80', [tcp(80, { hostAddress: '127.0.0.1', hostPort: 8080 })]],
    [
      '192.168.1.100:8080:80/udp',
      [{ ...tcp(80, { hostAddress: '192.168.1.100', hostPort: 8080 }), protocol: 'udp' }],
    ],
    ['127.0.0.1::80', [tcp(80, { hostAddress: '127.0.0.1' })]],
    ['127.0.0.1:0:80', [tcp(80, { hostAddress: '127.0.0.1' })]],
    ['[::1]:8080:80', [tcp(80, { hostAddress: '::1', hostPort: 8080 })]],
    ['[2001:DB8:0::68]::333', [tcp(333, { hostAddress: '2001:db8::68' })]],
    ['[::]:8080:80', [tcp(80, { hostAddress: '::', hostPort: 8080 })]],
    ['7000-7001', [tcp(7000), tcp(7001)]],
    ['1234-1235:3333-3334', [tcp(3333, { hostPort: 1234 }), tcp(3334, { hostPort: 1235 })]],
    [
      '0.0.0.0:1234-1235:3333-3334/tcp',
      [
        tcp(3333, { hostAddress: '0.0.0.0', hostPort: 1234 }),
        tcp(3334, { hostAddress: '0.0.0.0', hostPort: 1235 }),
      ],
    ],
    ['127.0.0.1::80-81', [tcp(80, { hostAddress: '127.0.0.1' }), tcp(81, { hostAddress: '127.0.0.1' })]],
    ['8000-9000:80', [tcp(80, { hostPort: 8000, lastHostPort: 9000 })]],
    ['8000-8000:80', [tcp(80, { hostPort: 8000 })]],
    ['80:80-80', [tcp(80, { hostPort: 80 })]],
    ['65535:65535', [tcp(65_535, { hostPort: 65_535 })]],
  ])('%s', (spec, expected) => {
    expect(parsed(spec)).toEqual(expected);
  });

  test('all ports there are', () => {
    const all = parsed('1-65535:1-65535/udp');
    expect(all).toHaveLength(65_535);
    expect(all.at(-1)).toEqual({ hostPort: 65_535, containerPort: 65_535, protocol: 'udp' });
  });

  test('several, in their order; what is said twice once', () => {
    expect(parsed('80:80', '53:53/udp', '80:80', '53:53', tcp(80, { hostPort: 80 }))).toEqual([
      tcp(80, { hostPort: 80 }),
      { hostPort: 53, containerPort: 53, protocol: 'udp' },
      tcp(53, { hostPort: 53 }),
    ]);
    expect(parsed('127.0.0.1:80:80', '[::1]:80:80')).toHaveLength(2);
    expect(parsed()).toEqual([]);
  });
});

describe('objects', () => {
  test('are checked, and made canonical', () => {
    expect(parsed({ containerPort: 80 })).toEqual([tcp(80)]);
    expect(parsed(tcp(80, { hostAddress: 'FD00:0::1', hostPort: 0 }))).toEqual([
      tcp(80, { hostAddress: 'fd00::1' }),
    ]);
    expect(parsed(tcp(80, { hostPort: 5, lastHostPort: 5 }))).toEqual([tcp(80, { hostPort: 5 })]);
    expect(parsed(tcp(80, { hostPort: 5, lastHostPort: 6 }))).toEqual([
      tcp(80, { hostPort: 5, lastHostPort: 6 }),
    ]);
  });

  test.each<[unknown, string]>([
    [80, 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
    [undefined, 'ERR_INVALID_ARG_TYPE'],
    [['80'], 'ERR_INVALID_ARG_TYPE'],
    [{}, 'ERR_INVALID_ARG_TYPE'],
    [{ containerPort: '80' }, 'ERR_INVALID_ARG_TYPE'],
    [{ containerPort: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ containerPort: 65_536 }, 'ERR_OUT_OF_RANGE'],
    [{ containerPort: 1.5 }, 'ERR_OUT_OF_RANGE'],
    [{ containerPort: 80, hostPort: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ containerPort: 80, hostPort: '80' }, 'ERR_INVALID_ARG_TYPE'],
    [{ containerPort: 80, lastHostPort: 90 }, 'ERR_OUT_OF_RANGE'],
    [{ containerPort: 80, hostPort: 91, lastHostPort: 90 }, 'ERR_OUT_OF_RANGE'],
    [{ containerPort: 80, protocol: 'icmp' }, 'ERR_INVALID_ARG_VALUE'],
    [{ containerPort: 80, protocol: 6 }, 'ERR_INVALID_ARG_TYPE'],
    [{ containerPort: 80, hostAddress: 'localhost' }, 'ERR_INVALID_ARG_VALUE'],
    [{ containerPort: 80, hostAddress: '[::1]' }, 'ERR_INVALID_ARG_VALUE'],
    [{ containerPort: 80, hostAddress: '' }, 'ERR_INVALID_ARG_VALUE'],
    [{ containerPort: 80, hostAddress: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ containerPort: 80, hostIp: '127.0.0.1' }, 'ERR_INVALID_ARG_VALUE'],
  ])('%j is refused', (item, code) => {
    expect(() => parsed(item as PublishedSpec)).toThrow(expect.objectContaining({ code }));
  });

  test('only an array has items', () => {
    for (const items of [undefined, null, '80:80', { 0: '80' }])
      expect(() => parsePublished(items as never)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
      );
  });
});

describe('what is none', () => {
  test.each([
    '',
    ' ',
    ':80',
    '::80',
    '80:',
    ':',
    '80/',
    '80/icmp',
    '80/tcp/udp',
    'tcp/80',
    'http',
    '0x50',
    '+80',
    '-80',
    '80-',
    '-1:80',
    '80:-1',
    '80 ',
    '8080: 80',
    '080',
    '80:080',
    '1e3',
    '80.0',
    '9-8',
    '9-8:80',
    '1-2:1-3',
    '1-3:1-2',
    '1-2-3',
    '8080/tcp:80',
    'localhost:80:80',
    '192.168.1.100',
    '127.0.0.1:80',
    '127.0.0.256:80:80',
    '127.1:80:80',
    '[127.0.0.1]:80:80',
    '::1:80:80',
    '[::1]:80',
    '[::1]80:80',
    '[[::1]]:80:80',
    '[::1:80:80',
    '[]:80:80',
    '[fe80::1%eth0]:80:80',
    '[::ffff:127.0.0.1]:80:80',
    '1:2:3:4',
    '80\n',
    '\u0660:80',
    '８０',
    '80\0',
  ])('%j', (spec) => {
    expect(() => parsed(spec)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
  });

  test.each([
    '0',
    '65536',
    '65536:80',
    '80:65536',
    '0/udp',
    '8080:0',
    '99999',
    '1-65536',
    '65535-65536:80',
    '0-5:80',
  ])('%s is out of range', (spec) => {
    expect(() => parsed(spec)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
  });

  test('one port of the host for two of the container', () => {
    for (const items of [
      ['80:80', '80:81'],
      ['127.0.0.1:80:80', '127.0.0.1:80:81'],
      ['80-81:80-81', '81:8080'],
    ])
      expect(() => parsed(...items)).toThrow(/\/tcp and .*\/tcp/);
    expect(parsed('80:80', '80:81/udp', '127.0.0.1:80:82')).toHaveLength(3);
  });

  test('the error shows what was meant', () => {
    expect(() => parsed('80:80', '::1:80:80')).toThrow("for publish[1] but received '::1:80:80'");
    expect(() => parsed('[127.0.0.1]:80:80')).toThrow('brackets around an IPv6 address');
  });
});

const port = fc.integer({ min: 1, max: 65_535 });
const address = fc.oneof(
  fc.ipV4(),
  fc.ipV6().filter((text) => !/[fF]{4}:(\d+\.|[\da-fA-F]+:[\da-fA-F]+$)/.test(text)),
);
const anyPublished = fc
  .record(
    {
      hostAddress: address,
      hostPort: port,
      more: fc.integer({ min: 1, max: 500 }),
      containerPort: port,
      protocol: fc.constantFrom('tcp', 'udp', 'sctp'),
    },
    { requiredKeys: ['containerPort', 'protocol'] },
  )
  .map(({ more, ...one }) =>
    more === undefined || one.hostPort === undefined || one.hostPort + more > 65_535
      ? one
      : { ...one, lastHostPort: one.hostPort + more },
  ) as fc.Arbitrary<Published>;

test('what is written is read as it was', () => {
  fc.assert(
    fc.property(anyPublished, (one) => {
      const [checked] = parsed(one) as [Published];
      expect(parsed(formatPublished(checked))).toEqual([checked]);
      expect(parsed(checked)).toEqual([checked]);
    }),
    { numRuns: scaled(2000, 100) },
  );
});

test('anything else is refused with a typed error, and nothing else is thrown', () => {
  const pieces = fc.array(
    fc.oneof(
      fc.constantFrom(
        ':',
        '-',
        '/',
        '[',
        ']',
        '::',
        '.',
        'tcp',
        'udp',
        '0',
        '80',
        '65535',
        '65536',
        '127.0.0.1',
        '%',
        ' ',
        '::1',
        '[::1]',
      ),
      fc.string({ maxLength: 3 }),
    ),
    { maxLength: 9 },
  );
  const odd = fc.oneof(
    pieces.map((all) => all.join('')),
    fc.string(),
    fc.anything() as fc.Arbitrary<string>,
  );
  let good = 0;
  fc.assert(
    fc.property(odd, (item) => {
      let all: Published[];
      try {
        all = parsed(item);
      } catch (error) {
        expect(['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_VALUE', 'ERR_OUT_OF_RANGE']).toContain(
          (error as NodeJS.ErrnoException).code,
        );
        return;
      }
      good++;
      // What is taken means something, and only that.
      expect(all.length).toBeGreaterThan(0);
      expect(all.flatMap((one) => parsed(formatPublished(one)))).toEqual(all);
    }),
    { numRuns: scaled(20_000, 500) },
  );
  expect(good).toBeGreaterThan(0);
});
