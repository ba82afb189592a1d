// A program that is killed while it mounts has no chance to clean up: the kernel does, since all it has made is held by
// descriptors, or is in a mount namespace that is.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { OverlayMount, RootTree } from 'nsnet';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Child, MODES, patience } from '../fixtures/native/child.js';
import { privileged } from '../support/privileges.js';
import { runningProcesses, startedByUs } from '../support/processes.js';
import { scaled } from '../support/scale.js';
import { run } from '../support/witness.js';
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
    'base/etc/hosts': '',
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

const WAYS = [
  { way: 'tree', what: 'a tree of mounts in a mount namespace', works: true },
  { way: 'container', what: 'the root of a container', works: true },
  { way: 'detached', what: 'mounts that are attached nowhere', works: true },
  { way: 'images', what: 'mounts of images, by loop devices', works: privileged },
].filter(({ works }) => works);

async function prepare(way: string): Promise<void> {
  if (way === 'images') await run('mkfs.ext4', ['-q', '-d', space.at('lower'), space.at('image'), '2M']);
}

/** Loop devices that show a file of the workspace. */
async function loops(): Promise<string[]> {
  const files = await run('losetup', ['--list', '--noheadings', '--output', 'BACK-FILE']);
  return files.split('\n').filter((file) => file.includes(space.path));
}

type Said = { id?: number; at: string };

class Builder {
  readonly said: Said[] = [];
  readonly #child: Child;

  constructor(way: string, env: NodeJS.ProcessEnv) {
    this.#child = new Child(process.execPath, [program, way, space.path], {
      env: { ...process.env, ...env },
    });
  }

  /** Reads until it says so, by default the next. */
  async heard(at?: string): Promise<void> {
    for (;;) {
      const said = await this.#child.next<Said>();
      this.said.push(said);
      if (at === undefined || said.at === at) return;
    }
  }

  /** After a while, at most that long. */
  async kill(milliseconds: number): Promise<void> {
    const rest = (async () => {
      for (;;) await this.heard();
    })().catch(() => {});
    await sleep(Math.random() * milliseconds);
    expect(await this.#child.kill()).toMatchObject({ signal: 'SIGKILL', error: '' });
    await rest;
  }
}

/** Nothing is left of what it made: no helper, no namespace, no mount here, no loop device. */
async function nothingIsLeft(said: readonly Said[], before: readonly string[]): Promise<void> {
  const ids = new Set(said.flatMap(({ id }) => id ?? []));
  // Not those that others start from now on: the numbers of namespaces are used again at once.
  const alive = pids();
  await until(async () => {
    expect(stubs(alive)).toEqual([]);
    expect(held(ids, alive)).toEqual([]);
    expect(startedByUs(runningProcesses(), mark)).toEqual([]);
    expect(mounts()).toEqual(before);
    if (privileged) expect(await loops()).toEqual([]);
  });
}

test.each(WAYS)(
  'killed after each step of making $what',
  async ({ way }) => {
    await prepare(way);
    const before = mounts();
    const whole = new Builder(way, {});
    await whole.heard('built');
    await whole.kill(0);
    const steps = whole.said.slice(0, whole.said.findIndex(({ at }) => at === 'built') + 1);
    await nothingIsLeft(whole.said, before);
    // All of them, or as many as an emulated processor has the time for.
    const chosen = steps.filter((_, i) => i % Math.ceil(steps.length / scaled(100, 3)) === 0);
    for (const [i, { at }] of chosen.entries()) {
      const builder = new Builder(way, MODES[i % 2]?.env ?? {});
      await builder.heard(at);
      await builder.kill(patience(3));
      await nothingIsLeft(builder.said, before);
    }
    expect(steps.length).toBeGreaterThan(3);
  },
  patience(120_000),
);

test('of the root of a container that was killed only empty mount points are left, which the next one takes', async () => {
  const builder = new Builder('container', {});
  await builder.heard('built');
  await builder.kill(0);
  expect(readdirSync(space.at('base')).sort()).toEqual(['dev', 'etc', 'proc', 'srv', 'sys']);
  for (const name of ['dev', 'proc', 'sys', 'srv/merged'])
    expect(readdirSync(space.at('base', name))).toEqual([]);
  await using _tree = await RootTree.create({ base: space.at('base'), readonly: true });
});

test.each(WAYS)(
  'killed at a random moment of making $what',
  async ({ way }) => {
    await prepare(way);
    const before = mounts();
    const ends = new Map<string, number>();
    let complete = 0;
    for (let round = 0; round < scaled(12, 6); round++) {
      const builder = new Builder(way, MODES[round % 2]?.env ?? {});
      await builder.heard();
      await builder.kill(patience(200));
      const { said } = builder;
      const end = said.at(-1)?.at ?? '';
      ends.set(end, (ends.get(end) ?? 0) + 1);
      complete += said.filter(({ at }) => at === 'built').length;
      await nothingIsLeft(said, before);
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
