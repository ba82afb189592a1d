// What the add-on refuses whatever it is asked: the clone that shares this process's memory enters no namespace in
// which somebody could trace it.
import { setTimeout as sleep } from 'node:timers/promises';
import { Namespace } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { CLONE } from '../../lib/syscalls/excursion.js';
import { Fd } from '../../lib/syscalls/fd.js';
import { native } from '../../lib/syscalls/native.js';
import { fixture, patience } from '../fixtures/native/child.js';
import { hold } from '../fixtures/native/holder.js';

const MAP = '/proc/self/uid_map';
const WHOLE = 0xffffffff;

/** How setns(2) can be told to enter a user namespace, or whatever it is given. */
const askings = [
  ['by its type', CLONE.user],
  ['by no type, which means any', 0],
  ['with another', CLONE.user | CLONE.net],
  ['with every type', -1],
  ['with every type, unsigned', WHOLE],
] as const;

describe.each(askings)('a user namespace asked for %s', (_, type) => {
  test('by its descriptor', async () => {
    await using user = await Namespace.create('user');
    const fd = Fd.duplicate(user.fd);
    const read = await native().readFile([fd.native, type], false, MAP);
    await fd.close();
    expect(read).toMatchObject({ errno: expect.any(Number) });
  });

  test('by a process that is in it', async () => {
    const { pid } = await hold();
    const fd = new Fd(native().pidfdOpen(pid) as never);
    const read = await native().readFile([fd.native, type], false, MAP);
    await fd.close();
    expect(read).toMatchObject({ errno: expect.any(Number) });
  });
});

test('a pid namespace', async () => {
  const { pid } = await hold();
  await using namespace = await Namespace.ofProcess(pid, 'pid');
  const fd = Fd.duplicate(namespace.fd);
  for (const type of [CLONE.pid, 0, CLONE.pid | CLONE.net]) {
    const read = await native().readFile([fd.native, type], false, MAP);
    expect(read).toMatchObject({ errno: expect.any(Number) });
  }
  await fd.close();
});

test('an array too long to be meant is refused, and not worked through', async () => {
  const huge: never[] = [];
  huge.length = 2 ** 32 - 1;
  const begin = performance.now();
  expect(() => native().readFile(huge, false, MAP)).toThrow(TypeError);
  expect(performance.now() - begin).toBeLessThan(1000);
});

test.each(['names', 'sockets'])('nor are so many %s', async (what) => {
  const child = fixture('huge.mjs', { node: ['--max-old-space-size=200'], args: [what] });
  const late = sleep(patience(3000), 'still at work');
  // TypeError, or E2BIG.
  expect(await Promise.race([child.next(), late])).toSatisfy((said) => said === 'TypeError' || said === -7);
});
