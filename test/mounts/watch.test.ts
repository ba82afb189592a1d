import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Change, type MountInfo, mounts, Namespace } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { forceStatmount } from '../../lib/mounts/statmount.js';
import { Child, MODES, patience } from '../fixtures/native/child.js';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';
import { run } from '../support/witness.js';
import { Room } from './support/room.js';

type Changes = AsyncIterableIterator<Change<MountInfo>>;

/** What a change is, and where. */
async function next(changes: Changes): Promise<string> {
  const { value, done } = await changes.next();
  if (done) return 'the end';
  const { type, value: mount } = value as Change<MountInfo>;
  return `${type} ${mount.target} ${mount.source}`;
}

/** A watch of what is below /srv, past what is there already. */
async function watching(room: Room): Promise<Changes> {
  const changes = mounts(room.namespace).watch({ under: '/srv' });
  expect(await next(changes)).toBe('added /srv room');
  return changes;
}

describe('a watch', () => {
  test('tells what is there, then what comes, changes, moves and goes', async () => {
    const room = await Room.open();
    await room.sh('mkdir /srv/a /srv/b');
    const changes = mounts(room.namespace).watch({ under: '/srv' });
    expect((await changes.next()).value).toMatchObject({
      type: 'added',
      initial: true,
      value: { target: '/srv' },
    });
    await room.sh('mount -t tmpfs x /srv/a');
    expect((await changes.next()).value).toMatchObject({
      type: 'added',
      initial: false,
      value: { target: '/srv/a', source: 'x', type: 'tmpfs' },
    });
    await room.sh('mount -o remount,bind,ro /srv/a');
    expect((await changes.next()).value).toMatchObject({
      type: 'changed',
      value: { target: '/srv/a', options: { readonly: true } },
      previous: { target: '/srv/a', options: { readonly: false } },
    });
    await room.sh('mount --no-mtab --move /srv/a /srv/b');
    expect((await changes.next()).value).toMatchObject({
      type: 'changed',
      value: { target: '/srv/b' },
      previous: { target: '/srv/a' },
    });
    await room.sh('umount /srv/b');
    expect(await next(changes)).toBe('removed /srv/b x');
    expect(await changes.return?.()).toEqual({ done: true, value: undefined });
    expect(await next(changes)).toBe('the end');
  });

  test('that is waited for hears of it', async () => {
    const room = await Room.open();
    const changes = await watching(room);
    const pending = [next(changes), next(changes)];
    await sleep(100);
    await room.sh('mkdir /srv/a; mount -t tmpfs x /srv/a');
    expect(await pending[0]).toBe('added /srv/a x');
    await room.sh('umount /srv/a');
    expect(await pending[1]).toBe('removed /srv/a x');
    await changes.return?.();
  });

  test('without what is there already', async () => {
    const room = await Room.open();
    const changes = mounts(room.namespace).watch({ snapshot: false });
    const first = next(changes);
    await sleep(100);
    await room.sh('mkdir /srv/a; mount -t tmpfs x /srv/a');
    expect(await first).toBe('added /srv/a x');
    await changes.return?.();
  });

  test('gives a slow reader the net change of each', async () => {
    const room = await Room.open();
    const changes = await watching(room);
    await room.sh(`mkdir /srv/a /srv/b; mount -t tmpfs old /srv/b`);
    expect(await next(changes)).toBe('added /srv/b old');
    await room.sh(
      'for i in $(seq 20); do mount -t tmpfs x /srv/a; umount /srv/a; done; umount /srv/b; mount -t tmpfs y /srv/a',
    );
    expect([await next(changes), await next(changes)]).toEqual(['removed /srv/b old', 'added /srv/a y']);
    const late = sleep(200, 'nothing more');
    const more = next(changes);
    expect(await Promise.race([more, late])).toBe('nothing more');
    await changes.return?.();
    expect(await more).toBe('the end');
  });

  test('is not taken in by a number that is used again', async ({ skip }) => {
    const room = await Room.open();
    await room.sh('mkdir /srv/a; mount -t tmpfs same /srv/a');
    const [before] = await mounts(room.namespace).list({ target: '/srv/a' });
    if (before?.uniqueId === undefined) return skip('this kernel has no unique ids');
    const changes = mounts(room.namespace).watch({ target: '/srv/a', snapshot: false });
    const first = next(changes);
    await sleep(100);
    await room.sh('umount /srv/a; mount -t tmpfs same /srv/a');
    const told = [await first, await next(changes)];
    await changes.return?.();
    expect(told.sort()).toEqual(['added /srv/a same', 'removed /srv/a same']);
  });

  test('whose filter a mount no longer fits tells that it went', async () => {
    const room = await Room.open();
    await room.sh('mkdir /srv/a /srv/b; mount -t tmpfs x /srv/a');
    const changes = mounts(room.namespace).watch({ under: '/srv/a' });
    expect(await next(changes)).toBe('added /srv/a x');
    await room.sh('mount --no-mtab --move /srv/a /srv/b');
    expect(await next(changes)).toBe('removed /srv/a x');
    await changes.return?.();
  });

  test('goes on after the namespace was closed, and its last process has ended', async () => {
    const room = await Room.open();
    const other = await Namespace.open({ fd: room.namespace.fd });
    const changes = mounts(other).watch({ under: '/srv' });
    expect(await next(changes)).toBe('added /srv room');
    await other.close();
    await room.sh('mkdir /srv/a; mount -t tmpfs x /srv/a');
    expect(await next(changes)).toBe('added /srv/a x');
    await changes.return?.();
  });

  test('without statmount(2), as before Linux 6.8', async () => {
    forceStatmount(false);
    try {
      const room = await Room.open();
      const changes = await watching(room);
      await room.sh('mkdir /srv/a; mount -t tmpfs x /srv/a');
      expect(await next(changes)).toBe('added /srv/a x');
      await room.sh('umount /srv/a');
      expect(await next(changes)).toBe('removed /srv/a x');
      await changes.return?.();
    } finally {
      forceStatmount(undefined);
    }
  });

  test.skipIf(!privileged)("of this process's own namespace", async () => {
    const at = mkdtempSync(join(tmpdir(), 'nsnet-mounts-'));
    const changes = mounts().watch({ under: at, snapshot: false });
    const first = next(changes);
    await sleep(100);
    await run('mount', ['-t', 'tmpfs', 'x', at]);
    try {
      expect(await first).toBe(`added ${at} x`);
    } finally {
      await run('umount', [at]);
      rmdirSync(at);
    }
    expect(await next(changes)).toBe(`removed ${at} x`);
    await changes.return?.();
  });
});

test(
  'in a storm nothing is lost: what was told adds up to what is there',
  async () => {
    const room = await Room.open();
    const rounds = scaled(60, 10);
    await room.sh('cd /srv; mkdir $(seq 10)');
    const changes = await watching(room);
    const told = new Map<string, number>();
    let tellLast = () => {};
    const last = new Promise<void>((resolve) => {
      tellLast = resolve;
    });
    const reading = (async () => {
      for await (const { type, value } of changes) {
        const count = (told.get(value.target) ?? 0) + (type === 'added' ? 1 : type === 'removed' ? -1 : 0);
        expect(count).toSatisfy((n: number) => n >= 0);
        told.set(value.target, count);
        if (value.source === 'last') tellLast();
      }
    })();
    const storm = (from: number) =>
      room.sh(
        `cd /srv; for i in $(seq ${rounds}); do d=$((i % 5 + ${from})); mount -t tmpfs s $d; [ $((i % 3)) = 0 ] || umount $d; done`,
      );
    await Promise.all([storm(1), storm(6)]);
    await room.sh('mkdir /srv/last; mount -t tmpfs last /srv/last');
    await last;
    await changes.return?.();
    await reading;
    const there = new Map<string, number>();
    for (const { target } of await mounts(room.namespace).list({ under: '/srv' })) {
      if (target !== '/srv') there.set(target, (there.get(target) ?? 0) + 1);
    }
    expect(Object.fromEntries([...told].filter(([, count]) => count > 0))).toEqual(Object.fromEntries(there));
  },
  patience(60_000),
);

describe('it ends', () => {
  test('by break, quietly', async () => {
    const room = await Room.open();
    for await (const change of mounts(room.namespace).watch({ target: '/srv' })) {
      expect(change.type).toBe('added');
      break;
    }
  });

  test('by return() while it is waited for', async () => {
    const room = await Room.open();
    const changes = await watching(room);
    const pending = next(changes);
    await sleep(50);
    await changes.return?.();
    expect(await pending).toBe('the end');
  });

  test('by return() at once', async () => {
    const changes = mounts().watch();
    const pending = changes.next();
    await changes.return?.();
    expect(await pending).toEqual({ done: true, value: undefined });
  });

  test('by an abort: before, at once, and while it is waited for', async () => {
    const aborted = { name: 'AbortError', code: 'ABORT_ERR' };
    await expect(mounts().watch({ signal: AbortSignal.abort() }).next()).rejects.toMatchObject(aborted);
    const early = new AbortController();
    const first = mounts().watch({ signal: early.signal }).next();
    early.abort();
    await expect(first).rejects.toMatchObject(aborted);
    const room = await Room.open();
    const late = new AbortController();
    const changes = mounts(room.namespace).watch({ snapshot: false, signal: late.signal });
    const pending = changes.next();
    await sleep(100);
    late.abort();
    await expect(pending).rejects.toMatchObject(aborted);
  });
});

describe.each(MODES.slice(0, 2))('a program of its own: $mode', ({ env }) => {
  const program = new URL('fixtures/watch.mjs', import.meta.url).pathname;
  const start = (what: string) =>
    new Child(process.execPath, [program, what], { env: { ...process.env, ...env } });

  test('ends with a watch that nobody waits for', async () => {
    const child = start('idle');
    expect(await child.next()).toBe('idle');
    expect(await Promise.race([child.ended, sleep(patience(5000), 'it does not end')])).toMatchObject({
      code: 0,
    });
  });

  test('stays while one is waited for', async () => {
    const child = start('waiting');
    expect(await child.next()).toBe('waiting');
    expect(await Promise.race([child.ended, sleep(patience(500), 'alive')])).toBe('alive');
    await child.kill();
  });

  test('has Workers that watch, and are terminated in the middle of it', async () => {
    const child = start('workers');
    expect(await child.next()).toMatchObject({ told: 3, left: [] });
    expect(await child.ended).toMatchObject({ code: 0 });
  });
});
