// @kernels
// A process that is born in a group.
import { type Cgroup, run, spawn } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { able, groupOf } from './support.js';

describe.runIf(able)('a process', () => {
  test('is in the group from its first moment, and what it starts, too', async () => {
    const cgroup = await groupOf({ pids: { max: 50 } });
    const { stdout } = await run('sh', ['-c', 'cat /proc/self/cgroup'], { cgroup });
    const own = (await run('cat', ['/proc/self/cgroup'])).stdout;
    const moved = stdout.split('\n').filter((line) => line !== '' && !own.includes(`${line}\n`));
    expect(moved.length).toBeGreaterThan(0);
    for (const line of moved) expect(line).toContain('/nsnet/');
  });

  test('is listed while it runs', async () => {
    const cgroup = await groupOf({ pids: { max: 50 } });
    await using started = await spawn('sleep', ['1000'], { stdio: 'ignore', cgroup });
    expect(await cgroup.processes()).toEqual([started.pid]);
  });

  test('with a cgroup namespace of its own sees its group as the root', async () => {
    const cgroup = await groupOf({ pids: { max: 50 } });
    const namespaces = { cgroup: 'new', user: 'new' } as const;
    const { stdout } = await run('grep', ['pids\\|^0:', '/proc/self/cgroup'], { cgroup, namespaces });
    for (const line of stdout.trim().split('\n')) expect(line).toMatch(/:\/$/);
  });

  test('with a pid namespace, too, and an init', async () => {
    const cgroup = await groupOf({ pids: { max: 50 } });
    const namespaces = { pid: 'new', mnt: 'new', user: 'new' } as const;
    await using started = await spawn('sleep', ['1000'], { stdio: 'ignore', cgroup, namespaces, init: true });
    expect(await cgroup.processes()).toHaveLength(2);
    await started.close();
    expect(await cgroup.processes()).toEqual([]);
  });

  test('that needs more memory than there may be: why it ended', { timeout: 60_000 }, async () => {
    const cgroup = await groupOf({ memory: { max: '32M' } });
    const program = 'x = [bytearray(1 << 20) for _ in range(200)]';
    const { signal, reason } = await run('python3', ['-c', program], { cgroup, reject: false });
    expect({ signal, reason }).toEqual({ signal: 'SIGKILL', reason: 'oom' });
  });
});

test('a group that is none, or closed', async () => {
  await expect(spawn('true', [], { cgroup: {} as Cgroup })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARG_TYPE',
  });
});
