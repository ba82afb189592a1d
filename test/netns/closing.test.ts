// What is begun on a namespace that is closed, or about to be.
import { Netns } from 'nsnet';
import { expect, test } from 'vitest';

const CLOSED = { code: 'ERR_NSNET_CLOSED' };

test('a watch that is first asked after the end says so, once', async () => {
  const netns = await Netns.create();
  const watch = netns.links.watch();
  await netns.close();
  // An unhandled rejection besides would fail the whole run.
  await expect(watch.next()).rejects.toMatchObject(CLOSED);
});

test('a watch that is first asked while the end is on its way does not wait for ever', async () => {
  const netns = await Netns.create();
  const watch = netns.links.watch();
  const closing = netns.close();
  await expect(watch.next()).rejects.toMatchObject(CLOSED);
  await closing;
});

test('a ping that is begun while the end is on its way does not outlive it', async () => {
  const netns = await Netns.create();
  const run = netns.ping('127.0.0.1', { count: 1_000_000, interval: 10 });
  const closing = netns.close();
  await expect(Promise.resolve(run)).rejects.toMatchObject(CLOSED);
  await closing;
});
