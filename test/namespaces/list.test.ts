// Beside lsns(8), which reads the same from /proc. Namespaces and processes come and go meanwhile, so what is
// compared is what lsns says both before and after.
import { existsSync } from 'node:fs';
import { Namespace, type NamespaceInfo, type NamespaceType, Netns } from 'nsnet';
import { describe, expect, test, vi } from 'vitest';
import { patience } from '../fixtures/native/child.js';
import { EVERY_TYPE, hold } from '../fixtures/native/holder.js';
import { run } from '../support/witness.js';

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

/** What the two say of the namespaces that were the same before and after, and how many there were. */
async function compare(type: NamespaceType, holder: number) {
  const before = await lsns();
  const list = await Namespace.list({ type });
  const after = await lsns();
  const steady = [...before.values()].filter(
    (line) => line.type === type && JSON.stringify(line) === JSON.stringify(after.get(line.ns)),
  );
  const found = steady.map((line) => list.find(({ id }) => id === line.ns));
  // In the namespaces of this process lsns itself is, too.
  const here = steady.findIndex((_, i) => found[i]?.pids.includes(process.pid));
  const seen = found.map((info) => info && shown(info));
  if (here >= 0 && seen[here]) Object.assign(seen[here], { nprocs: steady[here]!.nprocs });
  const invented = list.filter(({ id, pids }) => pids.length > 0 && !before.has(id) && !after.has(id));
  expect(seen).toEqual(steady);
  expect(invented).toEqual([]);
  expect(steady.map(({ ns }) => ns)).toContain(list.find(({ pids }) => pids.includes(holder))?.id);
}

test.each(types)('%s: as lsns lists them', async (type) => {
  const holder = await hold();
  await vi.waitFor(() => compare(type, holder.pid), { timeout: patience(10_000), interval: 10 });
  await holder.end();
});

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

  test('nothing when it was aborted', async () => {
    const list = Namespace.list({ signal: AbortSignal.abort() });
    await expect(list).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' });
  });
});
