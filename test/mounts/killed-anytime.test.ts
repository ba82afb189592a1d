// A program that is killed while it mounts has no chance to clean up: the kernel does, since all it has made is held by
// descriptors, or is in a mount namespace that is.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { OverlayMount } from 'nsnet';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Child, MODES, patience } from '../fixtures/native/child.js';
import { privileged } from '../support/privileges.js';
import { runningProcesses, startedByUs } from '../support/processes.js';
import { scaled } from '../support/scale.js';
import { type Workspace, workspace } from './support/workspace.js';

const program = fileURLToPath(new URL('./fixtures/builder.mjs', import.meta.url));

let space: Workspace;
beforeEach(() => {
  space = workspace();
  space.fill({
    'lower/file': 'content',
    'lower/directory/file': '',
    upper: null,
    work: null,
    root: null,
  });
});
afterEach(() => space[Symbol.dispose]());

function read<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch {
    return otherwise;
  }
}

const pids = () => readdirSync('/proc').filter((name) => /^\d+$/.test(name));

/** Which of these mount namespaces any of the processes is in, or holds a descriptor of. */
function held(ids: ReadonlySet<number>, among: readonly string[]): string[] {
  return among.flatMap((pid) => {
    const fds = read(() => readdirSync(`/proc/${pid}/fd`), []).map((fd) => `/proc/${pid}/fd/${fd}`);
    return [`/proc/${pid}/ns/mnt`, ...fds].filter((path) => {
      const [, id] = /^mnt:\[(\d+)\]$/.exec(read(() => readlinkSync(path), '')) ?? [];
      return ids.has(Number(id));
    });
  });
}

/** Those that are nsnet's helpers. */
const stubs = (among: readonly string[]) =>
  among.filter((pid) =>
    read(() => readFileSync(`/proc/${pid}/cmdline`, 'latin1'), '').startsWith('nsnet-stub'),
  );

const mounts = () => readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n');

/** In the environment of all that this test starts (test/support/leaks.ts). */
const mark = `NSNET_TEST_PROCESS=${process.env.NSNET_TEST_PROCESS}`;

const until = (check: () => unknown) => vi.waitFor(check, { timeout: patience(10_000), interval: 20 });

type Said = { id?: number; at?: string };

/** Starts it, and kills it at a random moment after the first it says; what it said until then. */
async function killedSometime(way: string, env: NodeJS.ProcessEnv): Promise<Said[]> {
  const child = new Child(process.execPath, [program, way, space.path], { env: { ...process.env, ...env } });
  const said: Said[] = [await child.next<Said>()];
  const rest = (async () => {
    for (;;) said.push(await child.next<Said>());
  })().catch(() => {});
  await sleep(patience(Math.random() * 100));
  expect(await child.kill()).toMatchObject({ signal: 'SIGKILL', error: '' });
  await rest;
  return said;
}

test.each([
  { way: 'tree', last: 'pivoted', what: 'a tree of mounts in a mount namespace' },
  { way: 'detached', last: 'overlay', what: 'mounts that are attached nowhere' },
])(
  'killed at a random moment of making $what',
  async ({ way, last }) => {
    const before = mounts();
    const ends = new Map<string, number>();
    let complete = 0;
    for (let round = 0; round < scaled(50, 4); round++) {
      const said = await killedSometime(way, MODES[round % 2]?.env ?? {});
      const ids = new Set(said.flatMap(({ id }) => id ?? []));
      const end = said.at(-1)?.at ?? 'begun';
      ends.set(end, (ends.get(end) ?? 0) + 1);
      complete += said.filter(({ at }) => at === last).length;
      // Not those that others start from now on: the numbers of namespaces are used again at once.
      const alive = pids();
      await until(() => {
        expect(stubs(alive)).toEqual([]);
        expect(held(ids, alive)).toEqual([]);
        expect(startedByUs(runningProcesses(), mark)).toEqual([]);
        expect(mounts()).toEqual(before);
      });
    }
    // With an index the kernel refuses an upper that another overlay still has: EBUSY.
    if (privileged) {
      await until(async () => {
        const overlay = await OverlayMount.create({
          lower: [space.at('lower')],
          upper: space.at('upper'),
          work: space.at('work'),
          index: true,
        });
        await overlay.close();
      });
    }
    expect(complete).toBeGreaterThan(0);
    expect(ends.size).toBeGreaterThan(1);
  },
  patience(120_000),
);
