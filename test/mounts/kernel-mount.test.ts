// File systems that show what the kernel knows.
import { readdirSync, readFileSync } from 'node:fs';
import { Bridge, KernelMount, type KernelMountOptions, Namespace, Netns } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { privileged } from '../support/privileges.js';

test('sysfs shows the links of a network namespace', async () => {
  await using netns = await Netns.create();
  await Bridge.create({ netns, name: 'br-here' });
  await using sys = await KernelMount.create({ type: 'sysfs', namespace: netns, readonly: true });
  // The bonding module adds a file of its own.
  const names = readdirSync(`${sys.path}class/net`).filter((name) => name !== 'bonding_masters');
  expect(names.sort()).toEqual(['br-here', 'lo']);
});

test('devpts is an instance of its own', async () => {
  await using pts = await KernelMount.create({ type: 'devpts', options: { ptmxmode: '0666', mode: '0620' } });
  expect(readdirSync(pts.path)).toEqual(['ptmx']);
});

test('mqueue shows the queues of an ipc namespace', async () => {
  await using queues = await KernelMount.create({ type: 'mqueue' });
  expect(readdirSync(queues.path)).toEqual([]);
});

test('cgroup2 shows the groups below a cgroup namespace', async () => {
  await using groups = await KernelMount.create({ type: 'cgroup2' });
  expect(readdirSync(groups.path)).toContain('cgroup.procs');
});

test.runIf(privileged)('proc shows this process', async () => {
  await using proc = await KernelMount.create({ type: 'proc', options: { hidepid: 'invisible' } });
  expect(readFileSync(`${proc.path}${process.pid}/comm`, 'utf8').trim()).not.toBe('');
});

test.runIf(!privileged)('proc is refused without privileges, with the reason', async () => {
  await expect(KernelMount.create({ type: 'proc' })).rejects.toMatchObject({
    code: 'EPERM',
    hint: expect.stringContaining('pid namespace'),
  });
});

describe('bad input', () => {
  test.each<[unknown, string]>([
    [{}, 'ERR_INVALID_ARG_VALUE'],
    [{ type: 'ext4' }, 'ERR_INVALID_ARG_VALUE'],
    [{ type: 'proc', options: { hidepid: 'x'.repeat(256) } }, 'ERR_INVALID_ARG_VALUE'],
    [{ type: 'proc', options: { hidepid: false } }, 'ERR_INVALID_ARG_TYPE'],
    [{ type: 'sysfs', namespace: {} }, 'ERR_INVALID_ARG_TYPE'],
    [{ type: 'sysfs', source: 'x' }, 'ERR_INVALID_ARG_VALUE'],
  ])('%j', async (options, code) => {
    await expect(KernelMount.create(options as never)).rejects.toMatchObject({ code });
  });

  test('an option that it does not know, in the kernel’s words', async () => {
    const options: KernelMountOptions = { type: 'cgroup2', options: { nonsense: 'x' } };
    await expect(KernelMount.create(options)).rejects.toMatchObject({
      code: 'EINVAL',
      kernel: expect.stringContaining('nonsense'),
    });
  });

  test('a namespace of another type', async () => {
    await using ipc = await Namespace.current('ipc');
    await expect(KernelMount.create({ type: 'sysfs', namespace: ipc })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    });
  });
});
