import { setTimeout as sleep } from 'node:timers/promises';
import { type Change, Namespace, type NamespaceInfo, type NamespaceWatchOptions, Netns } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { Child, MODES, patience } from '../fixtures/native/child.js';
import { hold } from '../fixtures/native/holder.js';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';
import { run } from '../support/witness.js';

type Changes = AsyncIterableIterator<Change<NamespaceInfo>>;

/** The next change that is about one namespace: others come and go meanwhile. */
async function next(changes: Changes, about: (info: NamespaceInfo) => boolean) {
  for await (const change of { [Symbol.asyncIterator]: () => ({ next: () => changes.next() }) }) {
    if (about(change.value)) return change;
  }
  throw new Error('the watch has ended');
}

const soon = { interval: 10 } as const;

describe('a watch', () => {
  test('tells what is there, then what comes, changes and goes', async () => {
    const changes = Namespace.watch({ type: 'user', ...soon });
    const own = (await Namespace.list({ type: 'user' })).find(({ pids }) => pids.includes(process.pid))!;
    const first = await next(changes, ({ id }) => id === own.id);
    expect(first).toMatchObject({ type: 'added', initial: true });
    const made = await Namespace.create('user');
    const isMade = ({ id }: NamespaceInfo) => id === made.id;
    const path = `/proc/${process.pid}/fd/${made.fd}`;
    const added = await next(changes, isMade);
    expect(added).toMatchObject({ type: 'added', initial: false, value: { pids: [], path } });
    const enter = [`--user=/proc/${process.pid}/fd/${made.fd}`, '--preserve-credentials'];
    const inside = new Child('nsenter', [...enter, 'sh', '-c', 'echo $$; exec sleep 600']);
    const pid = await inside.next<number>();
    const changed = await next(changes, isMade);
    expect(changed).toMatchObject({ type: 'changed', value: { pids: [pid] }, previous: { pids: [], path } });
    expect(changed.value).not.toHaveProperty('path');
    await made.close();
    await inside.kill();
    expect(await next(changes, isMade)).toMatchObject({
      type: 'removed',
      value: { id: made.id, pids: [pid] },
    });
    expect(await changes.return?.()).toEqual({ done: true, value: undefined });
    expect(await changes.next()).toEqual({ done: true, value: undefined });
  });

  test('without what is there already', async () => {
    const changes = Namespace.watch({ type: 'user', snapshot: false, ...soon });
    const before = await Namespace.create('user');
    const made: Namespace[] = [];
    const isMade = ({ id }: NamespaceInfo) => made.some((one) => one.id === id);
    let told: Change<NamespaceInfo> | undefined;
    const nextAdded = async (): Promise<Change<NamespaceInfo>> => {
      const change = await next(changes, (info) => isMade(info) || info.id === before.id);
      // Those that were there may change: the first look takes long enough for several to be made meanwhile.
      return change.type === 'changed' ? nextAdded() : change;
    };
    const first = nextAdded().then((change) => {
      told = change;
    });
    // Those that were there when it began are not told.
    while (!told) {
      made.push(await Namespace.create('user'));
      await Promise.race([first, sleep(50)]);
    }
    expect(told).toMatchObject({ type: 'added', initial: false });
    expect(isMade(told.value)).toBe(true);
    await changes.return?.();
    await Promise.all([before, ...made].map((one) => one.close()));
  });

  test('gives a slow reader the net change of each', async () => {
    const changes = Namespace.watch({ type: 'uts', ...soon });
    const kept = await hold();
    const isKept = ({ pids }: NamespaceInfo) => pids.includes(kept.pid);
    expect(await next(changes, isKept)).toMatchObject({ type: 'added' });
    const brief = await hold();
    const first = await Namespace.ofProcess(brief.pid, 'uts');
    await first.close();
    await brief.end();
    await kept.end();
    const seen: number[] = [];
    for (;;) {
      const change = await next(changes, () => true);
      seen.push(change.value.id);
      if (change.type === 'removed' && isKept(change.value)) break;
    }
    expect(seen).not.toContain(first.id);
    await changes.return?.();
  });

  test('does not take one for another that was given its inode', async () => {
    const own = (await Namespace.list({ type: 'uts' }))[0]!;
    if (own.uniqueId === undefined) return;
    const changes = Namespace.watch({ type: 'user', ...soon });
    const first = await Namespace.create('user');
    expect(await next(changes, ({ id }) => id === first.id)).toMatchObject({ type: 'added' });
    // Inodes are given again, the lowest first.
    let again: Namespace | undefined;
    await first.close();
    for (let i = 0; i < 2000 && again?.id !== first.id; i++) {
      await again?.close();
      again = await Namespace.create('user');
    }
    if (again?.id === first.id) {
      const told = [await next(changes, ({ id }) => id === first.id)];
      told.push(await next(changes, ({ id }) => id === first.id));
      expect(told.map(({ type }) => type).sort()).toEqual(['added', 'removed']);
    }
    await again?.close();
    await changes.return?.();
  });

  test.runIf(privileged)('of network namespaces: those with a name, each name', async () => {
    const name = `nsnet-watch-${process.pid}`;
    const changes = Netns.watch({ snapshot: false, ...soon });
    const first = next(changes, (info) => info.name?.startsWith(name) === true);
    await sleep(50);
    await using netns = await Netns.create(`${name}-a`);
    expect(await first).toMatchObject({
      type: 'added',
      value: { id: netns.id, path: `/run/netns/${name}-a` },
    });
    await using unnamed = await Netns.create();
    await netns.attach(`${name}-b`);
    const second = await next(changes, ({ id }) => id === netns.id || id === unnamed.id);
    expect(second).toMatchObject({ type: 'added', value: { id: netns.id, name: `${name}-b` } });
    await run('ip', ['netns', 'delete', `${name}-b`]);
    const third = await next(changes, ({ id }) => id === netns.id);
    expect(third).toMatchObject({ type: 'removed', value: { name: `${name}-b` } });
    await changes.return?.();
  });
});

test(
  'in a storm what was told adds up, and what stays is never taken for gone',
  async () => {
    const rounds = scaled(40, 8);
    const holder = await hold();
    const list = await Namespace.list();
    const stays = list.filter(({ pids }) => pids.includes(holder.pid)).map(({ type, id }) => `${type} ${id}`);
    expect(stays.length).toBeGreaterThanOrEqual(7);
    const changes = Namespace.watch({ interval: 1 });
    const there = new Map<string, NamespaceInfo>();
    const keyOf = ({ type, id, uniqueId }: NamespaceInfo) => `${type} ${id} ${uniqueId}`;
    const gone: string[] = [];
    const reading = (async () => {
      for await (const { type, value } of changes) {
        expect(there.has(keyOf(value))).toBe(type !== 'added');
        if (type === 'removed') there.delete(keyOf(value));
        else there.set(keyOf(value), value);
        if (type === 'removed') gone.push(`${value.type} ${value.id}`);
      }
    })();
    const user = ['--user', '--map-root-user'];
    const script = `for i in $(seq ${rounds}); do unshare ${user.join(' ')} --net --uts --ipc --pid --fork sh -c 'sleep 0.01 & true' & unshare ${user.join(' ')} --mount true; done; wait`;
    do {
      await Promise.all([run('sh', ['-c', script]), run('sh', ['-c', script])]);
    } while (gone.length === 0);
    await changes.return?.();
    await reading;
    expect(gone.filter((one) => stays.includes(one))).toEqual([]);
    expect([...there.values()].map(({ type, id }) => `${type} ${id}`)).toEqual(expect.arrayContaining(stays));
    await holder.end();
  },
  patience(60_000),
);

describe('it ends', () => {
  test('by break, quietly', async () => {
    for await (const change of Namespace.watch()) {
      expect(change.type).toBe('added');
      break;
    }
  });

  test.each([
    ['at once', 0],
    ['while it is waited for', 100],
  ])('by return() %s', async (_, delay) => {
    const changes = Namespace.watch({ type: 'time', snapshot: false, interval: 100_000 });
    const pending = changes.next();
    await sleep(delay);
    await changes.return?.();
    expect(await pending).toEqual({ done: true, value: undefined });
  });

  test('by an abort: before, at once, and while it is waited for', async () => {
    const aborted = { name: 'AbortError', code: 'ABORT_ERR' };
    await expect(Namespace.watch({ signal: AbortSignal.abort() }).next()).rejects.toMatchObject(aborted);
    for (const delay of [0, 1, 100]) {
      const controller = new AbortController();
      const { signal } = controller;
      const pending = Namespace.watch({ type: 'time', snapshot: false, interval: 100_000, signal }).next();
      setTimeout(() => controller.abort(), delay);
      await expect(pending).rejects.toMatchObject(aborted);
    }
  });
});

test.each<[string, unknown, string]>([
  ['a type that is none', { type: 'disk' }, 'ERR_INVALID_ARG_VALUE'],
  ['an interval of nothing', { interval: 0 }, 'ERR_OUT_OF_RANGE'],
  ['a fraction of an interval', { interval: 1.5 }, 'ERR_OUT_OF_RANGE'],
  ['an interval as text', { interval: '1s' }, 'ERR_INVALID_ARG_TYPE'],
  ['a snapshot that is no boolean', { snapshot: 'no' }, 'ERR_INVALID_ARG_TYPE'],
  ['a signal that is none', { signal: {} }, 'ERR_INVALID_ARG_TYPE'],
  ['a misspelt option', { intervall: 1 }, 'ERR_INVALID_ARG_VALUE'],
  ['no options', null, 'ERR_INVALID_ARG_TYPE'],
])('%s is refused', (_, options, code) => {
  expect(() => Namespace.watch(options as NamespaceWatchOptions)).toThrow(expect.objectContaining({ code }));
  if (code !== 'ERR_INVALID_ARG_VALUE')
    expect(() => Netns.watch(options as NamespaceWatchOptions)).toThrow(expect.objectContaining({ code }));
});

describe.each(MODES.slice(0, 2))('a program of its own: $mode', ({ env }) => {
  const program = new URL('fixtures/watch.mjs', import.meta.url).pathname;
  const start = (what: string) =>
    new Child(process.execPath, [program, what], { env: { ...process.env, ...env } });

  test('ends with a watch that nobody waits for', async () => {
    const child = start('idle');
    expect(await child.next()).toBe('idle');
    const late = sleep(patience(5000), 'it does not end');
    expect(await Promise.race([child.ended, late])).toMatchObject({ code: 0 });
  });

  test('stays while one is waited for', async () => {
    const child = start('waiting');
    expect(await child.next()).toBe('waiting');
    expect(await Promise.race([child.ended, sleep(patience(2000), 'alive')])).toBe('alive');
    await child.kill();
  });

  test('has Workers that list, search and watch, and are terminated in the middle of it', async () => {
    const child = start('workers');
    expect(await child.next()).toMatchObject({ told: 7, left: [] });
    expect(await child.ended).toMatchObject({ code: 0 });
  });
});
