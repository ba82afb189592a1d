import { describe, expect, test } from 'vitest';
import { Child, fixture, MODES, patience } from '../fixtures/native/child.js';
import { compile } from '../fixtures/native/compile.js';
import { scaled } from '../support/scale.js';

interface Seen {
  rounds: number;
  seen: number;
  threads: number;
  types: string[];
  strayed: string[];
}

/** What a process that looks at all threads of another saw from now until the function is called. */
async function watch(pid: number): Promise<() => Promise<Seen>> {
  const watcher = fixture('homes.mjs', { args: [String(pid)] });
  await watcher.next();
  return async () => {
    watcher.process.stdin!.end();
    const seen = await watcher.next<Seen>();
    await watcher.ended;
    return seen;
  };
}

describe('no Node thread ever leaves its namespaces', () => {
  test.each(MODES)(
    'during thousands of excursions, with busy Workers: $mode',
    async ({ mode, env }) => {
      const excursions = scaled(mode === 'clone' ? 3000 : 1000, 200);
      const child = fixture('excursions.mjs', { env, node: ['--expose-gc'], args: [String(excursions)] });
      const { pid } = await child.next<{ pid: number }>();
      const stop = await watch(pid);
      child.say('begin');
      const { made, crowd } = await child.next<{ made: number; crowd: number[] }>();
      const { rounds, threads, types, strayed } = await stop();
      expect(await child.ended).toMatchObject({ code: 0, error: '' });
      expect(made).toBeGreaterThanOrEqual(excursions);
      expect(Math.min(...crowd)).toBeGreaterThan(0);
      expect(strayed).toEqual([]);
      // Node's own, the Workers', and at least one of the add-on's.
      expect(threads).toBeGreaterThan(10);
      expect(types).toEqual(expect.arrayContaining(['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts']));
      expect(rounds).toBeGreaterThan(scaled(20, 1));
    },
    patience(90_000),
  );
});

test('a thread that does leave is seen', async () => {
  const { file, remove } = await compile('stray.c');
  try {
    const child = new Child(file, []);
    expect(await child.next()).toBe(0);
    const stop = await watch(child.pid);
    const { strayed } = await stop();
    await child.end();
    expect(strayed).toEqual([expect.stringMatching(/^net of thread \d+: net:\[\d+\], not net:\[\d+\]$/)]);
  } finally {
    remove();
  }
});
