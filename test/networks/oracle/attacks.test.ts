// The attacks against Docker's rules of today, and against those that were found wrong: an attack that nobody falls for
// would show nothing.
import { describe, expect, test } from 'vitest';
import { withScene } from '../support/attacks.js';
import { ATTACKS } from './attacks.js';
import { Docker } from './docker/docker.js';

describe.each(ATTACKS)('$name', ({ publish, run, before, withstood, weak, achieved }) => {
  test('fails', async () => {
    expect(await withScene(new Docker(), publish, run, before)).toEqual(withstood);
  });

  test('succeeds where the mistake is made', async () => {
    expect(await withScene(new weak(), publish, run, before)).toEqual(achieved);
  });
});
