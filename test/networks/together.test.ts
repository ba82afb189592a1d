// What many ask for while something is under way.
import { expect, test } from 'vitest';
import { Together } from '../../lib/networks/together.js';

/** Its rounds; those with a number below zero fail. */
function recorder() {
  const rounds: (readonly number[])[] = [];
  const together = new Together<number>(async (all) => {
    rounds.push(all);
    await new Promise((resolve) => setImmediate(resolve));
    if (all.some((one) => one < 0)) throw new Error(`not ${all}`);
  });
  return { rounds, together };
}

test('the first is done at once, what comes meanwhile together, in order', async () => {
  const { rounds, together } = recorder();
  await Promise.all([1, 2, 3, 4].map((one) => together.do(one)));
  await together.do(5);
  expect(rounds).toEqual([[1], [2, 3, 4], [5]]);
});

test('of those that fail together each is told of its own', async () => {
  const { rounds, together } = recorder();
  const results = await Promise.allSettled([1, 2, -3, 4].map((one) => together.do(one)));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  expect((results[2] as PromiseRejectedResult).reason.message).toBe('not -3');
  expect(rounds).toEqual([[1], [2, -3, 4], [2], [-3], [4]]);
});

test('one that fails by itself is not tried again', async () => {
  const { rounds, together } = recorder();
  await expect(together.do(-1)).rejects.toThrow('not -1');
  await together.do(2);
  expect(rounds).toEqual([[-1], [2]]);
});
