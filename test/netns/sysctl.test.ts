import { readFileSync } from 'node:fs';
import { Bridge, Netns } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runIn } from './support/inside.js';

let netns: Netns;
beforeAll(async () => {
  netns = await Netns.create();
});
afterAll(() => netns.close());

describe('a sysctl below net', () => {
  test('is set here and nowhere else', async () => {
    const file = '/proc/sys/net/ipv4/ip_default_ttl';
    const outside = readFileSync(file, 'utf8');
    await netns.sysctl('net.ipv4.ip_default_ttl', 77);
    expect(await netns.sysctl('net/ipv4/ip_default_ttl')).toBe('77');
    expect(await runIn(netns, 'cat', file)).toBe('77\n');
    expect(readFileSync(file, 'utf8')).toBe(outside);
  });

  test.each([
    [true, '1'],
    [false, '0'],
    ['1', '1'],
    [0, '0'],
  ])('takes %j', async (value, read) => {
    await netns.sysctl('net.ipv4.ip_forward', value);
    expect(await netns.sysctl('net.ipv4.ip_forward')).toBe(read);
  });

  test('takes several values in one', async () => {
    await netns.sysctl('net.ipv4.ip_local_port_range', '40000 50000');
    expect((await netns.sysctl('net.ipv4.ip_local_port_range')).split(/\s+/)).toEqual(['40000', '50000']);
  });

  test('of a device whose name has dots', async () => {
    await using bridge = await Bridge.create({ netns, name: 'eth0.100' });
    await netns.sysctl(`net/ipv4/conf/${bridge.name}/forwarding`, true);
    expect(await netns.sysctl('net.ipv4.conf.eth0/100.forwarding')).toBe('1');
  });
});

describe('is refused', () => {
  test.each([
    '',
    'net',
    'kernel.hostname',
    'net.',
    'net..ipv4',
    'net/../kernel/hostname',
    '/net/ipv4',
    'net.a\0',
  ])('the key %j', async (key) => {
    await expect(netns.sysctl(key)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    await expect(netns.sysctl(key, 1)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });

  test.each([5, null, undefined, ['net']])('the key %j', async (key) => {
    await expect(netns.sysctl(key as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
  });

  test.each([null, {}, [], 5n])('the value %s', async (value) => {
    await expect(netns.sysctl('net.ipv4.ip_forward', value as never)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    });
  });

  test.each(['', 'x'.repeat(4097)])('text of a wrong length', async (value) => {
    await expect(netns.sysctl('net.ipv4.ip_forward', value)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
  });

  test('by the kernel: a key that is not there, a value it does not take', async () => {
    await expect(netns.sysctl('net.ipv4.no_such_key')).rejects.toMatchObject({
      code: 'ENOENT',
      subject: expect.stringContaining('net.ipv4.no_such_key'),
      hint: expect.stringContaining('no such key'),
    });
    await expect(netns.sysctl('net.ipv4.ip_forward', 'perhaps')).rejects.toMatchObject({
      code: 'EINVAL',
      hint: expect.any(String),
    });
    await expect(netns.sysctl('net.ipv4')).rejects.toMatchObject({ code: 'EISDIR' });
  });
});
