import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { fixture, patience } from '../fixtures/native/child.js';

async function leave(what: string) {
  return fixture('loop.mjs', { args: [what], node: ['--expose-gc'] });
}

/** It ends by itself, soon after it has nothing more to do. */
async function expectEnd(child: Awaited<ReturnType<typeof leave>>): Promise<void> {
  const late = sleep(patience(3000), 'it does not end');
  expect(await Promise.race([child.ended, late])).toEqual({ code: 0, signal: null, error: '' });
}

describe('a program ends by itself', () => {
  test.each([
    ['open', 'with namespaces, links and descriptors left open'],
    ['iterator', 'with an iterator that nobody is waiting for'],
    ['watch', 'with a watch that was armed, and closed'],
    ['collected', 'with a watch that was armed, and collected'],
  ])('%s: %s', async (what) => {
    const child = await leave(what);
    expect(await child.next()).toBe('idle');
    await expectEnd(child);
  });
});

describe('a program stays alive', () => {
  test('while calls are pending', async () => {
    const child = await leave('calls');
    expect(await child.next()).toBe('idle');
    expect(await child.next()).toBe('done');
    await expectEnd(child);
  });

  test('while an iterator is waited for', async () => {
    const child = await leave('reading');
    expect(await child.next()).toBe('idle');
    const still = Symbol('alive');
    expect(await Promise.race([child.ended, sleep(patience(700), still)])).toBe(still);
    expect((await child.kill()).signal).toBe('SIGKILL');
  });
});
