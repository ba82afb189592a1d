// AbortSignal: before, while waiting for its turn, on its way to the kernel; and close().
import { Bridge, Netns } from 'nsnet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Native } from '../../lib/syscalls/native.js';
import { ipIn } from '../netns/support/inside.js';
import { replacing, requestsOf, travelling } from '../netns/support/traffic.js';

let netns: Netns;
beforeEach(async () => {
  netns = await Netns.create();
});
afterEach(() => netns.close());

const aborted = { name: 'AbortError', code: 'ABORT_ERR' };
const route = (i: number) => ({ destination: `10.${i >> 8}.${i & 255}.0/24`, device: 1 });
const destinations = async () => (await netns.routes.list()).map(({ destination }) => destination);

describe('a signal', () => {
  test('that is aborted already: nothing is sent', async () => {
    const signal = AbortSignal.abort();
    const trips = await travelling(async () => {
      for (const call of [
        () => netns.routes.add(route(1), { signal }),
        () => netns.addresses.add({ device: 'lo', address: '10.0.0.1/32' }, { signal }),
        () => netns.links.get('lo', { signal }),
        () => netns.links.list({ signal }).then(),
        () => netns.routes.list({ signal }).then(),
        () => netns.addresses.list({ signal }).then(),
        () => Bridge.create({ netns, signal }),
      ]) {
        await expect(call()).rejects.toMatchObject(aborted);
      }
    });
    expect(trips).toEqual([]);
  });

  test('aborted in the same turn: what was not sent stays unsent', async () => {
    const controller = new AbortController();
    const one = netns.routes.add(route(1));
    const two = netns.routes.add(route(2), { signal: controller.signal });
    const three = netns.routes.add(route(3));
    controller.abort();
    await expect(two).rejects.toMatchObject(aborted);
    await Promise.all([one, three]);
    expect(await destinations()).toEqual(['10.0.1.0/24', '10.0.3.0/24']);
  });

  test('aborted while it waits for its turn', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const sent: number[] = [];
    const busy = (original: Native['transact']): Native['transact'] => {
      return async (fd, requests, resume) => {
        sent.push(requestsOf(requests).length);
        const result = await original(fd, requests, resume);
        // This one is done; what stands behind it has not been sent.
        await new Promise((resolve) => setTimeout(resolve, 20));
        controller.abort();
        return result;
      };
    };
    await replacing(
      'transactions',
      () => () => 1,
      () =>
        replacing('transact', busy, async () => {
          const first = netns.routes.add(route(1));
          await new Promise((resolve) => setTimeout(resolve, 5));
          const waiting = Array.from({ length: 10 }, (_, i) => netns.routes.add(route(10 + i), { signal }));
          const last = netns.routes.add(route(2));
          const results = await Promise.allSettled(waiting);
          expect(results.map((result) => result.status === 'rejected' && result.reason.name)).toEqual(
            Array(10).fill('AbortError'),
          );
          await Promise.all([first, last]);
        }),
    );
    expect(await destinations()).toEqual(['10.0.1.0/24', '10.0.2.0/24']);
    expect(sent).toEqual([1, 1]);
  });

  test('aborted on its way: it is told at once, and the rest goes on', async () => {
    const controller = new AbortController();
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    await replacing(
      'transact',
      (transact) => async (fd, requests, resume) => {
        const result = await transact(fd, requests, resume);
        await held;
        return result;
      },
      async () => {
        const one = netns.routes.add(route(1));
        const two = netns.routes.add(route(2), { signal: controller.signal });
        const three = netns.routes.add(route(3));
        setTimeout(() => controller.abort(), 20);
        await expect(two).rejects.toMatchObject(aborted);
        release();
        await Promise.all([one, three]);
      },
    );
    // The kernel had it already.
    expect(await destinations()).toEqual(['10.0.1.0/24', '10.0.2.0/24', '10.0.3.0/24']);
  });

  test('aborted while a device’s name is being asked for', async () => {
    const controller = new AbortController();
    await ipIn(netns, 'link', 'add', 'br0', 'type', 'bridge');
    await replacing(
      'transact',
      (transact) => async (fd, requests, resume) => {
        const result = await transact(fd, requests, resume);
        if (requestsOf(requests)[0]?.name === 'RTM_GETLINK') controller.abort();
        return result;
      },
      async () => {
        const two = netns.addresses.add(
          { device: 'br0', address: '10.0.0.2/32' },
          { signal: controller.signal },
        );
        const three = netns.addresses.add({ device: 'br0', address: '10.0.0.3/32' });
        await expect(two).rejects.toMatchObject(aborted);
        await three;
      },
    );
    expect((await netns.addresses.list({ family: 'inet' })).map(({ address }) => address)).toEqual([
      '127.0.0.1/8',
      '10.0.0.3/32',
    ]);
  });

  test('of one that has settled changes nothing, and is let go of', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    await Promise.all(Array.from({ length: 100 }, (_, i) => netns.routes.add(route(i), { signal })));
    await expect(netns.routes.add(route(1), { signal })).rejects.toMatchObject({ code: 'EEXIST' });
    await netns.links.list({ signal });
    expect(listeners).toBe(0);
    controller.abort();
    expect((await destinations()).length).toBe(100);
  });

  test('of a listing in the middle: the loop throws', async () => {
    await Promise.all(Array.from({ length: 5000 }, (_, i) => netns.routes.add(route(i))));
    const controller = new AbortController();
    let seen = 0;
    const loop = async () => {
      for await (const _route of netns.routes.list({ signal: controller.signal })) {
        if (++seen === 10) controller.abort();
      }
    };
    await expect(loop()).rejects.toMatchObject(aborted);
    expect(seen).toBeLessThan(5000);
  });

  test('keeps its reason as the cause', async () => {
    const reason = new Error('no longer wanted');
    await expect(netns.links.get('lo', { signal: AbortSignal.abort(reason) })).rejects.toMatchObject({
      ...aborted,
      cause: reason,
    });
  });
});

describe('close()', () => {
  test('settles what was issued, all of it, and then is done', async () => {
    const order: string[] = [];
    const work = Array.from({ length: 1000 }, (_, i) => netns.routes.add(route(i)));
    const listing = netns.routes.list().then((routes) => routes.length);
    const closing = netns.close().then(() => order.push('closed'));
    await Promise.all(work).then(() => order.push('added'));
    expect(await listing).toBe(1000);
    await closing;
    expect(order).toEqual(['added', 'closed']);
  });

  test('refuses what comes after', async () => {
    const before = netns.routes.add(route(1));
    const closing = netns.close();
    await expect(netns.routes.add(route(2))).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
    await before;
    await closing;
  });

  test('while the socket is being opened', async () => {
    const opened = await Netns.open({ fd: netns.fd });
    const work = [opened.links.get('lo'), opened.links.get('nothing')];
    const closing = opened.close();
    const results = await Promise.allSettled(work);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    await closing;
  });

  test('when the socket cannot be opened: each is told, and close() ends', async () => {
    const { intervening } = await import('../netns/support/faults.js');
    await using opened = await Netns.open({ fd: netns.fd });
    const { outcome } = await intervening(
      (step) => (step === 'sockets' ? 'fail' : undefined),
      async () => {
        const results = await Promise.allSettled([
          opened.links.get('lo'),
          opened.routes.add(route(1)),
          opened.links.list(),
        ]);
        return results.map((result) => result.status === 'rejected' && result.reason.code);
      },
    );
    expect(outcome).toEqual({ status: 'fulfilled', value: ['EIO', 'EIO', 'EIO'] });
    // The next one tries again.
    expect((await opened.links.get('lo')).name).toBe('lo');
  });
});
