// attach(): one more name.
import { Netns } from 'nsnet';
import { expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';
import { named } from './support/named.js';
import { expectState, stateOf } from './support/state.js';

const first = named('one');
const second = named('two');
const ids = async () => new Map((await Netns.list()).map(({ name, id }) => [name, id]));

test('gives a name to one that has none', async () => {
  const before = await stateOf();
  const netns = await Netns.create();
  await netns.attach(first);
  expect((await ids()).get(first)).toBe(netns.id);
  await using opened = await Netns.open(first);
  expect(opened.id).toBe(netns.id);
  await opened.close();
  await netns.close();
  await expectState(before, 'afterwards');
});

test('gives a second name; close() takes both away', async () => {
  const netns = await Netns.create(first);
  await netns.attach(second);
  expect(netns.name).toBe(first);
  const now = await ids();
  expect([now.get(first), now.get(second)]).toEqual([netns.id, netns.id]);
  await netns.close();
  const then = await ids();
  expect([then.has(first), then.has(second)]).toEqual([false, false]);
});

test('refuses a name in use, also for the namespace that has it', async () => {
  await using netns = await Netns.create(first);
  await using other = await Netns.create();
  await expect(other.attach(first)).rejects.toMatchObject({
    code: 'EEXIST',
    subject: expect.stringContaining(first),
  });
  await expect(netns.attach(first)).rejects.toMatchObject({ code: 'EEXIST' });
  await other.close();
  expect((await ids()).get(first)).toBe(netns.id);
});

test('by an object that only opened it: close() takes that name away and leaves the other', async () => {
  await using netns = await Netns.create(first);
  const opened = await Netns.open(first);
  await opened.attach(second);
  expect((await ids()).get(second)).toBe(netns.id);
  await opened.close();
  const now = await ids();
  expect([now.has(first), now.has(second)]).toEqual([true, false]);
});

test.runIf(privileged)('after release() close() leaves the names', async () => {
  const netns = await Netns.create(first);
  await netns.attach(second);
  await netns.release().close();
  const now = await ids();
  for (const name of [first, second]) {
    if (!now.has(name)) continue;
    await using opened = await Netns.open(name);
    await opened.delete();
  }
  expect([now.has(first), now.has(second)]).toEqual([true, true]);
});

test('close() waits for one that is under way, and takes its name away', async () => {
  const before = await stateOf();
  for (let i = 0; i < 20; i++) {
    const netns = await Netns.create({ loopback: false });
    const attached = netns.attach(first);
    const closed = netns.close();
    await attached;
    await closed;
    expect((await ids()).has(first)).toBe(false);
  }
  await expectState(before, 'afterwards');
});

test('a closed one refuses', async () => {
  const netns = await Netns.create();
  await netns.close();
  await expect(netns.attach(first)).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
  expect((await ids()).has(first)).toBe(false);
});

test('this process’s own namespace can be given a name', async () => {
  await using current = await Netns.current();
  await current.attach(first);
  await using opened = await Netns.open(first);
  expect(opened).toMatchObject({ id: current.id, path: privileged ? `/run/netns/${first}` : undefined });
});
