import { expect, test } from 'vitest';
import { MODES, patience, runFixture } from '../fixtures/native/child.js';
import { hold } from '../fixtures/native/holder.js';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';

interface Said {
  before: { dumpable: number; threads: string[] };
  after: object;
  made: number;
  alone: number;
  children: number;
  wrong: object[];
  signals: number;
  childSignals: number;
}

test.each(MODES)(
  'excursions change nothing of the process, its children and its signals: $mode',
  async ({ mode, env }) => {
    // Root has the namespaces of another user to enter, which would change more.
    const holder = await hold(privileged ? { uid: 65534, gid: 65534, cwd: '/' } : {});
    const excursions = scaled(600, 20);
    const said = await runFixture<Said>('unchanged.mjs', {
      env,
      args: [String(holder.pid), String(excursions)],
    });
    expect(said.after).toEqual(said.before);
    expect(said.before.dumpable).toBe(1);
    expect(said.before.threads).toHaveLength(1);
    expect(said.made).toBeGreaterThanOrEqual(excursions);
    if (mode === 'clone') expect(said.alone).toBe(0);
    expect(said).toMatchObject({ children: 100, wrong: [] });
    expect(said.childSignals).toBeGreaterThan(0);
    expect(said.signals).toBeGreaterThan(20);
    await holder.end();
  },
  patience(60_000),
);
