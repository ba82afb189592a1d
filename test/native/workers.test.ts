import { expect, test } from 'vitest';
import { MODES, runFixture } from '../fixtures/native/child.js';
import { privileged } from '../support/privileges.js';

interface Said {
  id: number;
  owner: number;
  home: number;
  names: string[];
  workers: {
    handed: number;
    found: number;
    owner: number;
    handedOwner: number;
    again: string;
    listed: boolean;
  }[];
  theirs: string[];
  free: number;
}

test.each(MODES)('the Workers of a process share its namespaces and their names: $mode', async ({ env }) => {
  const name = `nsnet-test-${process.pid}`;
  const said = await runFixture<Said>('shared-by-workers.mjs', { env, args: [name] });
  const { id, owner, home } = said;
  expect(owner === home).toBe(privileged);
  for (const worker of said.workers) {
    expect(worker).toEqual({
      handed: id,
      found: id,
      owner,
      handedOwner: owner,
      again: 'EEXIST',
      listed: true,
    });
  }
  expect(said.names.sort()).toEqual(['bridge1', 'bridge2', 'bridge3', 'lo']);
  expect(said.theirs).toEqual([1, 2, 3].map((number) => `${name}-${number}`));
  expect(said.free).toBe(3);
});
