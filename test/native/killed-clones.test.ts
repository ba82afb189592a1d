// The clone or stub that is killed in the middle of its work: those it worked for are told, and nobody is told wrong.
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { MODES, patience } from '../fixtures/native/child.js';
import { scaled } from '../support/scale.js';
import { node, run } from '../support/witness.js';

const program = fileURLToPath(new URL('../fixtures/native/killed-clones.mjs', import.meta.url));

test.each(MODES)(
  'what was asked of a clone that is killed is ECANCELED, and nothing else: $mode',
  async ({ env }) => {
    const rounds = scaled(30, 2);
    const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const said = JSON.parse(await run('env', [...words, ...node, program, String(rounds)]));
    expect(said.killed).toBeGreaterThan(0);
    expect(Object.keys(said.refused)).toEqual(['ECANCELED']);
    expect(said.made + said.refused.ECANCELED).toBe(said.asked);
    expect(said.children).toEqual([]);
  },
  patience(60_000),
);
