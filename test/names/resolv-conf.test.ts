import { describe, expect, test } from 'vitest';
import { formatNameserver, parseNameserver } from '../../lib/names/nameserver.js';
import { candidates, parseResolvConf, usualSettings } from '../../lib/names/resolv-conf.js';

const parse = (text: string) => parseResolvConf(text, 'this test');

describe('resolv.conf', () => {
  test('without anything: the nameserver of the namespace itself', () => {
    expect(parse('')).toEqual({
      nameservers: [{ address: '127.0.0.1', family: 4, port: 53 }],
      search: [],
      ndots: 1,
      timeout: 5000,
      attempts: 2,
      rotate: false,
      tcp: false,
      oneByOne: false,
      trustAd: false,
      source: 'this test',
    });
  });

  test('three nameservers at most, without those that are none', () => {
    const { nameservers } = parse(`
# nameserver 10.0.0.1
; nameserver 10.0.0.2
nameserver 10.0.0.3
nameserver ns.example
nameserver 10.0.0.4:53
nameserver
  nameserver\tfe80::1%eth0  trailing
nameserver fd00::1
nameserver 10.0.0.9
`);
    expect(nameservers.map(formatNameserver)).toEqual(['10.0.0.3', 'fe80::1%eth0', 'fd00::1']);
  });

  test('the last of search and domain counts', () => {
    expect(parse('domain one.example').search).toEqual(['one.example']);
    expect(parse('domain one.example\nsearch A.Example. b.example\tc').search).toEqual([
      'a.example',
      'b.example',
      'c',
    ]);
    expect(parse('search a b\ndomain one.example two').search).toEqual(['one.example']);
    expect(parse(`search . a..b ${'x'.repeat(64)} ok`).search).toEqual(['ok']);
  });

  test('options, within what the C library allows', () => {
    expect(
      parse('options ndots:3 timeout:2 attempts:1 rotate edns0\noptions trust-ad use-vc single-request'),
    ).toMatchObject({
      ndots: 3,
      timeout: 2000,
      attempts: 1,
      rotate: true,
      trustAd: true,
      tcp: true,
      oneByOne: true,
    });
    expect(parse('options ndots:99 timeout:99 attempts:99')).toMatchObject({
      ndots: 15,
      timeout: 30_000,
      attempts: 5,
    });
    expect(parse('options ndots:x timeout:-1 attempts: timeout:0 nonsense')).toMatchObject({
      ndots: 1,
      timeout: 1000,
      attempts: 2,
    });
  });
});

test.each([
  ['10.0.0.1', '10.0.0.1', 53],
  ['10.0.0.1:5353', '10.0.0.1', 5353],
  ['fd00::1', 'fd00::1', 53],
  ['[fd00::1]', 'fd00::1', 53],
  ['[fd00::1]:5353', 'fd00::1', 5353],
  ['fe80::1%eth0', 'fe80::1', 53],
  ['[fe80::1%eth0]:5353', 'fe80::1', 5353],
])('nameserver %s', (text, address, port) => {
  const server = parseNameserver(text)!;
  expect(server).toMatchObject({ address, port });
  expect(parseNameserver(formatNameserver(server))).toEqual(server);
});

test.each([
  '',
  'x',
  '10.0.0',
  '10.0.0.1:',
  '10.0.0.1:x',
  '10.0.0.1:65536',
  '[10.0.0.1]',
  '[fd00::1]:0',
  '%eth0',
])('nameserver %s: none', (text) => {
  expect(parseNameserver(text)).toBe(undefined);
});

test('names to ask for, and none that DNS cannot have', () => {
  const settings = { ...usualSettings([], 'this test'), search: ['example', `${'x.'.repeat(125)}example`] };
  expect(candidates('a', 'a', settings)).toEqual(['a.example', 'a']);
  expect(candidates('a.b', 'a.b', settings)).toEqual(['a.b', 'a.b.example']);
  expect(candidates('a.b.', 'a.b', settings)).toEqual(['a.b']);
});
