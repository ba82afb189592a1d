// @kernels
// What spawn() needs of a group: descriptors by which a process is born in it, or moves itself.
import { readdirSync } from 'node:fs';
import { Cgroup } from 'nsnet';
import { describe, expect, test } from 'vitest';
import { isCgroup, placementOf } from '../../../lib/processes/cgroups/placement.js';
import { run } from '../../support/witness.js';
import { able, groupOf, hybrid, v2 } from './support.js';

/** clone3(2) with CLONE_INTO_CGROUP into descriptor 3; the child tells where it is. */
const BORN = `
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
args = (ctypes.c_uint64 * 11)(0x200000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, 3)
pid = libc.syscall(435, ctypes.byref(args), 88)
if pid < 0: raise OSError(ctypes.get_errno(), 'clone3')
if pid == 0:
    os.write(1, open('/proc/self/cgroup', 'rb').read())
    os._exit(0)
os.waitpid(pid, 0)
`;

test('of other objects there is none', () => {
  for (const value of [undefined, null, {}, 'x', Cgroup]) expect(isCgroup(value)).toBe(false);
});

describe.runIf(able)('placement', () => {
  test.runIf(v2 || hybrid)('at birth, on v2', async () => {
    const cgroup = await groupOf();
    expect(isCgroup(cgroup)).toBe(true);
    const placement = await placementOf(cgroup);
    const told = await run('python3', ['-c', BORN], [placement.directory?.number as number]);
    expect(told).toMatch(new RegExp(`^0::.*/nsnet/${cgroup.name}$`, 'm'));
    await placement.close();
  });

  test('by itself, in every hierarchy; afterwards nothing is open', async () => {
    const cgroup = await groupOf();
    const before = readdirSync('/proc/self/fd').length;
    const placement = await placementOf(cgroup);
    const fds = [...placement.procs, ...(placement.unifiedProcs ? [placement.unifiedProcs] : [])];
    expect(fds.length).toBeGreaterThan(0);
    const writes = fds.map((_, i) => `echo 0 >&${i + 3}`).join('; ');
    const told = await run(
      'sh',
      ['-ec', `${writes}; cat /proc/self/cgroup`],
      fds.map(({ number }) => number),
    );
    const moved = told.split('\n').filter((line) => line.endsWith(`/nsnet/${cgroup.name}`));
    expect(moved).toHaveLength(fds.length);
    await placement.close();
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  });
});
