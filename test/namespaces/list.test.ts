// Beside lsns(8), which reads the same from /proc. Namespaces and processes come and go meanwhile, so what is
// compared is what lsns says both before and after.
import { existsSync, readlinkSync, statSync } from 'node:fs';
import { Namespace, type NamespaceInfo, type NamespaceType, Netns } from 'nsnet';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Child, patience } from '../fixtures/native/child.js';
import { compile } from '../fixtures/native/compile.js';
import { EVERY_TYPE, hold } from '../fixtures/native/holder.js';
import { privileged } from '../support/privileges.js';
import { scaled } from '../support/scale.js';
import { node, run } from '../support/witness.js';

interface Line {
  ns: number;
  type: NamespaceType;
  nprocs: number;
  pid: number;
  pns: number;
  ons: number;
}

const types = EVERY_TYPE.filter((type) => existsSync(`/proc/self/ns/${type}`));

async function lsns(): Promise<Map<number, Line>> {
  const printed = JSON.parse(await run('lsns', ['-J', '-o', 'NS,TYPE,NPROCS,PID,PNS,ONS']));
  return new Map((printed.namespaces as Line[]).map((line) => [line.ns, line]));
}

function shown({ id, type, pids, parent, owner }: NamespaceInfo): Line {
  return { ns: id, type, nprocs: pids.length, pid: pids[0] ?? 0, pns: parent ?? 0, ons: owner ?? 0 };
}

/** What the two say of the namespaces that were the same before and after; those of `holders` are among them. */
async function compare(type: NamespaceType | undefined, holders: readonly number[]) {
  const before = await lsns();
  const list = await Namespace.list(type && { type });
  const after = await lsns();
  const steady = [...before.values()].filter(
    (line) =>
      (type === undefined || line.type === type) &&
      JSON.stringify(line) === JSON.stringify(after.get(line.ns)),
  );
  const found = steady.map((line) => list.find(({ id }) => id === line.ns));
  // In the namespaces of this process lsns itself is, too.
  const seen = found.map((info, i) => {
    if (!info) return undefined;
    return { ...shown(info), ...(info.pids.includes(process.pid) && { nprocs: steady[i]!.nprocs }) };
  });
  const invented = list.filter(({ id, pids }) => pids.length > 0 && !before.has(id) && !after.has(id));
  expect(seen).toEqual(steady);
  expect(invented).toEqual([]);
  const both = new Set(steady.map(({ ns }) => ns));
  for (const holder of holders) {
    const own = list.filter(({ id, pids }) => both.has(id) && pids.includes(holder));
    expect(own).toHaveLength(type === undefined ? types.length : 1);
  }
}

test.each(types)('%s: as lsns lists them', async (type) => {
  const holder = await hold();
  await vi.waitFor(() => compare(type, [holder.pid]), { timeout: patience(10_000), interval: 10 });
  await holder.end();
});

test(
  'all types, on a machine that is full of namespaces, among them some that lsns does not show',
  async () => {
    const keeper = await compile('keeper.c');
    onTestFinished(() => keeper.remove());
    const holders = await Promise.all(Array.from({ length: 10 }, () => hold()));
    const user = ['--user', '--map-root-user'];
    // User and pid namespaces in one another, and some types alone.
    const deep = [...user, '--pid', '--fork', '--kill-child'];
    const say = "cut -d' ' -f4 /proc/self/stat; exec sleep 600";
    const commands = [
      ['unshare', ...deep, 'unshare', ...deep, 'unshare', ...deep],
      ...types.filter((type) => type !== 'mnt').map((type) => ['unshare', ...deep, `--${type}`]),
      ['unshare', ...user, 'unshare', ...user, 'unshare', ...user, '--mount'],
    ];
    const children = commands.map(([file = '', ...args]) => new Child(file, [...args, 'sh', '-c', say]));
    const pids = await Promise.all(children.map((child) => child.next<number>()));
    const unseen = ['thread', 'pid', 'mounted', 'thread-fd'].map((mode) => new Child(keeper.file, [mode]));
    const kept = await Promise.all(unseen.map((child) => child.next<{ id: number }>()));
    const netns = await Promise.all(Array.from({ length: 10 }, () => Netns.create()));
    const all = [...holders.map(({ pid }) => pid), ...pids];
    await vi.waitFor(() => compare(undefined, all), { timeout: patience(20_000), interval: 10 });
    const list = await Namespace.list();
    const shownByLsns = await lsns();
    for (const { id } of [...kept, ...netns]) {
      expect(list).toContainEqual(expect.objectContaining({ id, pids: [], owner: expect.any(Number) }));
      expect(shownByLsns.has(id)).toBe(false);
    }
    // Every owner and parent that is told is told of, too.
    const ids = new Set(list.map(({ type, id }) => `${type} ${id}`));
    for (const { type, owner, parent } of list) {
      if (owner !== undefined) expect(ids).toContain(`user ${owner}`);
      if (parent !== undefined) expect(ids).toContain(`${type} ${parent}`);
    }
    await Promise.all([...netns.map((one) => one.close()), ...holders.map((one) => one.end())]);
    await Promise.all([...unseen, ...children].map((child) => child.kill()));
  },
  patience(60_000),
);

test(
  'while processes and namespaces come and go by the hundred: all that stays, and nothing by halves',
  async () => {
    const holder = await hold();
    const wanted = types.map((type) => readlinkSync(`/proc/${holder.pid}/ns/${type}`));
    const script = `for i in $(seq ${scaled(60, 10)}); do unshare --user --map-root-user --net --uts --ipc --mount true & true & [ $((i % 8)) = 0 ] && wait; done; wait`;
    let storm = true;
    const storms = Promise.all([1, 2].map(() => run('sh', ['-c', script]))).finally(() => {
      storm = false;
    });
    let lists = 0;
    while (storm) {
      for (const list of await Promise.all([Namespace.list(), Namespace.list(), Namespace.list()])) {
        const seen = list.filter(({ pids }) => pids.includes(holder.pid));
        expect(seen.map(({ type, id }) => `${type}:[${id}]`).sort()).toEqual(wanted.sort());
        for (const { pids } of list) expect(pids).toEqual([...new Set(pids)].toSorted((a, b) => a - b));
        // The first user namespace has no owner; what is mounted where nothing leads to it tells of none.
        const told = list.filter(({ type, pids, path }) => type !== 'user' && (pids.length > 0 || path));
        expect(told.filter(({ owner }) => owner === undefined)).toEqual([]);
        lists++;
      }
    }
    expect(lists).toBeGreaterThan(0);
    await storms;
    await holder.end();
  },
  patience(60_000),
);

describe('as an ordinary user', () => {
  const program = new URL('fixtures/list.mjs', import.meta.url).pathname;
  interface Said {
    pid: number;
    list: NamespaceInfo[];
  }

  test('what other users have is not seen', async () => {
    const child = new Child(process.execPath, [program, ...(privileged ? ['65534'] : [])]);
    const { pid, list } = await child.next<Said>();
    const seen = new Set(list.flatMap(({ pids }) => pids));
    expect(seen).toContain(pid);
    expect(seen).not.toContain(1);
    const uids = [...seen].map((one) => ownerOf(one)).filter((uid) => uid !== undefined);
    expect(new Set(uids)).toEqual(new Set([65534]));
    await child.end();
  });

  test.runIf(privileged)('nor what /proc hides', async () => {
    const mount = 'mount -t proc -o hidepid=2 proc /proc && exec "$@"';
    const [file = '', ...rest] = node;
    const command = ['unshare', '--mount', 'sh', '-c', mount, 'sh', file, ...rest, program, '65534'];
    const { pid, list } = JSON.parse(await run(command[0]!, command.slice(1))) as Said;
    expect(list.map(({ type }) => type).sort()).toEqual(expect.arrayContaining(types.toSorted()));
    const seen = new Set(list.flatMap(({ pids }) => pids));
    expect(seen).toContain(pid);
    for (const one of seen) expect([65534, undefined]).toContain(ownerOf(one));
  });

  // Sanitizers themselves need it.
  test.runIf(privileged && node.length === 1)('nor anything where /proc is empty', async () => {
    const hide = 'mount -t tmpfs none /proc && exec "$@"';
    const [file = '', ...rest] = node;
    const args = ['--mount', 'sh', '-c', hide, 'sh', file, ...rest, program];
    expect(JSON.parse(await run('unshare', args))).toMatchObject({ list: [] });
  });
});

/** The user of a process that is still there. */
function ownerOf(pid: number): number | undefined {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid;
}

describe('what it says', () => {
  test('all types, sorted by type and id, each namespace once', async () => {
    const list = await Namespace.list();
    expect(new Set(list.map(({ type }) => type))).toEqual(new Set(types));
    expect(new Set(list.map(({ type, id }) => `${type}:${id}`)).size).toBe(list.length);
    for (const type of types) {
      const ids = list.filter((info) => info.type === type).map(({ id }) => id);
      expect(ids).toEqual(ids.toSorted((a, b) => a - b));
      expect(list).toContainEqual(
        expect.objectContaining({ type, pids: expect.arrayContaining([process.pid]) }),
      );
    }
    expect(structuredClone(list)).toEqual(list);
  });

  test('who made a user namespace', async () => {
    const holder = await hold();
    const list = await Namespace.list({ type: 'user' });
    const info = list.find(({ pids }) => pids.includes(holder.pid));
    expect(info).toMatchObject({ uid: process.getuid!() });
    await holder.end();
  });

  test('the name of a network namespace', async () => {
    const name = `nsnet-list-${process.pid}`;
    await using netns = await Netns.create(name);
    const { id, path } = netns;
    const info = (await Namespace.list({ type: 'net' })).find((one) => one.id === id);
    expect(info).toMatchObject({ type: 'net', id, name, pids: [] });
    expect(info?.path).toBe(path);
    expect(await Netns.list()).toContainEqual(expect.objectContaining({ type: 'net', id, name }));
  });

  test('nothing of a type that is none', async () => {
    const list = async () => Namespace.list({ type: 'disk' as never });
    await expect(list()).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });

  test.each<[string, unknown, string]>([
    ['a misspelt option', { tpye: 'net' }, 'ERR_INVALID_ARG_VALUE'],
    ['a signal that is none', { signal: 1 }, 'ERR_INVALID_ARG_TYPE'],
    ['a type and no filter', 'net', 'ERR_INVALID_ARG_TYPE'],
  ])('nothing for %s', async (_, filter, code) => {
    await expect(Namespace.list(filter as never)).rejects.toMatchObject({ code });
    await expect(Netns.list(filter as never)).rejects.toMatchObject({ code });
  });

  test('nothing when it was aborted, before or meanwhile', async () => {
    const aborted = { name: 'AbortError', code: 'ABORT_ERR' };
    const list = Namespace.list({ signal: AbortSignal.abort() });
    await expect(list).rejects.toMatchObject(aborted);
    await expect(Netns.list({ signal: AbortSignal.abort() })).rejects.toMatchObject(aborted);
    const controller = new AbortController();
    const late = Namespace.list({ signal: controller.signal });
    controller.abort();
    await expect(late).rejects.toMatchObject(aborted);
  });
});
