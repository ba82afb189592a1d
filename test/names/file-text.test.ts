// The text of hosts and resolv.conf files.
import { describe, expect, test } from 'vitest';
import { hostsText, resolvText } from '../../lib/names/files.js';

const hosts = (entries: Record<string, string | string[]>) => new Map(Object.entries(entries));

describe('hosts', () => {
  test('come first, and nobody finds a second answer', () => {
    const base = [
      '127.0.0.1\tlocalhost',
      '# a comment',
      '192.0.2.1 other WEB # also web',
      '192.0.2.2 web',
      '::1 localhost ip6-localhost',
    ].join('\n');
    expect(
      hostsText(
        hosts({ Web: ['10.0.0.1', 'fd00::1'], 'db.': '10.0.0.2', localhost: '10.0.0.3' }),
        `${base}\n\n`,
      ),
    ).toBe(
      [
        '10.0.0.1\tweb',
        'fd00::1\tweb',
        '10.0.0.2\tdb',
        '127.0.0.1\tlocalhost',
        '# a comment',
        '192.0.2.1\tother',
        '::1 localhost ip6-localhost',
        '',
      ].join('\n'),
    );
  });

  test('of an empty file', () => {
    expect(hostsText(hosts({ web: '10.0.0.1' }), '')).toBe('10.0.0.1\tweb\n');
  });

  test.each<[string, Record<string, string | string[]>]>([
    ['a name with a blank', { 'a b': '10.0.0.1' }],
    ['a name with a line', { 'a\n10.0.0.2': '10.0.0.1' }],
    ['a comment', { '#a': '10.0.0.1' }],
    ['no name', { '': '10.0.0.1' }],
    ['no address', { a: 'b' }],
    ['an address with a line', { a: ['10.0.0.1\n10.0.0.2'] }],
  ])('%s is refused', (_, entries) => {
    expect(() => hostsText(hosts(entries), '')).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
    );
  });
});

describe('name servers', () => {
  test('take the place of those that are there, and leave the rest', () => {
    const base = 'nameserver 192.0.2.53\nsearch example.com\noptions ndots:2\n';
    expect(resolvText(['10.0.0.53', 'fe80::1%eth0'], base)).toBe(
      'nameserver 10.0.0.53\nnameserver fe80::1%eth0\nsearch example.com\noptions ndots:2\n',
    );
  });

  test('what is no address is refused', () => {
    expect(() => resolvText(['dns.example'], '')).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
    );
  });
});
