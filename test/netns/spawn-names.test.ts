// Files that programs see of the names that a namespace has by itself.
import { readFileSync } from 'node:fs';
import { Netns } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Names } from '../../lib/netns/etc.js';
import { programsIn } from '../../lib/netns/exec.js';
import { privileged } from '../support/privileges.js';
import { writeEtc } from './support/etc.js';
import { named } from './support/named.js';

const name = named('names');
let netns: Netns;
beforeEach(async () => {
  netns = await Netns.create(name);
});
afterEach(() => netns.close());

const own: Names = {
  hosts: new Map<string, string | string[]>([
    ['web.test', ['10.9.0.1', 'fd09::1']],
    ['db.test', '10.9.0.2'],
  ]),
  nameservers: ['10.9.0.53'],
};
const sh = async (names: Names, script: string, options: object = {}) =>
  (await programsIn(netns, () => names).run('sh', ['-c', script], options)).stdout;
const lines = (text: string) => text.trim().split('\n');
const here = (path: string) => readFileSync(path, 'utf8');

test('its own names before those of the machine, and its own servers alone', async () => {
  const before = ['/etc/hosts', '/etc/resolv.conf', '/proc/self/mountinfo'].map(here);
  const [first, second, third, ...rest] = lines(await sh(own, 'cat /etc/hosts'));
  expect([first, second, third]).toEqual(['10.9.0.1\tweb.test', 'fd09::1\tweb.test', '10.9.0.2\tdb.test']);
  expect(rest).toEqual(lines(here('/etc/hosts')));
  expect(await sh(own, 'cat /etc/resolv.conf')).toBe('nameserver 10.9.0.53\n');
  expect(await sh(own, 'getent hosts db.test')).toMatch(/^10\.9\.0\.2 +db\.test$/m);
  expect(['/etc/hosts', '/etc/resolv.conf', '/proc/self/mountinfo'].map(here)).toEqual(before);
});

test('/proc, which they pass through, is as it was', async () => {
  const script = 'cat /proc/self/comm; cut -d" " -f5 /proc/self/mountinfo';
  const [comm, ...mounts] = lines(await sh(own, script));
  const [, ...without] = lines(await sh({}, script));
  expect(comm).toBe('cat');
  expect(mounts).toEqual([...without, '/etc/hosts', '/etc/resolv.conf']);
});

test('whatever this process’s mask, whoever the program is', async () => {
  const mask = process.umask(0o077);
  try {
    const who = privileged ? { uid: 65534, gid: 65534 } : {};
    const script = 'stat -c "%a %u" /etc/hosts; head -n 1 /etc/hosts; umask';
    expect(lines(await sh(own, script, who))).toEqual(['644 0', '10.9.0.1\tweb.test', '0077']);
    const namespaces = { user: 'new', pid: 'new' };
    expect(lines(await sh(own, script, { namespaces }))[1]).toBe('10.9.0.1\tweb.test');
  } finally {
    process.umask(mask);
  }
});

test('a program may write to them, which changes nothing elsewhere', async () => {
  const before = here('/etc/hosts');
  expect(await sh(own, 'echo written > /etc/hosts && cat /etc/hosts')).toBe('written\n');
  expect(here('/etc/hosts')).toBe(before);
  expect(lines(await sh(own, 'cat /etc/hosts'))[0]).toBe('10.9.0.1\tweb.test');
});

test('netns.hosts as it is when it is started', async () => {
  netns.hosts.set('a.test', '10.9.0.1');
  const { stdout } = await netns.run('getent', ['hosts', 'a.test']);
  expect(stdout).toMatch(/^10\.9\.0\.1 +a\.test$/m);
  netns.hosts.delete('a.test');
  expect((await netns.run('cat', ['/etc/hosts'])).stdout).toBe(here('/etc/hosts'));
});

test('what no file can hold is refused', async () => {
  await expect(sh({ hosts: new Map([['a b', '10.9.0.1']]) }, 'true')).rejects.toMatchObject({
    code: 'ERR_INVALID_ARG_VALUE',
  });
});

describe.runIf(privileged)('with files below /etc/netns', () => {
  test('both, the own ones first', async () => {
    writeEtc(name, {
      hosts: '192.0.2.1 file.test\n192.0.2.2 db.test\n',
      'resolv.conf': 'nameserver 192.0.2.53\nsearch file.test\n',
    });
    expect(lines(await sh(own, 'cat /etc/hosts')).slice(2)).toEqual([
      '10.9.0.2\tdb.test',
      '192.0.2.1 file.test',
    ]);
    expect(await sh(own, 'cat /etc/resolv.conf')).toBe('nameserver 10.9.0.53\nsearch file.test\n');
    // Without own ones the files themselves.
    expect(await sh({}, 'cat /etc/hosts')).toContain('192.0.2.2 db.test');
  });
});
