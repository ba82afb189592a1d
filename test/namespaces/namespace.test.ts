import { existsSync, readlinkSync } from 'node:fs';
import * as workerThreads from 'node:worker_threads';
import { Namespace, type NamespaceType } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { EVERY_TYPE, hold } from '../fixtures/native/holder.js';
import { privileged } from '../support/privileges.js';
import { run } from '../support/witness.js';

const types = EVERY_TYPE.filter((type) => existsSync(`/proc/self/ns/${type}`));
const idOf = (pid: number | 'self', type: NamespaceType) =>
  Number(/\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/ns/${type}`))?.[1]);

async function idAndClose(made: Promise<Namespace>): Promise<number> {
  await using namespace = await made;
  return namespace.id;
}

describe('the namespaces of this process', () => {
  test.each(types)('%s', async (type) => {
    await using namespace = await Namespace.current(type);
    expect(namespace).toMatchObject({ type, id: idOf('self', type), owned: false, closed: false });
    expect(readlinkSync(`/proc/self/fd/${namespace.fd}`)).toBe(`${type}:[${namespace.id}]`);
    expect(String(namespace)).toBe(`Namespace { type: '${type}', id: ${namespace.id} }`);
    expect(JSON.parse(JSON.stringify(namespace))).toEqual({ type, id: namespace.id });
  });
});

test.runIf('markAsUncloneable' in workerThreads)('a namespace cannot be cloned', async () => {
  await using namespace = await Namespace.current('net');
  expect(() => structuredClone(namespace)).toThrow(expect.objectContaining({ name: 'DataCloneError' }));
});

describe('open', () => {
  test('a path', async () => {
    expect(await idAndClose(Namespace.open({ path: '/proc/self/ns/uts' }))).toBe(idOf('self', 'uts'));
  });

  test('a descriptor, which is duplicated', async () => {
    const first = await Namespace.current('ipc');
    await using second = await Namespace.open({ fd: first.fd });
    expect(second.fd).not.toBe(first.fd);
    await first.close();
    expect(readlinkSync(`/proc/self/fd/${second.fd}`)).toBe(`ipc:[${second.id}]`);
  });

  test('what list() gave', async () => {
    const [info] = (await Namespace.list({ type: 'uts' })).filter(({ id }) => id === idOf('self', 'uts'));
    expect(await idAndClose(Namespace.open(info!))).toBe(idOf('self', 'uts'));
  });

  test.each([
    ['what is no namespace', { path: '/dev/null' }, 'EINVAL'],
    ['a file that is not there', { path: '/nonexistent' }, 'ENOENT'],
    ['a descriptor that is not open', { fd: 1_000_000 }, 'EBADF'],
    ['no source', undefined, 'ERR_INVALID_ARG_TYPE'],
    ['an empty source', {}, 'ERR_INVALID_ARG_TYPE'],
    ['a path with NUL', { path: '/proc\0' }, 'ERR_INVALID_ARG_VALUE'],
    ['a fraction of a descriptor', { fd: 1.5 }, 'ERR_OUT_OF_RANGE'],
    ['a negative descriptor', { fd: -1 }, 'ERR_OUT_OF_RANGE'],
    ['a descriptor as text', { fd: '3' }, 'ERR_INVALID_ARG_TYPE'],
    ['an id that is no number', { id: '1', type: 'net', pids: [] }, 'ERR_INVALID_ARG_TYPE'],
    ['a type that is none', { id: 1, type: 'disk', pids: [] }, 'ERR_INVALID_ARG_VALUE'],
  ])('%s is refused', async (_, source, code) => {
    await expect(Namespace.open(source as never)).rejects.toMatchObject({ code });
  });
});

describe('what list() gave and is gone', () => {
  test('ESTALE, with the pids and without', async () => {
    const holder = await hold();
    const info = (await Namespace.list({ type: 'net' })).find(({ pids }) => pids.includes(holder.pid))!;
    expect(info).toMatchObject({ id: idOf(holder.pid, 'net') });
    await holder.end();
    await expect(Namespace.open(info)).rejects.toMatchObject({ code: 'ESTALE', errno: -116 });
    await expect(Namespace.open({ ...info, pids: [] })).rejects.toMatchObject({ code: 'ESTALE' });
  });

  test('ESTALE where the process is in another by now', async () => {
    const [info] = await Namespace.list({ type: 'net' });
    const other = { ...info!, id: info!.id + 1, pids: [process.pid] };
    await expect(Namespace.open(other)).rejects.toMatchObject({ code: 'ESTALE' });
  });
});

describe('create', () => {
  const makable = privileged ? types.filter((type) => type !== 'pid') : (['user'] as const);

  test.each(makable)('%s', async (type) => {
    await using namespace = await Namespace.create(type);
    expect(namespace).toMatchObject({ type, owned: true });
    expect(namespace.id).not.toBe(idOf('self', type));
    expect(readlinkSync(`/proc/self/fd/${namespace.fd}`)).toBe(`${type}:[${namespace.id}]`);
    expect(await idAndClose(namespace.owner())).toBe(idOf('self', 'user'));
    const path = `/proc/${process.pid}/fd/${namespace.fd}`;
    expect(await Namespace.list({ type })).toContainEqual(
      expect.objectContaining({ type, id: namespace.id, pids: [], path, owner: idOf('self', 'user') }),
    );
  });

  test('a user namespace maps this user to its root', async () => {
    await using namespace = await Namespace.create('user');
    const enter = ['--user=/proc/self/fd/3', '--preserve-credentials'];
    const out = await run('nsenter', [...enter, 'id', '-u'], [namespace.fd]);
    expect(out.trim()).toBe('0');
    expect(await idAndClose(namespace.parent())).toBe(idOf('self', 'user'));
  });

  test('not a pid namespace, which exists only with a process', async () => {
    await expect(Namespace.create('pid' as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });

  test.runIf(!privileged)('the others need privileges', async () => {
    for (const type of types.filter((one) => one !== 'pid' && one !== 'user')) {
      const error = { code: 'EPERM', syscall: 'unshare', hint: expect.stringContaining('CAP_SYS_ADMIN') };
      await expect(Namespace.create(type)).rejects.toMatchObject(error);
    }
  });
});

test('owner and parent, as lsns prints them', async () => {
  const { pid, end } = await hold();
  const printed = JSON.parse(await run('lsns', ['-J', '-p', String(pid), '-o', 'NS,TYPE,PNS,ONS']));
  for (const type of types) {
    const line = printed.namespaces.find((one: { type: string }) => one.type === type);
    await using namespace = await Namespace.ofProcess(pid, type);
    expect(namespace.id).toBe(line.ns);
    expect(await idAndClose(namespace.owner())).toBe(line.ons);
    if (type === 'pid' || type === 'user') expect(await idAndClose(namespace.parent())).toBe(line.pns);
    else await expect(namespace.parent()).rejects.toMatchObject({ code: 'EINVAL' });
  }
  await end();
});

test('the first user namespace has no owner and no parent', async () => {
  await using user = await Namespace.current('user');
  // In a container it has some, which this process may not see.
  await expect(user.parent()).rejects.toMatchObject({ code: 'EPERM', syscall: 'ioctl' });
  await expect(user.owner()).rejects.toMatchObject({ code: 'EPERM', syscall: 'ioctl' });
});
