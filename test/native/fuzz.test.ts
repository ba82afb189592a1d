import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Child, patience } from '../fixtures/native/child.js';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';

interface Said {
  calls: number;
  threw: number;
  settled: number;
  untested: string[];
  left: string[];
}

const program = fileURLToPath(new URL('../fixtures/native/fuzz.mjs', import.meta.url));
// What nonsense root might do to this machine's network and mounts stays inside.
const apart = privileged ? ['unshare', '--net', '--mount', '--ipc', '--uts'] : [];

test.each([1, 2, 3].map((round) => ({ round, seed: (Date.now() + round) >>> 0 })))(
  'nonsense neither crashes nor hangs it, and closes nothing of others: seed $seed',
  async ({ seed }) => {
    const calls = scaled(10_000, 300);
    const [file = '', ...args] = [
      ...apart,
      process.execPath,
      '--expose-gc',
      program,
      String(calls),
      String(seed),
    ];
    const child = new Child(file, args);
    const said = await child.next<Said>();
    expect(await child.ended).toEqual({ code: 0, signal: null, error: '' });
    expect(said).toMatchObject({ calls, untested: [], left: [] });
    // How many get past the checks depends on the seed: on the handles that its first calls came by. A tenth on average.
    expect(said.threw).toBeGreaterThan(calls / 10);
    expect(said.settled).toBeGreaterThan(calls / 100);
  },
  patience(60_000),
);
