import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Landing, Pace } from '../../lib/handles/pace.js';

function work(milliseconds: number): void {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
}

/** How often the event loop had its turn so far. */
function countTurns(): { turns: number; stop(): void } {
  const counter = { turns: 0, stop: () => clearInterval(timer) };
  const timer = setInterval(() => counter.turns++, 1);
  return counter;
}

test('long work gives the event loop its turn', async () => {
  const counter = countTurns();
  const pace = new Pace();
  for (let i = 0; i < 100; i++) {
    work(1);
    if (pace.due) await pace.turn();
  }
  counter.stop();
  expect(counter.turns).toBeGreaterThan(5);
});

test('a burst lands in order, over several turns; a single thing at once', async () => {
  const landing = new Landing();
  const landed: number[] = [];
  landing.do(() => landed.push(0));
  expect(landed).toEqual([0]);
  const counter = countTurns();
  for (let i = 1; i < 100; i++) {
    landing.do(() => {
      work(1);
      landed.push(i);
    });
  }
  expect(landed.length).toBeLessThan(20);
  while (landed.length < 100) await turn();
  counter.stop();
  expect(landed).toEqual(Array.from({ length: 100 }, (_, i) => i));
  expect(counter.turns).toBeGreaterThan(5);
  // What comes from within what lands goes behind it.
  landing.do(() => {
    work(10);
    landing.do(() => landed.push(101));
    landed.push(100);
  });
  await turn();
  await turn();
  expect(landed.slice(-2)).toEqual([100, 101]);
});
