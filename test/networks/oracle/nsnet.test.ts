// Who reaches whom in this library's networks: as in Docker's, but for differences.ts.
import { describe, test } from 'vitest';
import { CASES } from './cases.js';
import { intended } from './differences.js';
import { Docker } from './docker/docker.js';
import { Nsnet } from './nsnet.js';
import { type BridgeNetfilter, play } from './play.js';

const rows = (found: ReadonlyMap<{ from: string; to: string; port: number }, string>) =>
  [...found].map(([{ from, to, port }, answer]) => `${from} → ${to}:${port}: ${answer}`);

// Each has namespaces of its own, and most of its time it waits for answers that do not come.
describe.concurrent.each(CASES)('$told', (one) => {
  test.for<BridgeNetfilter>([0, 1])('with bridge-nf-call %i', async (netfilter, { expect }) => {
    const [docker, ours] = await Promise.all([
      play(new Docker(), one, netfilter),
      play(new Nsnet(), one, netfilter),
    ]);
    const expected = [...docker].map(
      ([probe, answer]) => [probe, intended(one, probe, netfilter, answer)] as const,
    );
    expect(rows(ours)).toEqual(rows(new Map(expected)));
  });
});
