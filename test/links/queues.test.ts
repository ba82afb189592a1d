// A cable has the queues that `ip link add` gives one.
import { Netns, Veth } from 'nsnet';
import { expect, test } from 'vitest';
import { ipIn, runIn } from '../netns/support/inside.js';

const queuesOf = async (netns: Netns, name: string) => {
  const [link] = await ipIn(netns, 'link', 'show', name);
  return { tx: link?.num_tx_queues, rx: link?.num_rx_queues };
};

test('as many as those of a cable that ip makes', async () => {
  await using a = await Netns.create();
  await using b = await Netns.create();
  await runIn(a, 'ip', 'link', 'add', 'theirs', 'type', 'veth', 'peer', 'name', 'others');
  await Veth.create({ netns: a, name: 'ours' }, { netns: b, name: 'far' });
  const theirs = await queuesOf(a, 'theirs');
  expect(theirs.tx).toBeGreaterThanOrEqual(1);
  expect(await queuesOf(a, 'ours')).toEqual(theirs);
  expect(await queuesOf(b, 'far')).toEqual(theirs);
});
