import { expect, test } from 'vitest';
import { MODES, patience, runFixture } from '../fixtures/native/child.js';
import { scaled } from '../support/scale.js';

interface Said {
  terminated: number;
  labs: number;
  left: string[];
}

test.each(MODES.slice(0, 2))(
  'Workers terminated in mid-operation leave nothing, and the main thread goes on: $mode',
  async ({ mode, env }) => {
    const workers = scaled(mode === 'clone' ? 200 : 30, 5);
    const said = await runFixture<Said>('terminate.mjs', { env, args: [String(workers)] });
    expect(said.terminated).toBeGreaterThanOrEqual(workers);
    expect(said.labs).toBeGreaterThan(0);
    expect(said.left).toEqual([]);
  },
  patience(120_000),
);
