import { expect, test } from 'vitest';
import { MODES, runFixture } from '../fixtures/native/child.js';
import { privileged } from '../support/privileges.js';

interface Lab {
  owner: number;
}
interface State {
  dumpable: number;
  status: string[];
}
interface Said {
  home: number;
  main: Lab;
  inWorker: Lab;
  before: State;
  after: State;
}

test.runIf(privileged).each(MODES)(
  'a program that gave up root makes its namespaces without privileges: $mode',
  async ({ env }) => {
    const { home, main, inWorker, before, after } = await runFixture<Said>('dropped.mjs', { env });
    expect(before.dumpable).not.toBe(1);
    expect(before.status).toContain('CapEff:\t0000000000000000');
    expect(after).toEqual(before);
    const lab = { forwarding: '1', received: 1, pinned: false, owner: main.owner };
    expect(main).toEqual({ ...lab, name: 'dropped' });
    expect(inWorker).toEqual({ ...lab, name: 'worker' });
    expect(main.owner).not.toBe(home);
  },
);
