// What could not be undone is told, and what nobody knows the outcome of is undone too.
import { Bridge, Netns, type NsnetError, Veth } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { native } from '../../lib/syscalls/native.js';
import { type Intervene, intervening } from '../netns/support/faults.js';
import { expectState, stateOf } from '../netns/support/state.js';

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

describe('when the answer is lost, nobody knows whether it was made', () => {
  const ENOBUFS = -105;
  /** The kernel does it, and what it says is lost. */
  async function losing<T>(count: number, work: () => Promise<T>): Promise<PromiseSettledResult<T>> {
    const addon = native();
    const { transact } = addon;
    let calls = 0;
    addon.transact = async (fd, requests) => {
      const result = await transact(fd, requests);
      return ++calls === count ? [ENOBUFS, 0, new Uint8Array()] : result;
    };
    try {
      const [outcome] = await Promise.allSettled([work()]);
      return outcome;
    } finally {
      addon.transact = transact;
    }
  }

  test.each<[string, () => Promise<{ close(): Promise<void> }>]>([['a namespace', () => Netns.create()]])(
    '%s: it is not there afterwards',
    async (_title, work) => {
      for (let count = 1; ; count++) {
        const before = await stateOf(a, b);
        const outcome = await losing(count, work);
        if (outcome.status === 'fulfilled') {
          await outcome.value.close();
          expect(count).toBeGreaterThan(1);
          return;
        }
        expect(outcome.reason).toMatchObject({ code: 'ENOBUFS', hint: expect.stringContaining('lost') });
        await expectState(before, `when answer ${count} was lost`, a, b);
      }
    },
  );
});
