// Who reaches whom in Docker's networks, by the rules that Docker itself makes: README.md.
import { describe, test } from 'vitest';
import { privileged } from '../../support/privileges.js';
import { CASES } from './cases.js';
import { Docker } from './docker/docker.js';
import { play } from './play.js';
import { table } from './table.js';

// What Docker's rules do is the same for whoever makes them; nsnet's are compared with it as root and as an ordinary user.
describe.runIf(privileged).concurrent.each(CASES)('$told', (one) => {
  test('who reaches whom', async ({ expect }) => {
    const [without, filtered] = await Promise.all([play(new Docker(), one, 0), play(new Docker(), one, 1)]);
    await expect(table(one, { 0: without, 1: filtered })).toMatchFileSnapshot(`./expected/${one.name}.txt`);
  });
});
