// A program that is killed has no chance to clean up: the kernel does, since all it made is held by descriptors.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { Child, fixture, MODES, patience } from '../fixtures/native/child.js';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';
import { run } from '../support/witness.js';

interface Hoard {
  pid: number;
  netnsFd: number;
  userFd: number;
}

const pids = () => readdirSync('/proc').filter((name) => /^\d+$/.test(name));

function read<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch {
    return otherwise;
  }
}

/** Which of these network namespaces any process is in, or holds a descriptor of. */
function held(ids: readonly number[]): string[] {
  const wanted = new Set(ids.map((id) => `net:[${id}]`));
  return pids().flatMap((pid) => {
    const fds = read(() => readdirSync(`/proc/${pid}/fd`), []).map((fd) => `/proc/${pid}/fd/${fd}`);
    return [`/proc/${pid}/ns/net`, ...fds]
      .map((path) => read(() => readlinkSync(path), ''))
      .filter((link) => wanted.has(link));
  });
}

function stubs(): string[] {
  return pids().filter((pid) =>
    read(() => readFileSync(`/proc/${pid}/cmdline`, 'latin1'), '').startsWith('nsnet-stub'),
  );
}

async function listed(): Promise<number[]> {
  const { namespaces } = JSON.parse(await run('lsns', ['-J', '-t', 'net', '-o', 'NS']));
  return namespaces.map(({ ns }: { ns: number }) => ns);
}

const joins = privileged ? ['--net'] : ['--user', '--preserve-credentials', '--net'];

/** A process that stays in the namespace in the middle, and sees the far ends of the cables go. */
async function watch({ pid, netnsFd, userFd }: Hoard) {
  const fd = (number: number) => `/proc/${pid}/fd/${number}`;
  const user = privileged ? [] : [`--user=${fd(userFd)}`, '--preserve-credentials'];
  const watcher = new Child('nsenter', [
    ...user,
    `--net=${fd(netnsFd)}`,
    'sh',
    '-c',
    'echo 1; exec sleep 600',
  ]);
  await watcher.next();
  const enter = [`--target=${watcher.pid}`, ...joins];
  const links = async () => {
    const printed = JSON.parse(await run('nsenter', [...enter, 'ip', '-j', 'link']));
    return (printed as { ifname: string }[]).map(({ ifname }) => ifname);
  };
  return { links, end: () => watcher.kill() };
}

const until = (check: () => unknown) => vi.waitFor(check, { timeout: patience(10_000), interval: 50 });

test(
  'fifty anonymous namespaces with bridges and cables',
  async () => {
    const count = scaled(50, 5);
    const hoard = fixture('hoard.mjs', { args: [String(count)] });
    const place = await hoard.next<Hoard>();
    const watcher = await watch(place);
    try {
      hoard.say('begin');
      const { ids } = await hoard.next<{ ids: number[] }>();
      expect(new Set(ids).size).toBe(count);
      expect(held(ids)).toHaveLength(count);
      expect(await watcher.links()).toHaveLength(count + 1);
      expect((await hoard.kill()).signal).toBe('SIGKILL');
      await until(() => expect(held(ids)).toEqual([]));
      // The far end of a cable goes when the kernel takes the namespace of the other to pieces.
      await until(async () => expect(await watcher.links()).toEqual(['lo']));
      const still = await listed();
      expect(ids.filter((id) => still.includes(id))).toEqual([]);
    } finally {
      await Promise.all([hoard.kill(), watcher.end()]);
    }
  },
  patience(60_000),
);

describe('at a random moment of their making', () => {
  test.each(MODES.slice(0, 2))(
    '$mode',
    async ({ env }) => {
      let amongLinks = 0;
      for (let round = scaled(10, 2); round > 0; round--) {
        const hoard = fixture('hoard.mjs', { env, args: ['1000'] });
        const watcher = await watch(await hoard.next<Hoard>());
        try {
          hoard.say('begin');
          await sleep(patience(20 + Math.random() * 150));
          // Slow machines have made nothing by then: once at least it is when something is there.
          if (round === 1) {
            await until(async () => {
              amongLinks += (await watcher.links()).length - 1;
              expect(amongLinks).toBeGreaterThan(0);
            });
          }
          const going = [...stubs()];
          expect((await hoard.kill()).signal).toBe('SIGKILL');
          amongLinks += (await watcher.links()).length - 1;
          const alive = new Set([...going, ...stubs()]);
          await until(() => expect(stubs().filter((pid) => alive.has(pid))).toEqual([]));
          await until(async () => expect(await watcher.links()).toEqual(['lo']));
        } finally {
          await Promise.all([hoard.kill(), watcher.end()]);
        }
      }
      // Not all before it had made anything.
      expect(amongLinks).toBeGreaterThan(0);
    },
    patience(60_000),
  );
});
