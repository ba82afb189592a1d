import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  familyNumber,
  familyOf,
  formatAddress,
  formatCidr,
  formatMac,
  parseAddress,
  parseCidr,
  parseMac,
} from '../../lib/netlink/addresses.js';
import { parseIPv4 } from '../../lib/netlink/ipv4.js';
import { parseIPv6 } from '../../lib/netlink/ipv6.js';
import { scaled } from '../support/scale.js';

const runs = { numRuns: scaled(5000, 200) };
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

/** Text that is nearly an address. */
const nearly = (alphabet: string, parts: fc.Arbitrary<string>) =>
  fc.oneof(
    fc.array(parts, { minLength: 1, maxLength: 9 }).map((list) => list.join('')),
    fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 40 }),
  );

describe('IPv4', () => {
  test('reads what it formats', () => {
    fc.assert(
      fc.property(bytes(4), (address) => {
        const text = formatAddress(address);
        expect(text).toBe(address.join('.'));
        expect(parseAddress(text)).toEqual({ family: 'inet', bytes: address });
      }),
      runs,
    );
  });

  test('takes what Node takes, and nothing else', () => {
    const part = fc.constantFrom(
      '0',
      '1',
      '9',
      '10',
      '99',
      '100',
      '255',
      '256',
      '01',
      '.',
      '.',
      '.',
      '-',
      ' ',
    );
    fc.assert(
      fc.property(nearly('0123456789.', part), (text) => {
        expect(parseIPv4(text, new Uint8Array(4), 0), text).toBe(isIPv4(text));
      }),
      runs,
    );
  });

  test.each([
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '1.2.3.256',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '0x1.2.3.4',
    '1..2.3',
    '1.2.3.',
  ])('refuses %j', (text) => {
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
  });
});

describe('IPv6', () => {
  // RFC 5952, section 4 and 5, and the shortest and longest of each kind.
  test.each([
    ['2001:0db8:0:0:0:0:0002:1', '2001:db8::2:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:DB8::ABCD', '2001:db8::abcd'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['fe80:0:0:0:0:0:0:0', 'fe80::'],
    ['0:0:0:0:0:0:1:0', '::1:0'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['::ffff:c000:201', '::ffff:192.0.2.1'],
    ['::192.0.2.1', '::c000:201'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ])('%s is %s', (text, canonical) => {
    expect(formatAddress(parseAddress(text).bytes)).toBe(canonical);
  });

  test('reads what it formats, which is what a URL makes of it', () => {
    const sparse = fc
      .array(fc.constantFrom(0, 0, 0, 1, 0xff), { minLength: 16, maxLength: 16 })
      .map((list) => Uint8Array.from(list));
    fc.assert(
      fc.property(fc.oneof(bytes(16), sparse), (address) => {
        const text = formatAddress(address);
        expect(isIPv6(text)).toBe(true);
        expect(parseAddress(text)).toEqual({ family: 'inet6', bytes: address });
        if (!text.includes('.')) expect(new URL(`http://[${text}]`).hostname).toBe(`[${text}]`);
      }),
      runs,
    );
  });

  test('takes what Node takes without a zone, and nothing else', () => {
    const part = fc.constantFrom(
      ':',
      ':',
      ':',
      '::',
      '0',
      '1',
      'ab',
      'FFFF',
      '12345',
      '1.2.3.4',
      '01.2.3.4',
      'g',
      '%lo',
    );
    fc.assert(
      fc.property(nearly('0123456789abcdefF:.', part), (text) => {
        expect(parseIPv6(text, new Uint8Array(16), 0), text).toBe(isIPv6(text) && !text.includes('%'));
      }),
      runs,
    );
  });

  test('has no zone', () => {
    expect(() => parseAddress('fe80::1%eth0', 'gateway')).toThrow(
      "Expected an IPv4 or IPv6 address for gateway but received 'fe80::1%eth0'",
    );
  });
});

test('what is not text is refused as such', () => {
  const wrongType = expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' });
  expect(() => parseAddress(7 as never)).toThrow(wrongType);
  expect(() => parseCidr('destination', undefined as never, { hostBits: 'allow' })).toThrow(wrongType);
  expect(() => parseMac('mac', null as never)).toThrow(wrongType);
});

test('families', () => {
  expect([familyNumber('inet'), familyNumber('inet6')]).toEqual([2, 10]);
  expect([familyOf(2), familyOf(10), familyOf(7)]).toEqual(['inet', 'inet6', undefined]);
});

describe('CIDR', () => {
  const allow = { hostBits: 'allow' } as const;
  const refuse = { hostBits: 'refuse' } as const;

  test('keeps host bits where they are allowed', () => {
    expect(parseCidr('address', '192.168.1.7/24', allow)).toEqual({
      family: 'inet',
      bytes: Uint8Array.of(192, 168, 1, 7),
      prefix: 24,
    });
    expect(parseCidr('address', 'fd00::7/64', allow)).toMatchObject({ family: 'inet6', prefix: 64 });
  });

  test.each([
    '0.0.0.0/0',
    '10.0.0.0/8',
    '10.1.2.3/32',
    '172.16.0.0/12',
    '::/0',
    'fd00::/64',
    'fe80::/10',
    '::1/128',
  ])('%s has none', (text) => {
    const { bytes, prefix } = parseCidr('destination', text, refuse);
    expect(formatCidr(bytes, prefix)).toBe(text);
  });

  test.each([
    ['192.168.1.7/24', '192.168.1.0/24'],
    ['10.255.0.0/9', '10.128.0.0/9'],
    ['1.2.3.4/0', '0.0.0.0/0'],
    ['fd00::1/64', 'fd00::/64'],
    ['fd00:0:0:0:8000::/65', undefined],
    ['fe80::1/10', 'fe80::/10'],
    ['ffff::/9', 'ff80::/9'],
  ])('%s without host bits is %s', (text, meant) => {
    const parse = () => parseCidr('destination', text, refuse);
    if (meant === undefined) expect(parse).not.toThrow();
    else {
      expect(parse).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
      expect(parse).toThrow(
        `Expected '${meant}' (no bits beyond the prefix) for destination but received '${text}'`,
      );
    }
  });

  test.each([
    '',
    '/',
    '10.0.0.0',
    '10.0.0.0/',
    '/24',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/+8',
    '10.0.0.0/8/8',
    '10.0.0/8',
    'fd00::/129',
    '10.0.0.0/ 8',
    '10.0.0.0/1e1',
    'fe80::1%eth0/64',
    'default',
  ])('refuses %j', (text) => {
    expect(() => parseCidr('address', text, allow)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
    );
  });

  test.each([
    ['10.0.0.7', 'its prefix length', "'10.0.0.7/24'", "'10.0.0.7/32'"],
    ['10.0.0.0', 'its prefix length', "'10.0.0.0/24'", "'10.0.0.0/24'"],
    ['10.0.0.7/33', 'a prefix length from 0 to 32', "'10.0.0.7/24'", "'10.0.0.7/32'"],
    ['10.0.0.7/', 'a prefix length from 0 to 32', "'10.0.0.7/24'", "'10.0.0.7/32'"],
    ['fd00::7', 'its prefix length', "'fd00::7/64'", "'fd00::7/128'"],
    ['fd00::/129', 'a prefix length from 0 to 128', "'fd00::/64'", "'fd00::/64'"],
    ['10.0.0/8', 'its prefix length', "'10.0.0.1/24' or 'fd00::1/64'", "'10.0.0.0/24' or 'fd00::/64'"],
  ])('says of %s how it would be written', (text, form, address, destination) => {
    const said = (example: string) =>
      `Expected an address with ${form}, such as ${example}, for x but received '${text}'`;
    expect(() => parseCidr('x', text, allow)).toThrow(said(address));
    expect(() => parseCidr('x', text, refuse)).toThrow(said(destination));
  });
});

describe('MAC', () => {
  test('in either case', () => {
    expect(parseMac('mac', '02:42:AC:11:00:fF')).toEqual(Uint8Array.of(2, 0x42, 0xac, 0x11, 0, 0xff));
    expect(formatMac(parseMac('mac', '02:42:AC:11:00:fF'), 0, 6)).toBe('02:42:ac:11:00:ff');
  });

  test.each([
    '',
    '02',
    '02:42:ac:11:00',
    '02:42:ac:11:00:02:03',
    '02-42-ac-11-00-02',
    '0242.ac11.0002',
    '2:42:ac:11:0:2',
    '02:42:ac:11:00:0g',
    ' 2:42:ac:11:00:02',
    '02:42:ac:11:00:02 ',
  ])('refuses %j', (text) => {
    expect(() => parseMac('mac', text)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
  });
});
