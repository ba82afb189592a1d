// Ranges of ids for an ordinary user.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ordinaryUser, readableCheckout } from '../../scripts/support/ordinary-user.mjs';
import { privileged } from '../support/privileges.js';
import { run } from '../support/witness.js';

const ID = 65534;
const [FIRST, COUNT] = [200_000, 1000];
const one = { inside: 0, outside: ID, count: 1 };
const range = { inside: 1, outside: FIRST, count: COUNT };

describe.runIf(privileged)('of a user that subuid(5) gives ids', () => {
  let directory: string;
  let user: ReturnType<typeof ordinaryUser>;
  let checkout: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'subid-'));
    writeFileSync(join(directory, 'subid'), `${ID}:${FIRST}:${COUNT}\n`);
    user = ordinaryUser();
    checkout = readableCheckout(user);
  });
  afterAll(() => {
    user.remove();
    rmSync(directory, { recursive: true });
  });

  /** What the program tells, run by that user where these are the ids he has. */
  async function told(options: object, path = process.env.PATH): Promise<unknown> {
    const given = ['/etc/subuid', '/etc/subgid'].map((file) => `mount --bind ${directory}/subid ${file}`);
    const as = `exec setpriv --reuid=${ID} --regid=${ID} --clear-groups env "PATH=$0" "$@"`;
    const program = [user.node, join(checkout, 'test/processes/programs/mapped.mjs')];
    const command = [...given, as].join(' && ');
    const args = ['--mount', 'sh', '-c', command, path ?? '', ...program, JSON.stringify(options)];
    return JSON.parse(await run('unshare', args));
  }

  test('its program has them', async () => {
    const maps = { uidMap: [one, range], gidMap: [one, range] };
    const lines = [`0 ${ID} 1`, `1 ${FIRST} ${COUNT}`].map((line) => expect.stringContaining(line));
    expect(await told({ ...maps, newuidmap: true })).toEqual({
      said: [...lines, ...lines, expect.stringMatching(/^uid=7.* gid=8/)],
    });
  });

  test('not by itself: it must be asked for', async () => {
    expect(await told({ uidMap: [one, range], gidMap: [one, range] })).toMatchObject({
      syscall: 'write',
      hint: expect.stringContaining('newuidmap: true'),
    });
  });

  test('none but these: what newuidmap says', async () => {
    const other = { ...range, outside: FIRST + 1 };
    expect(await told({ uidMap: [one, other], gidMap: [one, range], newuidmap: true })).toMatchObject({
      code: 'EPERM',
      syscall: 'newuidmap',
      kernel: expect.stringContaining('not allowed'),
      hint: expect.stringContaining('/etc/subuid'),
    });
    expect(await told({ uidMap: [one, range], gidMap: [one, other], newuidmap: true })).toMatchObject({
      syscall: 'newgidmap',
      hint: expect.stringContaining('/etc/subgid'),
    });
  });

  test('where it is not installed: what to install', async () => {
    const options = { uidMap: [one, range], gidMap: [one, range], newuidmap: true };
    expect(await told(options, '/nonexistent')).toMatchObject({
      code: 'ENOENT',
      hint: expect.stringContaining('uidmap'),
    });
  });
});

test.each([
  [{ newuidmap: true }, 'needs uidMap and gidMap'],
  [{ newuidmap: 'yes', namespaces: { user: 'new' }, uidMap: [one], gidMap: [one] }, 'boolean'],
])('bad input: %o', async (options, text) => {
  await expect(spawn('true', [], options as never)).rejects.toThrow(text);
});
