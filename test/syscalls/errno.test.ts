import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { errnoName, errnoOf, errnoText } from '../../lib/syscalls/errno.js';
import { run } from '../support/witness.js';

/** The names that the C library's headers define; where one number has two, the one that is not an alias. */
async function inHeaders(): Promise<Map<string, number>> {
  const directory = await mkdtemp(join(tmpdir(), 'nsnet-errno-'));
  try {
    const file = join(directory, 'errno.c');
    writeFileSync(file, '#include <errno.h>\n');
    const text = await run('cc', ['-E', '-dM', file]);
    const found = [...text.matchAll(/^#define (E[A-Z0-9]+) (\d+)$/gm)];
    return new Map(found.map(([, name, number]) => [name!, Number(number)]));
  } finally {
    await rm(directory, { recursive: true });
  }
}

test('every name of the system’s headers, with its number', async () => {
  const headers = await inHeaders();
  expect(headers.size).toBeGreaterThan(120);
  for (const [name, number] of headers) {
    expect([name, errnoOf(name)]).toEqual([name, number]);
    expect(errnoName(number)).toBe(name);
    expect(errnoName(-number)).toBe(name);
    expect(errnoText(-number)).toMatch(/^[a-zA-Z0-9.:/' -]{5,}$/);
  }
});

test('Node’s own numbers are the same', () => {
  for (const [name, number] of Object.entries(constants.errno)) {
    if (name !== 'EWOULDBLOCK' && name !== 'ENOTSUP') expect([name, errnoOf(name)]).toEqual([name, number]);
  }
});

test('a number without a name', () => {
  expect(errnoName(4242)).toBe('E4242');
  expect(errnoName(-4242)).toBe('E4242');
  expect(errnoText(4242)).toBe('unknown error 4242');
  expect(errnoOf('ENOSUCHTHING')).toBeUndefined();
});
