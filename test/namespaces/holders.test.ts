// Namespaces that no process is in: what keeps them is found, told, and leads back to them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Namespace, type NamespaceInfo, type NamespaceType, Netns } from 'nsnet';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Child, patience } from '../fixtures/native/child.js';
import { compile } from '../fixtures/native/compile.js';
import { hold } from '../fixtures/native/holder.js';
import { privileged } from '../support/privileges.js';
import { run } from '../support/witness.js';

const idOf = (path: string) => Number(/\[(\d+)\]/.exec(readlinkSync(path))?.[1]);
const ownId = (type: NamespaceType) => idOf(`/proc/self/ns/${type}`);

async function opened(info: NamespaceInfo): Promise<number> {
  await using namespace = await Namespace.open(info);
  expect(namespace.type).toBe(info.type);
  return namespace.id;
}

/** What is told of it; that it can be opened by that, and by nothing but its type and id as well. */
async function told(type: NamespaceType, id: number): Promise<NamespaceInfo> {
  const all = (await Namespace.list()).filter((one) => one.id === id);
  expect(all).toEqual([expect.objectContaining({ type, id })]);
  const info = all[0]!;
  expect((await Namespace.list({ type })).find((one) => one.id === id)).toEqual(info);
  expect(await opened(info)).toBe(id);
  expect(await opened({ type, id, pids: [] })).toBe(id);
  if (info.path !== undefined) {
    await using namespace = await Namespace.open({ path: info.path });
    expect(namespace.id).toBe(id);
  }
  return info;
}

/** It is not there any more, by and by; what was told of it leads to nothing then. */
async function isGone(info: NamespaceInfo): Promise<void> {
  const { type, id, uniqueId } = info;
  const look = async () => {
    const now = (await Namespace.list({ type })).find((one) => one.id === id && one.uniqueId === uniqueId);
    expect(now).toBeUndefined();
  };
  await vi.waitFor(look, { timeout: patience(10_000), interval: 20 });
  await expect(Namespace.open(info)).rejects.toMatchObject({ code: 'ESTALE', errno: -116 });
}

function canUse(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

let keeper: Awaited<ReturnType<typeof compile>>;
beforeAll(async () => {
  keeper = await compile('keeper.c');
});
afterAll(() => keeper.remove());

interface Kept {
  pid: number;
  thread: number;
  id: number;
}

const timed = existsSync('/proc/self/ns/time');

describe('kept by a process that is not in it', () => {
  test.each([
    ['thread', 'net', ({ pid, thread }: Kept) => `/proc/${pid}/task/${thread}/ns/net`],
    ['thread-fd', 'net', ({ pid, thread }: Kept) => `/proc/${pid}/task/${thread}/fd/100`],
    ['thread-mounts', 'uts', ({ pid, thread }: Kept) => `/proc/${pid}/task/${thread}/root/srv/uts`],
    ['mounted', 'uts', ({ pid }: Kept) => `/proc/${pid}/fd/100`],
    ['pid', 'pid', ({ pid }: Kept) => `/proc/${pid}/ns/pid_for_children`],
    ...(timed ? [['time', 'time', ({ pid }: Kept) => `/proc/${pid}/ns/time_for_children`] as const] : []),
  ] as const)('by its %s', async (mode, type, path) => {
    const child = new Child(keeper.file, [mode]);
    const kept = await child.next<Kept>();
    const info = await told(type, kept.id);
    expect(info).toMatchObject({ pids: [], path: path(kept), owner: idOf(`/proc/${kept.pid}/ns/user`) });
    expect(info.parent).toBe(type === 'pid' ? ownId('pid') : undefined);
    await child.end();
    await isGone(info);
  });

  test('whose first thread has ended: it is in what the others are in', async () => {
    const child = new Child(keeper.file, ['leader']);
    const { pid, id } = await child.next<Kept>();
    const info = await told('net', id);
    expect(info.pids).toEqual([pid]);
    await child.end();
    await isGone(info);
  });

  test('by a descriptor', async () => {
    const made = await Namespace.create('user');
    const other = spawn('sleep', ['600'], { stdio: ['ignore', 'ignore', 'ignore', made.fd] });
    onTestFinished(() => void other.kill('SIGKILL'));
    expect(await told('user', made.id)).toMatchObject({
      pids: [],
      path: `/proc/${Math.min(process.pid, other.pid!)}/fd/${process.pid < other.pid! ? made.fd : 3}`,
      uid: process.getuid!(),
      owner: ownId('user'),
      parent: ownId('user'),
    });
    await made.close();
    const info = await told('user', made.id);
    expect(info).toMatchObject({ pids: [], path: `/proc/${other.pid}/fd/3` });
    other.kill('SIGKILL');
    await once(other, 'exit');
    await isGone(info);
  });

  test('and what is told is where something else is by now', async () => {
    await using made = await Namespace.create('user');
    const info = await told('user', made.id);
    for (const path of [
      `/proc/${process.pid}/fd/0`,
      '/proc/1/root/dev/null',
      '/proc/0/fd/1',
      '/nowhere',
      'x',
    ])
      expect(await opened({ ...info, path })).toBe(made.id);
  });
});

describe('kept by its relatives alone', () => {
  test('a user namespace that is the parent of one', async () => {
    // Two, one inside the other; the process stays in the inner one.
    const again = ['unshare', '--user', '--map-root-user'];
    const say = 'echo $$; exec sleep 600';
    const child = new Child('unshare', [...again.slice(1), ...again, 'sh', '-c', say]);
    const pid = await child.next<number>();
    const inner = (await Namespace.list({ type: 'user' })).find(({ pids }) => pids.includes(pid))!;
    expect(inner).toMatchObject({ id: idOf(`/proc/${pid}/ns/user`), owner: inner.parent });
    const outer = await told('user', inner.parent!);
    expect(outer).toMatchObject({ pids: [], parent: ownId('user'), uid: process.getuid!() });
    expect(outer).not.toHaveProperty('path');
    await child.kill();
    await isGone(outer);
  });

  test('a user namespace that owns one', async () => {
    // The network namespace is held by a descriptor, and nobody is in it nor in its owner.
    const holder = await hold();
    const fd = await Netns.ofProcess(holder.pid);
    const owner = idOf(`/proc/${holder.pid}/ns/user`);
    await holder.end();
    expect(await told('net', fd.id)).toMatchObject({
      pids: [],
      owner,
      path: `/proc/${process.pid}/fd/${fd.fd}`,
    });
    const info = await told('user', owner);
    expect(info).toMatchObject({ pids: [], parent: ownId('user') });
    expect(info).not.toHaveProperty('path');
    await fd.close();
    await isGone(info);
  });

  test('a pid namespace that is the parent of one, both of them dead', async () => {
    const user = privileged ? [] : ['--user', '--map-root-user'];
    const inside = ['unshare', '--pid', '--fork', '--kill-child', 'sh', '-c'];
    const say = "cut -d' ' -f4 /proc/self/stat; exec sleep 600";
    const child = new Child('unshare', [...user, '--pid', '--fork', '--kill-child', ...inside, say]);
    const pid = await child.next<number>();
    const held = await Namespace.ofProcess(pid, 'pid');
    await using parent = await held.parent();
    const outer = parent.id;
    await parent.close();
    expect((await told('pid', outer)).pids).toHaveLength(1);
    await child.kill();
    await vi.waitFor(async () => expect((await told('pid', outer)).pids).toEqual([]), patience(10_000));
    expect(await told('pid', held.id)).toMatchObject({ pids: [], parent: outer, path: expect.any(String) });
    const info = await told('pid', outer);
    expect(info).toMatchObject({ pids: [], parent: ownId('pid') });
    expect(info).not.toHaveProperty('path');
    await held.close();
    await isGone(info);
  });
});

/** A directory to mount in. */
function place(): string {
  const directory = mkdtempSync(join(tmpdir(), 'nsnet-holders-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

describe('kept by a mount', () => {
  test.runIf(privileged)('here', async () => {
    const at = join(place(), 'a name\twith \\ and ü');
    writeFileSync(at, '');
    await run('unshare', [`--uts=${at}`, 'true']);
    try {
      const info = await told('uts', statSync(at).ino);
      expect(info).toMatchObject({ pids: [], path: at, owner: ownId('user') });
      await run('umount', [at]);
      await isGone(info);
    } finally {
      await run('umount', ['-q', at]).catch(() => {});
    }
  });

  test.runIf(privileged)('here, hidden by another: it is there, and nothing leads to it', async () => {
    const at = place();
    mkdirSync(join(at, 'hidden'));
    writeFileSync(join(at, 'hidden', 'ipc'), '');
    try {
      await run('unshare', [`--ipc=${join(at, 'hidden', 'ipc')}`, 'true']);
      const { id } = await told('ipc', statSync(join(at, 'hidden', 'ipc')).ino);
      await run('mount', ['-t', 'tmpfs', 'hiding', join(at, 'hidden')]);
      const info = (await Namespace.list({ type: 'ipc' })).find((one) => one.id === id);
      expect(info).toEqual({ type: 'ipc', id, pids: [] });
      await expect(Namespace.open(info!)).rejects.toMatchObject({ code: 'ESTALE' });
    } finally {
      await run('umount', ['-q', join(at, 'hidden')]).catch(() => {});
      await run('umount', ['-q', join(at, 'hidden', 'ipc')]).catch(() => {});
    }
  });

  test('in a mount namespace of another process', async () => {
    const user = privileged ? [] : ['--user', '--map-root-user'];
    const script = [
      'mount -t tmpfs x /srv; mkdir "/srv/a b"; touch "/srv/a b/uts"',
      'unshare --uts="/srv/a b/uts" readlink /proc/self/ns/uts | tr -dc 0-9; echo',
      "cut -d' ' -f4 /proc/self/stat; exec sleep 600",
    ];
    const child = new Child('unshare', [...user, '--mount', 'sh', '-ec', script.join('\n')]);
    const id = await child.next<number>();
    const pid = await child.next<number>();
    const info = await told('uts', id);
    expect(info).toMatchObject({ pids: [], path: `/proc/${pid}/root/srv/a b/uts` });
    expect(info.owner).toBe(idOf(`/proc/${pid}/ns/user`));
    await child.kill();
    await isGone(info);
  });
});

describe.runIf(privileged)('with a name', () => {
  const name = `nsnet-holders-${process.pid}`;

  test('that ip netns gave, and another', async () => {
    await run('ip', ['netns', 'add', `${name}-b`]);
    try {
      const id = (await Netns.list()).find((one) => one.name === `${name}-b`)!.id;
      expect(await told('net', id)).toMatchObject({
        name: `${name}-b`,
        path: `/run/netns/${name}-b`,
        pids: [],
      });
      await using netns = await Netns.open(`${name}-b`);
      await netns.attach(`${name}-a`);
      expect(await told('net', id)).toMatchObject({ name: `${name}-a`, path: `/run/netns/${name}-a` });
      const names = (await Netns.list()).filter((one) => one.id === id).map((one) => one.name);
      expect(names).toEqual([`${name}-a`, `${name}-b`]);
    } finally {
      await run('ip', ['netns', 'delete', `${name}-b`]);
    }
  });

  test('that is a link to the namespace of a process', async () => {
    mkdirSync('/run/netns', { recursive: true });
    const holder = await hold();
    const at = `/run/netns/${name}`;
    symlinkSync(`/proc/${holder.pid}/ns/net`, at);
    try {
      const info = await told('net', idOf(`/proc/${holder.pid}/ns/net`));
      expect(info).toMatchObject({ name, path: at, pids: expect.arrayContaining([holder.pid]) });
      expect(await Netns.list()).toContainEqual(
        expect.objectContaining({ name, id: info.id, pids: info.pids }),
      );
    } finally {
      rmSync(at);
    }
    await holder.end();
  });

  test('and what is no namespace has none', async () => {
    mkdirSync('/run/netns', { recursive: true });
    const at = `/run/netns/${name}`;
    for (const make of [
      () => writeFileSync(at, ''),
      () => run('mkfifo', [at]),
      () => symlinkSync('/proc/self/ns/uts', at),
      () => symlinkSync('/nowhere', at),
    ]) {
      await make();
      try {
        expect((await Netns.list()).map((one) => one.name)).not.toContain(name);
        expect((await Namespace.list()).map((one) => one.name)).not.toContain(name);
      } finally {
        rmSync(at);
      }
    }
  });
});

test('a label', async () => {
  await using netns = await Netns.create(privileged ? undefined : 'label');
  if (privileged) return;
  const info = await told('net', netns.id);
  expect(info).toMatchObject({ name: 'label', pids: [], owner: expect.any(Number) });
  expect(info).not.toHaveProperty('path');
  expect(await Netns.list()).toEqual([info]);
});

test.runIf(canUse('/dev/fuse'))('a file system that never answers is not asked', async () => {
  const child = new Child(keeper.file, ['stuck']);
  const { pid, id } = await child.next<Kept>();
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  expect(links).toContain('/');
  const info = (await Namespace.list({ type: 'net' })).find((one) => one.id === id);
  expect(info?.pids).toContain(pid);
  await child.end();
});

test('nothing is held afterwards', async () => {
  const fds = () => readdirSync('/proc/self/fd').length;
  await Namespace.list();
  const before = fds();
  await Promise.all(Array.from({ length: 20 }, () => Namespace.list()));
  await Promise.all((await Namespace.list({ type: 'uts' })).slice(0, 1).map(opened));
  expect(fds()).toBe(before);
});
