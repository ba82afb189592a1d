// What could not be undone is told.
import { Bridge, Netns, type NsnetError, Veth } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Intervene, intervening } from '../netns/support/faults.js';

let a: Netns;
let b: Netns;
beforeEach(async () => {
  [a, b] = await Promise.all([Netns.create(), Netns.create()]);
});
afterEach(async () => {
  await a.close();
  await b.close();
});

const failing =
  (...wanted: string[]): Intervene =>
  (step) =>
    wanted.includes(step) ? 'fail' : undefined;

describe('when undoing fails as well', () => {
  const rich = { addresses: ['10.0.0.1/24'], alias: 'an alias' };
  test.each<[string, () => Promise<unknown>]>([
    ['a bridge', () => Bridge.create({ netns: a, name: 'x', ...rich })],
    ['a cable', () => Veth.create({ netns: a, name: 'x', ...rich }, { netns: b, name: 'y', ...rich })],
  ])('%s: notUndone has the reason', async (_title, work) => {
    const { outcome } = await intervening(failing('RTM_NEWADDR', 'RTM_DELLINK'), work);
    expect(outcome).toMatchObject({
      status: 'rejected',
      reason: {
        code: 'EOPNOTSUPP',
        syscall: 'RTM_NEWADDR',
        notUndone: [{ name: 'NsnetError', code: 'EOPNOTSUPP', syscall: 'RTM_DELLINK' }],
        message: expect.stringContaining('not undone: EOPNOTSUPP'),
      },
    });
    const reason = (outcome as PromiseRejectedResult).reason as NsnetError;
    expect(reason.notUndone?.[0]?.message).toContain("link 'x'");
    expect((await a.links.list()).map(({ name }) => name)).toEqual(['lo', 'x']);
  });

  test('an aborted one: also then it is told', async () => {
    const controller = new AbortController();
    const { outcome } = await intervening(
      (step) => {
        if (step === 'RTM_DELLINK') return 'fail';
        return step === 'RTM_NEWADDR' ? () => controller.abort() : undefined;
      },
      () => Bridge.create({ netns: a, name: 'x', ...rich, signal: controller.signal }),
    );
    expect(outcome).toMatchObject({
      reason: { name: 'AbortError', notUndone: [{ code: 'EOPNOTSUPP', syscall: 'RTM_DELLINK' }] },
    });
  });

  test('a link that cannot be moved back', async () => {
    const { a: veth } = await Veth.create({ netns: a, name: 'x' }, { netns: a, name: 'y' });
    let moves = 0;
    const { outcome } = await intervening(
      (step) => {
        if (step === 'RTM_NEWADDR') return 'fail';
        return step === 'RTM_NEWLINK' && ++moves > 1 ? 'fail' : undefined;
      },
      () => veth.moveTo(b, { addresses: ['10.0.0.1/24'] }),
    );
    expect(outcome).toMatchObject({
      reason: { syscall: 'RTM_NEWADDR', notUndone: [{ syscall: 'RTM_NEWLINK', code: 'EOPNOTSUPP' }] },
    });
    // Where it is now is what the object says.
    expect(veth.netns).toBe(b);
    await veth.refresh();
  });
});
