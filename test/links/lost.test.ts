// Links that are made where the kernel's answers do not fit the socket: all of it settles, and nothing waits for ever.
import { Bridge, Netns } from 'nsnet';
import { expect, test } from 'vitest';

test('a link is made behind reads whose answers were lost', async () => {
  await using netns = await Netns.create();
  // Its name and its alternative names make an answer of some 4 KiB: 64 of them are more than a socket holds.
  const altNames = Array.from({ length: 30 }, (_, i) => `${'x'.repeat(97)}${i}`);
  const bridge = await Bridge.create({ netns, name: 'br0', altNames });
  const reads = Array.from({ length: 300 }, () => bridge.refresh());
  const made = Bridge.create({ netns, name: 'br1', alias: 'behind', up: true });
  const results = await Promise.allSettled([...reads, made]);
  const codes = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []));
  // Reads are asked again; of what was to be made it may be that nobody knows whether it was.
  expect(codes.filter((code) => code !== 'ENOBUFS')).toEqual([]);
  expect(codes.length).toBeLessThanOrEqual(1);
  const names = (await netns.links.list()).map(({ name }) => name);
  expect(names.slice(0, 2)).toEqual(['lo', 'br0']);
  if (codes.length === 0) expect(names).toContain('br1');
});
