// For each test file: what existed before it and what exists after it must be the same.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll } from 'vitest';
import { added, takeInventory } from './inventory.js';
import { privileged } from './privileges.js';

// The kernel takes some 65 ms over a namespace and idle threads end after 250 ms; an emulated processor is slower.
const SETTLING_TIME = process.env.NSNET_SCALE && Number(process.env.NSNET_SCALE) < 1 ? 20_000 : 3_000;

const mark = `NSNET_TEST_PROCESS=${process.pid}-${Date.now()}`;
process.env.NSNET_TEST_PROCESS = mark.slice('NSNET_TEST_PROCESS='.length);
const suite = process.env.NSNET_SUITE ?? '';
const before = takeInventory(mark, suite);

/** Rootless, one user namespace is shared by all that a process makes, and held until the process ends. */
function withoutSharedUser(lines: string[]): string[] {
  const shared = privileged ? -1 : lines.findIndex((line) => line.startsWith('descriptor of user:['));
  return lines.filter((_, index) => index !== shared);
}

function leftBehind(): string[] {
  const now = takeInventory(mark, suite);
  const own = withoutSharedUser(added(before.own, now.own));
  const shared = added(before.shared, now.shared);
  if (now.disturbed && shared.length) {
    console.warn(`not counted, since another run of the tests may have made it: ${shared.join(', ')}`);
    return own;
  }
  return [...own, ...shared];
}

afterAll(async () => {
  const end = performance.now() + SETTLING_TIME;
  let left = leftBehind();
  while (left.length && performance.now() < end) {
    await sleep(50);
    left = leftBehind();
  }
  if (left.length === 0) return;
  const error = new Error(
    `the tests of this file have left behind:\n${left.map((line) => `  ${line}`).join('\n')}`,
  );
  error.stack = error.message;
  throw error;
}, SETTLING_TIME + 30_000);
